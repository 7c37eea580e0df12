"""SQLite replaces a row without deleting it as far as triggers know: that is refused as well."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Refuse entries whose number is taken."""
    if op.get_bind().dialect.name == "postgresql":
        return
    op.execute(
        "CREATE TRIGGER IF NOT EXISTS audit_no_replace BEFORE INSERT ON audit "
        "WHEN EXISTS (SELECT 1 FROM audit WHERE sequence = NEW.sequence) "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
    )


def downgrade() -> None:
    """There is no way back: a ledger is never deleted by a program."""
    raise NotImplementedError("a ledger is not taken down")
