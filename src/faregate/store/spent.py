"""What budgets have spent: whole days from the roll-ups, parts of days from the rows.

A day's sum is always the roll-up's. Rows only say how it is spread over the slots a day is divided
into; what they do not know any more, because they were purged, counts in the day's last slot, so
that a budget remembers too much for a while rather than too little. For the same reason and to the
same effect, rows of a month's inner days are not read where slots are long.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from faregate.core.budget import PAYERS, Payer
from faregate.money import Usd
from faregate.store.calendar import Calendar
from faregate.store.packing import MICRO
from faregate.store.protocol import SpentBy
from faregate.store.rollup import DAY
from faregate.store.tables import rollup_day_by_name
from faregate.store.text import clean, microseconds, seconds

_Any = TypeVar("_Any")

_DAY = DAY * 1_000_000
_WIDE = _DAY // 72
"""Slots of this length or more are few in a day, and are asked for one by one ..."""
_SEVERAL = 4
"""... unless so many questions want the same ones of a database in partitions."""
_LONG = _DAY // 2
"""Slots of this length or more divide no inner day: reading a month's rows would take long."""
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

    def slot(self, at: int) -> int:
        """The slot of a microsecond."""
        return at // self.width if self.width else 0


class Stretch(NamedTuple):
    """Microseconds, ``until`` excluded, that are all of one day."""

    day: int
    since: int
    until: int


class Part(NamedTuple):
    """What the rows of a day say of one slot; ``inside`` if they count, being late enough."""

    day: int
    slot: int
    inside: bool
    amount: Usd


def asked(question: SpentBy) -> Asked:
    """The question. Raises :class:`ValueError` for one that makes no sense."""
    payer, slot = question.payer, question.slot_seconds
    if payer not in PAYERS:
        raise ValueError(f"spent by {payer!r}: use any of {', '.join(PAYERS)}")
    if payer == "everything" and question.payer_id:
        raise ValueError("everything has no id")
    width = None if slot is None else round(slot * 1_000_000)
    if width is not None and width < 1:
        raise ValueError(f"a slot of {slot} seconds has no length")
    return Asked(payer, clean(question.payer_id), microseconds(question.since), width)


def to_read(question: Asked, days: Mapping[int, Usd], calendar: Calendar) -> list[Stretch]:
    """The rows that say how a day's sum is spread."""
    last = max(days, default=0)
    return [
        Stretch(day, low, high)
        for day, amount in days.items()
        if amount and _spread(question, calendar.extents(day), last=day == last)
        for low, high in calendar.extents(day)
    ]


def _spread(question: Asked, extents: Sequence[tuple[int, int]], *, last: bool) -> bool:
    """Whether a day is divided: between slots, or by the beginning of the question."""
    start, end = extents[0][0], extents[-1][1] - 1
    if start < question.since:
        return True
    if not last and question.width is not None and question.width >= _LONG:
        return False
    return question.slot(start) != question.slot(end)


