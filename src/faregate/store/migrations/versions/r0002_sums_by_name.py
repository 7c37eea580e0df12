"""Sums of a day by a single name, and indexes that hold the spend."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLE = "rollup_day_by_name"
_COUNTS = (
    "calls",
    "failed",
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
_MONEY = ("spend", "router_fee")
_STATES = ("priced", "estimated", "unpriced", "inconsistent", "unsettled")
_COLUMNS = (
    *_COUNTS,
    *(f"{name}_{part}" for name in _MONEY for part in ("micro", "rest")),
    *_STATES,
)
_DIMENSIONS = {
    "key": "key_id",
    "team": "team_id",
    "user": "user_id",
    "model": "requested_model",
    "served_model": "served_model",
    "deployment": "deployment",
    "provider": "provider",
    "everything": "''",
}
_ADDED_UP = ("key_id", "team_id", "user_id", "requested_model", "deployment")


def upgrade() -> None:
    """Make the table from the roll-ups there are, and the indexes anew."""
    op.create_table(
        _TABLE,
        sa.Column("dimension", sa.String(16), primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _COLUMNS),
        sqlite_with_rowid=False,
    )
    for dimension, column in _DIMENSIONS.items():
        _fill(dimension, column, "rollup_day")
    _fill("tag", "tag", "rollup_day_by_tag")
    _fill("tag", "''", "rollup_day", "WHERE NOT s.tagged")
    op.create_index("rollup_day_of_name", _TABLE, ["dimension", "name", "day"])
    op.drop_index("calls_started", "calls")
    op.create_index("calls_started", "calls", ["started", "spend_pico"])
    for name in _ADDED_UP:
        op.drop_index(f"calls_{name}", "calls")
        op.create_index(f"calls_{name}", "calls", [name, "started", "spend_pico"])


def _fill(dimension: str, column: str, source: str, condition: str = "") -> None:
    named = column if column == "''" else f"s.{column}"
    group = "r.day" if column == "''" else f"r.day, {named}"
    op.execute(
        f"INSERT INTO {_TABLE} (dimension, day, name, {', '.join(_COLUMNS)}) "  # noqa: S608
        f"SELECT '{dimension}', r.day, {named}, {', '.join(map(_sum, _COLUMNS))} "
        f"FROM {source} r JOIN series s ON s.id = r.series {condition} GROUP BY {group}"
    )


def _sum(column: str) -> str:
    """A sum that stays a whole number, with what a rest has too much carried over."""
    if column.endswith("_micro"):
        rest = column.replace("_micro", "_rest")
        return f"CAST(sum(r.{column}) AS bigint) + CAST(sum(r.{rest}) AS bigint) / 1000000"
    if column.endswith("_rest"):
        return f"CAST(sum(r.{column}) AS bigint) % 1000000"
    return f"sum(r.{column})"


def downgrade() -> None:
    """There is no way back: a ledger is never deleted by a program."""
    raise NotImplementedError("a ledger is not taken down")
