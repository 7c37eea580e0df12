"""What budgets have spent: whole days from the roll-ups, parts of days from the rows.

A day's sum is always the roll-up's. Rows only say how it is spread over the slots a day is divided
into; what they do not know any more, because they were purged, counts in the day's last slot, so
that a budget remembers too much for a while rather than too little.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    FromClause,
    Select,
    and_,
    func,
    literal_column,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from faregate.core.budget import PAYERS, Payer
from faregate.money import Usd
from faregate.store.rollup import DAY
from faregate.store.spending import MICRO
from faregate.store.tables import call_tags, calls, rollup_day_by_name
from faregate.store.text import clean, microseconds, seconds

_DAY = DAY * 1_000_000
_COLUMN_OF = {
    "key": "key_id",
    "team": "team_id",
    "user": "user_id",
    "model": "requested_model",
    "deployment": "deployment",
}


class Asked(NamedTuple):
    """A question: who, from which microsecond on, in slots of how many (None: all in one)."""

    payer: Payer
    name: str
    since: int
    width: int | None

    @property
    def first_day(self) -> int:
        """The day the question begins on."""
        return self.since // _DAY

    def slot(self, at: int) -> int:
        """The slot of a microsecond."""
        return at // self.width if self.width else 0


class Part(NamedTuple):
    """What the rows of a day say of one slot; ``inside`` if they count, being late enough."""

    day: int
    slot: int
    inside: bool
    amount: Usd


def asked(payer: Payer, payer_id: str, since: float, slot_seconds: float | None) -> Asked:
    """The question. Raises :class:`ValueError` for one that makes no sense."""
    if payer not in PAYERS:
        raise ValueError(f"spent by {payer!r}: use any of {', '.join(PAYERS)}")
    if payer == "everything" and payer_id:
        raise ValueError("everything has no id")
    width = None if slot_seconds is None else round(slot_seconds * 1_000_000)
    if width is not None and width < 1:
        raise ValueError(f"a slot of {slot_seconds} seconds has no length")
    return Asked(payer, clean(payer_id), microseconds(since), width)


def to_read(question: Asked, days: Mapping[int, Usd]) -> list[tuple[int, int]]:
    """The ranges of days, ends excluded, whose rows say how a day's sum is spread."""
    ranges: list[tuple[int, int]] = []
    for day in sorted(day for day, amount in days.items() if amount and _spread(question, day)):
        if ranges and ranges[-1][1] == day:
            ranges[-1] = (ranges[-1][0], day + 1)
        else:
            ranges.append((day, day + 1))
    return ranges


def _spread(question: Asked, day: int) -> bool:
    """Whether a day is divided: between slots, or by the beginning of the question."""
    start, end = day * _DAY, (day + 1) * _DAY - 1
    return start < question.since or question.slot(start) != question.slot(end)


def in_slots(
    question: Asked, days: Mapping[int, Usd], parts: Iterable[Part]
) -> list[tuple[float, Usd]]:
    """The sums by slot, in order: an instant within each, and what was spent; none of nothing."""
    slots: dict[int, Usd] = {}
    missing = dict(days)
    for part in parts:
        missing[part.day] = missing.get(part.day, 0) - part.amount
        if part.inside:
            slots[part.slot] = slots.get(part.slot, 0) + part.amount
    for day, amount in missing.items():
        # Below zero: the rows' charges on other deployments, or rows newer than the sums.
        if amount > 0:
            last = question.slot((day + 1) * _DAY - 1)
            slots[last] = slots.get(last, 0) + amount
    return [(_instant(question, slot), amount) for slot, amount in sorted(slots.items()) if amount]


def _instant(question: Asked, slot: int) -> float:
    """The middle of a slot: its edges may be rounded into the slot beside it."""
    if question.width is None:
        return seconds(question.since)
    return seconds(slot * question.width + question.width // 2)


async def spent(connection: AsyncConnection, question: Asked) -> list[tuple[float, Usd]]:
    """The sums by slot. The days are read first, so that no later row can seem to be missing."""
    days = await _days(connection, question)
    parts: list[Part] = []
    for first, end in to_read(question, days):
        parts += await _parts(connection, question, first * _DAY, end * _DAY)
    return in_slots(question, days, parts)


async def _days(connection: AsyncConnection, question: Asked) -> dict[int, Usd]:
    """The payer's days, from the roll-up by name."""
    table = rollup_day_by_name.c
    statement = select(table.day, table.spend_micro, table.spend_rest).where(
        table.dimension == question.payer,
        table.name == question.name,
        table.day >= question.first_day,
    )
    found = await connection.execute(statement)
    return {day: micro * MICRO + rest for day, micro, rest in found}


async def _parts(connection: AsyncConnection, question: Asked, start: int, end: int) -> list[Part]:
    """The payer's rows from ``start`` to before ``end``, added up by day and slot."""
    rows = _rows_of(question)
    at = rows.at
    # Numbers, not parameters: what is grouped by must be word for word what is selected.
    width = f"{at} / {question.width}" if question.width else "0"
    groups = {
        "of_day": f"{at} / {_DAY}",
        "of_slot": width,
        "inside": f"CASE WHEN {at} >= {question.since} THEN 1 ELSE 0 END",
    }
    # In two parts, as the roll-ups have it: pico-dollars added up may not fit into 64 bits.
    sums = (func.sum(calls.c.spend_pico // MICRO), func.sum(calls.c.spend_pico % MICRO))
    selected: list[ColumnElement[Any]] = [
        literal_column(text).label(name) for name, text in groups.items()
    ]
    statement: Select[Any] = (
        select(*selected, *sums)
        .select_from(rows.source)
        .where(at >= start, at < end, *rows.condition)
        .group_by(*groups)
    )
    return [
        Part(int(day), int(slot), bool(inside), int(micro) * MICRO + int(rest))
        for day, slot, inside, micro, rest in await connection.execute(statement)
    ]


class _Rows(NamedTuple):
    """Where a payer's rows are."""

    source: FromClause
    at: Column[int]
    condition: tuple[ColumnElement[bool], ...]


def _rows_of(question: Asked) -> _Rows:
    payer, name = question.payer, question.name
    if payer == "everything":
        return _Rows(calls, calls.c.started, ())
    if payer != "tag":
        return _Rows(calls, calls.c.started, (calls.c[_COLUMN_OF[payer]] == name,))
    if not name:
        return _Rows(calls, calls.c.started, (calls.c.tags == "",))
    joined = and_(calls.c.call_id == call_tags.c.call_id, calls.c.day == call_tags.c.day)
    return _Rows(call_tags.join(calls, joined), call_tags.c.started, (call_tags.c.tag == name,))
