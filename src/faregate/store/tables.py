"""The tables as SQLAlchemy sees them. Migrations make them; a test compares the two."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.sql.schema import SchemaItem

from faregate.store.rollup import COUNTS, MONEY, STATES, TOKENS

metadata = MetaData()

NAMES = (
    "key_id",
    "team_id",
    "user_id",
    "requested_model",
    "served_model",
    "deployment",
    "provider",
    "tag",
)
"""The names of a series, in the order of :class:`faregate.store.rollup.Series`."""

MEASURE_COLUMNS = (
    *COUNTS,
    *TOKENS,
    *(f"{name}_{part}" for name in MONEY for part in ("micro", "rest")),
    *STATES,
)
"""A roll-up's numbers. Money is two columns: whole micro-dollars, and the 0 … 999,999 pico-dollars
left over. Sums of either stay far inside 64 bits, where a sum of pico-dollars ends at 9.2 million
dollars."""

SELECTIVE = {
    "status": "status <> 'priced'",
    "outcome": "outcome <> 'completed'",
    "error": "error <> ''",
    "session": "session <> ''",
    "end_user": "end_user <> ''",
    "request_id": "request_id <> call_id",
}
"""Columns that are mostly one value: their indexes hold the others only, and cost nothing else. A
query that wants the index repeats the condition."""

# No call_id in these: calls that start in the same microsecond are few, and both databases sort
# them as they read. It would be a third of the file.
INDEXED = ("key_id", "team_id", "user_id", "requested_model", "served_model", "deployment")

ADDED_UP = ("key_id", "team_id", "user_id", "requested_model", "deployment")
"""Of them, those a budget may be for: their indexes hold the spend as well, so that adding up a
part of a day reads no row."""


# Compared byte by byte, wherever the server is: call ids are in the order of time.
CALL_ID = String(128).with_variant(String(128, collation="C"), "postgresql")


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _whole(name: str, *, empty: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=empty)


def _indexes() -> list[SchemaItem]:
    plain = [
        Index(f"calls_{name}", name, "started", *(["spend_pico"] if name in ADDED_UP else []))
        for name in INDEXED
    ]
    partial = [
        Index(
            f"calls_{name}",
            name,
            "started",
            sqlite_where=text(condition),
            postgresql_where=text(condition),
        )
        for name, condition in SELECTIVE.items()
    ]
    return [Index("calls_started", "started", "spend_pico"), *plain, *partial]


calls = Table(
    "calls",
    metadata,
    Column("call_id", CALL_ID, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    _whole("started"),
    _whole("first_byte", empty=True),
    _whole("ended"),
    *(_text(name) for name in ("request_id", "operation", "key_id", "team_id", "user_id", "tags")),
    *(_text(name) for name in ("session", "end_user", "client", "traceparent")),
    *(_text(name) for name in ("requested_model", "sent_model", "served_model")),
    *(_text(name) for name in ("provider", "deployment", "route", "attempts")),
    _whole("fallbacks"),
    Column("stream", Boolean, nullable=False),
    _whole("http_status"),
    *(_text(name) for name in ("error", "outcome", "status")),
    _whole("total_pico", empty=True),
    _whole("spend_pico"),
    _whole("input_tokens"),
    _whole("output_tokens"),
    Column("receipt", Text),
    _whole("upstream_us"),
    _whole("overhead_us"),
    Column("adjusted", Integer, nullable=False, server_default="0"),
    *_indexes(),
    postgresql_partition_by="RANGE (day)",
)

call_tags = Table(
    "call_tags",
    metadata,
    Column("tag", Text, primary_key=True),
    Column("started", BigInteger, primary_key=True, autoincrement=False),
    Column("call_id", CALL_ID, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Index("call_tags_call", "call_id"),
    sqlite_with_rowid=False,
    postgresql_partition_by="RANGE (day)",
)

adjustments = Table(
    "adjustments",
    metadata,
    Column("call_id", CALL_ID, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _whole("at"),
    _text("reason"),
    Column("receipt_before", Text),
    _text("receipt_after"),
)

series = Table(
    "series",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", String(32), nullable=False, unique=True),
    *(_text(name) for name in NAMES),
    Column("tagged", Boolean, nullable=False),
)


def _rollup(name: str, period: str) -> Table:
    return Table(
        name,
        metadata,
        Column(period, Integer, primary_key=True, autoincrement=False),
        Column("series", Integer, primary_key=True, autoincrement=False),
        *(_whole(measure) for measure in MEASURE_COLUMNS),
        sqlite_with_rowid=False,
    )


rollup_day = _rollup("rollup_day", "day")
rollup_month = _rollup("rollup_month", "month")
rollup_day_by_tag = _rollup("rollup_day_by_tag", "day")
rollup_month_by_tag = _rollup("rollup_month_by_tag", "month")

rollup_day_by_name = Table(
    "rollup_day_by_name",
    metadata,
    Column("dimension", String(16), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    *(_whole(measure) for measure in MEASURE_COLUMNS),
    # A day's lines are beside one another, for they are written together; one name's are found.
    Index("rollup_day_of_name", "dimension", "name", "day"),
    sqlite_with_rowid=False,
)
"""Sums of a day by a single name: a key, a team, a model … Few lines, where series are many."""

calendar = Table(
    "calendar",
    metadata,
    Column("since", BigInteger, primary_key=True, autoincrement=False),
    Column("zone", Text, nullable=False),
)
"""From which instant on days are those of which zone; the first piece begins at 0."""

revised_days = Table(
    "revised_days",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    _whole("times"),
)
"""How often the sums of a day were changed by anything but new rows. With the number of its calls
it says whether a day is as it was when somebody read it."""

units = Table("units", metadata, Column("unit", String(32), primary_key=True))
"""The units that ever occurred. Most ledgers see four of twelve, and what never occurred need not
be summed."""

contents = Table(
    "contents",
    metadata,
    Column("call_id", CALL_ID, primary_key=True),
    _whole("at"),
    Column("prompt", Text),
    Column("answer", Text),
    Index("contents_at", "at"),
)

entities = Table(
    "entities",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("document", Text),
    _whole("changed_at"),
)

audit = Table(
    "audit",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    _whole("at"),
    _text("actor"),
    _text("kind"),
    _text("id"),
    Column("version", Integer, nullable=False),
    Column("before", Text),
    Column("after", Text),
)
