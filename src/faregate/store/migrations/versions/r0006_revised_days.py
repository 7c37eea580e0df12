"""How often sums of a day were changed by anything but new rows. It is empty: none was read yet."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "revised_days",
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("times", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """There is no way back: a ledger is never deleted by a program."""
    raise NotImplementedError("a ledger is not taken down")
