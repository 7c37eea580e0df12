"""Prompts and answers."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "contents",
        sa.Column(
            "call_id",
            sa.String(128).with_variant(sa.String(128, collation="C"), "postgresql"),
            primary_key=True,
        ),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("prompt", sa.Text),
        sa.Column("answer", sa.Text),
    )
    op.create_index("contents_at", "contents", ["at"])


def downgrade() -> None:
    """There is no way back: a ledger is never deleted by a program."""
    raise NotImplementedError("a ledger is not taken down")
