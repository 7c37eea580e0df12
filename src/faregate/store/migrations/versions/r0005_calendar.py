"""The zone days are summed in. Days were days of UTC until now, and stay so."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, with what holds so far."""
    table = op.create_table(
        "calendar",
        sa.Column("since", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("zone", sa.Text, nullable=False),
    )
    op.bulk_insert(table, [{"since": 0, "zone": "UTC"}])


def downgrade() -> None:
    """There is no way back: a ledger is never deleted by a program."""
    raise NotImplementedError("a ledger is not taken down")