def in_slots(
    question: Asked, days: Mapping[int, Usd], parts: Iterable[Part], calendar: Calendar
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
            last = question.slot(calendar.extents(day)[-1][1] - 1)
            slots[last] = slots.get(last, 0) + amount
    return [(_instant(question, slot), amount) for slot, amount in sorted(slots.items()) if amount]


def _instant(question: Asked, slot: int) -> float:
    """The middle of a slot: its edges may be rounded into the slot beside it."""
    if question.width is None:
        return seconds(question.since)
    return seconds(slot * question.width + question.width // 2)


async def spent(
    connection: AsyncConnection, questions: Sequence[Asked], calendar: Calendar
) -> list[list[tuple[float, Usd]]]:
    """The sums by slot. The days are read first, so that no later row can seem to be missing."""
    days = await _days(connection, questions, calendar)
    parts: dict[Asked, list[Part]] = {each: [] for each in questions}
    pieces: dict[str, list[_Piece]] = defaultdict(list)
    alike: dict[_Alike, list[Asked]] = defaultdict(list)
    for question in parts:
        for stretch in to_read(question, days[question], calendar):
            if question.width is None:
                pieces[_rows(question)] += _pieces(question, stretch)
            else:
                group = _Alike(_rows(question), question.width, question.since, stretch)
                alike[group].append(question)
    # Where each day is a partition, every range looks into all of them.
    parted = connection.dialect.name == "postgresql"
    for group, those in alike.items():
        if group.width >= _WIDE and not (parted and len(those) >= _SEVERAL):
            pieces[group.rows] += (p for each in those for p in _pieces(each, group.stretch))
            continue
        for few in _in_parts(those):
            await _grouped(connection, group, few, parts)
    for rows, several in pieces.items():
        for some in _in_parts(several):
            await _pieced(connection, rows, some, parts)
    return [in_slots(each, days[each], parts[each], calendar) for each in questions]


def _in_parts(every: Sequence[_Any]) -> Iterator[Sequence[_Any]]:
    """As many at a time as one query may name."""
    return (every[at : at + _AT_ONCE] for at in range(0, len(every), _AT_ONCE))


class _Piece(NamedTuple):
    """A range of microseconds that lies in one day and in one slot."""

    question: Asked
    day: int
    low: int
    high: int


class _Alike(NamedTuple):
    """What questions have in common that one query can answer."""

    rows: str
    width: int
    since: int
    stretch: Stretch


async def _days(
    connection: AsyncConnection, questions: Sequence[Asked], calendar: Calendar
) -> dict[Asked, dict[int, Usd]]:
    """The payers' days, from the roll-up by name."""
    found: dict[Asked, dict[int, Usd]] = {each: {} for each in questions}
    groups: dict[tuple[str, int], dict[str, list[Asked]]] = defaultdict(lambda: defaultdict(list))
    for each in found:
        groups[each.payer, calendar.first_day(each.since)][each.name].append(each)
    table = rollup_day_by_name.c
    for (payer, first), by_name in groups.items():
        for names in _in_parts(list(by_name)):
            statement = select(table.name, table.day, table.spend_micro, table.spend_rest).where(
                table.dimension == payer, table.name.in_(names), table.day >= first
            )
            for name, day, micro, rest in await connection.execute(statement):
                for each in by_name[name]:
                    found[each][day] = micro * MICRO + rest
    return found


def _pieces(question: Asked, stretch: Stretch) -> Iterator[_Piece]:
    """Ranges that each lie in one day, in one slot, and wholly inside the question or not."""
    day, start, end = stretch
    edges = {start, end}
    if start < question.since < end:
        edges.add(question.since)
    if question.width:
        first = -(-max(start, question.since) // question.width) * question.width
        edges.update(range(first, end, question.width))
    return (_Piece(question, day, low, high) for low, high in pairwise(sorted(edges)))


async def _pieced(
    connection: AsyncConnection,
    rows: str,
    pieces: Sequence[_Piece],
    parts: Mapping[Asked, list[Part]],
) -> None:
    """One sum for each range: the index is read along, and nothing is sorted.

    Both halves of a sum come as one text, since two would read the index twice.
    """
    names = {piece.question.name: "" for piece in pieces}
    names = {name: f"name{number}" for number, name in enumerate(names)}
    values = ", ".join(
        f"({at}, CAST(:{names[piece.question.name]} AS TEXT), {piece.low}, {piece.high})"
        for at, piece in enumerate(pieces)
    )
    started = _started(rows)
    statement = (
        f"WITH pieces(at, name, low, high) AS (VALUES {values}) "  # noqa: S608
        f"SELECT at, (SELECT sum({_MICRO}) || ' ' || sum({_REST}) FROM {rows} = pieces.name "
        f"AND {started} >= low AND {started} < high) FROM pieces"
    )
    called = {parameter: name for name, parameter in names.items()}
    for at, sums in await connection.execute(text(statement), called):
        if sums is not None:
            question, day, low, _high = pieces[at]
            micro, rest = map(int, sums.split())
            inside = low >= question.since
            amount = micro * MICRO + rest
            parts[question].append(Part(day, question.slot(low), inside, amount))


async def _grouped(
    connection: AsyncConnection,
    group: _Alike,
    questions: Sequence[Asked],
    parts: Mapping[Asked, list[Part]],
) -> None:
    """Where slots are narrow and most of them empty, or looking for each takes longer."""
    by_name = {each.name: each for each in questions}
    called = {f"name{number}": name for number, name in enumerate(by_name)}
    at, who = _started(group.rows), group.rows.rpartition(" ")[2]
    listed = ", ".join(f"CAST(:{each} AS TEXT)" for each in called)
    statement = (
        f"SELECT {who} AS who, {at} / {group.width} AS of_slot, "  # noqa: S608
        f"CASE WHEN {at} >= {group.since} THEN 1 ELSE 0 END AS inside, "
        f"sum({_MICRO}), sum({_REST}) FROM {group.rows} IN ({listed}) "
        f"AND {at} >= {group.stretch.since} AND {at} < {group.stretch.until} "
        "GROUP BY who, of_slot, inside"
    )
    for name, slot, inside, micro, rest in await connection.execute(text(statement), called):
        amount = int(micro) * MICRO + int(rest)
        parts[by_name[name]].append(Part(group.stretch.day, int(slot), bool(inside), amount))


def _started(rows: str) -> str:
    return "call_tags.started" if rows.startswith("call_tags") else "calls.started"


def _rows(question: Asked) -> str:
    """Where a payer's rows are, up to the column that says whose they are."""
    payer = question.payer
    if payer == "everything":
        return "calls WHERE ''"
    if payer != "tag":
        return f"calls WHERE calls.{_COLUMN_OF[payer]}"
    if not question.name:
        return "calls WHERE calls.tags"
    joined = "calls.call_id = call_tags.call_id AND calls.day = call_tags.day"
    return f"call_tags JOIN calls ON {joined} WHERE call_tags.tag"
