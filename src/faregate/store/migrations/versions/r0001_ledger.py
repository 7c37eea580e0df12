"""The ledger: calls, tags, adjustments, roll-ups, entities and their audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TOKENS = (
    "input",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "output",
    "audio_input",
    "audio_cache_read",
    "audio_output",
    "image_input",
    "image_cache_read",
    "image_output",
    "reasoning",
)
_MONEY = ("spend_micro", "spend_rest", "router_fee_micro", "router_fee_rest")
_STATES = ("priced", "estimated", "unpriced", "inconsistent", "unsettled")
_PARTIAL = {
    "status": "status <> 'priced'",
    "outcome": "outcome <> 'completed'",
    "error": "error <> ''",
    "session": "session <> ''",
    "end_user": "end_user <> ''",
    "request_id": "request_id <> call_id",
}
_INDEXED = ("key_id", "team_id", "user_id", "requested_model", "served_model", "deployment")

_CALL_ID = sa.String(128).with_variant(sa.String(128, collation="C"), "postgresql")


def upgrade() -> None:
    """Make every table."""
    _calls()
    _call_tags()
    op.create_table(
        "adjustments",
        sa.Column("call_id", _CALL_ID, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        _whole("at"),
        _text("reason"),
        sa.Column("receipt_before", sa.Text),
        _text("receipt_after"),
    )
    _rollups()
    _entities()


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _calls() -> None:
    op.create_table(
        "calls",
        sa.Column("call_id", _CALL_ID, primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        _whole("started"),
        sa.Column("first_byte", sa.BigInteger),
        _whole("ended"),
        *map(_text, ("request_id", "operation", "key_id", "team_id", "user_id", "tags")),
        *map(_text, ("session", "end_user", "client", "traceparent")),
        *map(_text, ("requested_model", "sent_model", "served_model")),
        *map(_text, ("provider", "deployment", "route", "attempts")),
        _whole("fallbacks"),
        sa.Column("stream", sa.Boolean, nullable=False),
        _whole("http_status"),
        *map(_text, ("error", "outcome", "status")),
        sa.Column("total_pico", sa.BigInteger),
        *map(_whole, ("spend_pico", "input_tokens", "output_tokens")),
        sa.Column("receipt", sa.Text),
        *map(_whole, ("upstream_us", "overhead_us")),
        sa.Column("adjusted", sa.Integer, nullable=False, server_default="0"),
        postgresql_partition_by="RANGE (day)",
    )
    op.create_index("calls_started", "calls", ["started"])
    for name in _INDEXED:
        op.create_index(f"calls_{name}", "calls", [name, "started"])
    for name, condition in _PARTIAL.items():
        op.create_index(
            f"calls_{name}",
            "calls",
            [name, "started"],
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )
    _default_partition("calls")


def _call_tags() -> None:
    op.create_table(
        "call_tags",
        sa.Column("tag", sa.Text, primary_key=True),
        sa.Column("started", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("call_id", _CALL_ID, primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
        postgresql_partition_by="RANGE (day)",
    )
    op.create_index("call_tags_call", "call_tags", ["call_id"])
    _default_partition("call_tags")


def _default_partition(table: str) -> None:
    """Where rows go whose day has no partition: of ids that tell no time, of clocks that jumped."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")


def _rollups() -> None:
    names = ("key_id", "team_id", "user_id", "requested_model", "served_model")
    op.create_table(
        "series",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("digest", sa.String(32), nullable=False, unique=True),
        *map(_text, (*names, "deployment", "provider", "tag")),
        sa.Column("tagged", sa.Boolean, nullable=False),
    )
    op.create_table("units", sa.Column("unit", sa.String(32), primary_key=True))
    for period in ("day", "month"):
        for table in (f"rollup_{period}", f"rollup_{period}_by_tag"):
            op.create_table(
                table,
                sa.Column(period, sa.Integer, primary_key=True, autoincrement=False),
                sa.Column("series", sa.Integer, primary_key=True, autoincrement=False),
                *map(_whole, ("calls", "failed", *_TOKENS, *_MONEY, *_STATES)),
                sqlite_with_rowid=False,
            )


def _entities() -> None:
    op.create_table(
        "entities",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("document", sa.Text),
        _whole("changed_at"),
    )
    op.create_table(
        "audit",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        _whole("at"),
        *map(_text, ("actor", "kind", "id")),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
    )
    _append_only()


def _append_only() -> None:
    """Let the database itself refuse to change what the audit log says."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()"
        )
        return
    for event in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_no_{event.lower()} BEFORE {event} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        )


def downgrade() -> None:
    """There is no way back: a ledger is never deleted by a program."""
    raise NotImplementedError("a ledger is not taken down")
