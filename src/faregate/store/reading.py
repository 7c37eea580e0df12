"""Questions to the table of calls: a filter as conditions, a page, one row."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal_column, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from faregate.store.calls import day_of, entry_of, receipt_of
from faregate.store.protocol import Adjustment, Duration, Entry, Filter, Page
from faregate.store.tables import SELECTIVE, adjustments, call_tags, calls
from faregate.store.text import clean, microseconds, seconds

MOST_ROWS = 10_000
_NAME = re.compile(r"\b([a-z]\w+)\b(?!')")
_CURSOR = re.compile(r"([0-9]{1,18})\.(.{1,128})\Z", re.DOTALL)

COLUMN_OF = {
    "key": "key_id",
    "team": "team_id",
    "user": "user_id",
    "model": "requested_model",
    "sent_model": "sent_model",
    "served_model": "served_model",
    "deployment": "deployment",
    "provider": "provider",
    "route": "route",
    "outcome": "outcome",
    "status": "status",
    "http_status": "http_status",
    "error": "error",
    "operation": "operation",
    "session": "session",
    "end_user": "end_user",
    "client": "client",
    "traceparent": "traceparent",
}
"""Fields of a filter that hold any of several values, and the columns they are of."""

COMMONEST = {"status": "priced", "outcome": "completed"}
"""What the partial indexes leave out."""
NAMES_A_CALL = len("call_") + 10
"""Characters of a call id that leave a quarter of a second: it begins with its time."""
_BEFORE_ALL = "!"
"""A call id that is less than any."""
_TAGGED = call_tags.join(
    calls, and_(calls.c.call_id == call_tags.c.call_id, calls.c.day == call_tags.c.day)
)


async def page(connection: AsyncConnection, only: Filter, cursor: str | None, limit: int) -> Page:
    """A page of the log, newest first."""
    found = (await connection.execute(_statement(only, cursor, limit))).mappings().all()
    kept = found[:limit]
    changed = [row["call_id"] for row in kept if row["adjusted"]]
    notes = await _adjustments(connection, changed) if changed else {}
    entries = tuple(entry_of(dict(row), tuple(notes.get(row["call_id"], ()))) for row in kept)
    return Page(entries, cursor_of(entries) if len(found) > limit else None)


async def mark(
    connection: AsyncConnection, only: Filter, cursor: str | None, count: int
) -> str | None:
    """The cursor below so many calls: an index is walked by its times, and no row is read."""
    started = call_tags.c.started if only.tag else calls.c.started
    conditions = list(_conditions(only))
    statement = select(started)
    if only.tag:
        conditions.append(call_tags.c.tag == clean(only.tag))
        if len(conditions) > 1:
            statement = statement.select_from(_TAGGED)
    elif only.tag is not None:
        conditions.append(calls.c.tags == "")
    conditions += _between(only, started)
    if cursor is not None:
        at, call_id = read_cursor(cursor)
        conditions.append(started < at if call_id == _BEFORE_ALL else started <= at)
    statement = statement.where(*conditions).order_by(started.desc()).offset(count).limit(1)
    found = (await connection.execute(statement)).scalar()
    return None if found is None else cursor_below(found)


async def durations(connection: AsyncConnection, only: Filter, limit: int) -> list[Duration]:
    """How long the newest calls took: three numbers of each row, and nothing of its receipt."""
    wanted = (calls.c.started, calls.c.first_byte, calls.c.ended)
    statement = _statement(only, None, limit).with_only_columns(*wanted).limit(limit)
    return [
        Duration(seconds(began), None if first is None else seconds(first), seconds(ended))
        for began, first, ended in await connection.execute(statement)
    ]


async def one(connection: AsyncConnection, call_id: str) -> Entry | None:
    """The row of a call."""
    statement = select(calls).where(calls.c.call_id == call_id, calls.c.day == day_of(call_id))
    found = (await connection.execute(statement)).mappings().first()
    if found is None:
        return None
    notes = await _adjustments(connection, [call_id]) if found["adjusted"] else {}
    return entry_of(dict(found), tuple(notes.get(call_id, ())))


def cursor_of(entries: Sequence[Entry]) -> str:
    """Where the page after these begins."""
    last = entries[-1].row
    return f"{microseconds(last.started)}.{last.call_id}"


def cursor_below(started: int) -> str:
    """Where the calls begin that started before an instant, in microseconds."""
    return f"{started}.{_BEFORE_ALL}"


def read_cursor(cursor: str) -> tuple[int, str]:
    """Start and call id of the last row seen. Raises :class:`ValueError`."""
    found = _CURSOR.match(cursor)
    if found is None:
        raise ValueError("the cursor is none of this ledger's: take it from the page before")
    return int(found[1]), clean(found[2])


def check_limit(limit: int) -> int:
    """The limit. Raises :class:`ValueError` outside 1 … 10,000."""
    if not 1 <= limit <= MOST_ROWS:
        raise ValueError(f"a page has 1 to {MOST_ROWS:,} rows, not {limit}")
    return limit


def _statement(only: Filter, cursor: str | None, limit: int) -> Select[Any]:
    conditions = list(_conditions(only))
    if not only.tag:
        statement, at = select(calls), calls.c
        if only.tag is not None:
            conditions.append(calls.c.tags == "")
    else:
        # By its tag a call is found through the table of tags, which is in the order of the log.
        statement, at = select(calls).select_from(_TAGGED), call_tags.c
        conditions.append(at.tag == clean(only.tag))
    conditions += _between(only, at.started)
    if cursor is not None:
        last = read_cursor(cursor)
        # The first condition is implied; it is the one every planner turns into a range.
        conditions.append(at.started <= last[0])
        conditions.append(tuple_(at.started, at.call_id) < tuple_(*last))
    return (
        statement.where(*conditions).order_by(at.started.desc(), at.call_id.desc()).limit(limit + 1)
    )


def _between(only: Filter, started: ColumnElement[int]) -> Iterable[ColumnElement[bool]]:
    if only.since is not None:
        yield started >= microseconds(only.since)
    if only.until is not None:
        yield started < microseconds(only.until)


def _conditions(only: Filter) -> Iterable[ColumnElement[bool]]:
    for field, name in COLUMN_OF.items():
        values = getattr(only, field)
        if not values:
            continue
        fit = [clean(value) if isinstance(value, str) else value for value in values]
        column = calls.c[name]
        yield column == fit[0] if len(fit) == 1 else column.in_(fit)
        if name in SELECTIVE and COMMONEST.get(name, "") not in fit:
            yield _selective(name)
    if only.request_id:
        ids = [clean(each) for each in only.request_id]
        yield or_(
            and_(calls.c.request_id.in_(ids), _selective("request_id")),
            and_(calls.c.call_id.in_(ids), calls.c.request_id == calls.c.call_id),
        )
    if only.stream is not None:
        yield calls.c.stream.is_(only.stream)
    if only.adjusted is not None:
        yield calls.c.adjusted > 0 if only.adjusted else calls.c.adjusted == 0
    yield from _measures(only)
    begins = clean(only.call_id)
    if len(begins) >= NAMES_A_CALL:
        yield calls.c.call_id >= begins
        yield calls.c.call_id < begins + "\U0010ffff"
    elif begins:
        # A range would lead a planner to sort all of it; in the log's order the newest come first.
        yield func.substr(calls.c.call_id, 1, len(begins)) == begins


def _measures(only: Filter) -> Iterable[ColumnElement[bool]]:
    """How much, how long, how many."""
    at = calls.c
    if only.max_cost is not None:
        yield at.spend_pico <= only.max_cost
    for column, least in (
        (at.spend_pico, only.min_cost),
        (at.ended - at.started, _in_microseconds(only.min_seconds)),
        (at.first_byte - at.started, _in_microseconds(only.min_first_byte)),
        (at.input_tokens, only.min_tokens_in),
        (at.output_tokens, only.min_tokens_out),
    ):
        if least is not None:
            yield column >= least


def _in_microseconds(span: float | None) -> int | None:
    return None if span is None else microseconds(span)


def _selective(name: str) -> ColumnElement[bool]:
    """The condition of a partial index, word for word: that is how SQLite recognises it.

    It has no type: a boolean one would be written as ``(…) = 1`` there, and not be recognised.
    """
    qualified = _NAME.sub(r"calls.\1", SELECTIVE[name])
    return literal_column(f"({qualified})")


async def _adjustments(
    connection: AsyncConnection, call_ids: list[str]
) -> dict[str, list[Adjustment]]:
    notes: dict[str, list[Adjustment]] = {}
    statement = (
        select(adjustments)
        .where(adjustments.c.call_id.in_(call_ids))
        .order_by(adjustments.c.call_id, adjustments.c.number)
    )
    for row in (await connection.execute(statement)).mappings():
        after = receipt_of(row["receipt_after"])
        assert after is not None
        notes.setdefault(row["call_id"], []).append(
            Adjustment(
                at=seconds(row["at"]),
                reason=row["reason"],
                before=receipt_of(row["receipt_before"]),
                after=after,
            )
        )
    return notes
