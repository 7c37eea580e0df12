"""What budgets have spent: whole days from the roll-ups, parts of days from the rows.

A day's sum is always the roll-up's. Rows only say how it is spread over the slots a day is divided
into; what they do not know any more, because they were purged, counts in the day's last slot, so
that a budget remembers too much for a while rather than too little.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from faregate.core.budget import PAYERS, Payer
from faregate.money import Usd
from faregate.store.rollup import DAY
from faregate.store.spending import MICRO
from faregate.store.tables import rollup_day_by_name
from faregate.store.text import clean, microseconds, seconds

_DAY = DAY * 1_000_000
_WIDE = _DAY // 72
"""Slots of this length or more are few in a day, and are asked for one by one."""
_AT_ONCE = 400
# In two parts, as the roll-ups have it: pico-dollars added up may not fit into 64 bits.
_MICRO = f"calls.spend_pico / {MICRO}"
_REST = f"(calls.spend_pico - calls.spend_pico / {MICRO} * {MICRO})"
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
    ranges = [(first * _DAY, end * _DAY) for first, end in to_read(question, days)]
    parts: list[Part] = []
    if question.width is not None and question.width < _WIDE:
        for start, end in ranges:
            parts += await _grouped(connection, question, start, end)
    else:
        pieces = [piece for start, end in ranges for piece in _pieces(question, start, end)]
        for at in range(0, len(pieces), _AT_ONCE):
            parts += await _pieced(connection, question, pieces[at : at + _AT_ONCE])
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


def _pieces(question: Asked, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Ranges that each lie in one day, in one slot, and wholly inside the question or not."""
    edges = {*range(start, end, _DAY), end}
    if start < question.since < end:
        edges.add(question.since)
    if question.width:
        first = -(-max(start, question.since) // question.width) * question.width
        edges.update(range(first, end, question.width))
    return pairwise(sorted(edges))


async def _pieced(
    connection: AsyncConnection, question: Asked, pieces: Sequence[tuple[int, int]]
) -> list[Part]:
    """One sum for each range: the index is read along, and nothing is sorted.

    Both halves of a sum come as one text, since two would read the index twice.
    """
    at = _started(question)
    values = ", ".join(f"({low}, {high})" for low, high in pieces)
    statement = (
        f"WITH pieces(low, high) AS (VALUES {values}) "  # noqa: S608
        f"SELECT low, (SELECT sum({_MICRO}) || ' ' || sum({_REST}) FROM {_rows(question)} "
        f"AND {at} >= low AND {at} < high) FROM pieces"
    )
    found = await connection.execute(text(statement), {"name": question.name})
    parts = []
    for low, sums in found:
        if sums is not None:
            micro, rest = map(int, sums.split())
            inside = low >= question.since
            parts.append(Part(low // _DAY, question.slot(low), inside, micro * MICRO + rest))
    return parts


async def _grouped(
    connection: AsyncConnection, question: Asked, start: int, end: int
) -> list[Part]:
    """Where slots are narrow and most of them empty."""
    at = _started(question)
    statement = (
        f"SELECT {at} / {_DAY} AS of_day, {at} / {question.width} AS of_slot, "  # noqa: S608
        f"CASE WHEN {at} >= {question.since} THEN 1 ELSE 0 END AS inside, "
        f"sum({_MICRO}), sum({_REST}) FROM {_rows(question)} AND {at} >= {start} AND {at} < {end} "
        "GROUP BY of_day, of_slot, inside"
    )
    found = await connection.execute(text(statement), {"name": question.name})
    return [
        Part(int(day), int(slot), bool(inside), int(micro) * MICRO + int(rest))
        for day, slot, inside, micro, rest in found
    ]


def _started(question: Asked) -> str:
    return "call_tags.started" if question.payer == "tag" and question.name else "calls.started"


def _rows(question: Asked) -> str:
    """Where a payer's rows are; ``:name`` is whose."""
    payer = question.payer
    if payer == "everything":
        return "calls WHERE :name = ''"
    if payer != "tag":
        return f"calls WHERE calls.{_COLUMN_OF[payer]} = :name"
    if not question.name:
        return "calls WHERE calls.tags = :name"
    joined = "calls.call_id = call_tags.call_id AND calls.day = call_tags.day"
    return f"call_tags JOIN calls ON {joined} WHERE call_tags.tag = :name"
