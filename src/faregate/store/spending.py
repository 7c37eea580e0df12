"""Spend from the roll-ups."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Table, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from faregate.store.kept_days import KeptDay, KeptDays
from faregate.store.packing import MICRO, Block, Layout, dearest, spends_of
from faregate.store.periods import Part, day_number, day_text, parts
from faregate.store.protocol import DIMENSIONS, Dimension, Filter, SpendLine
from faregate.store.rollup import COUNTS, EVERYTHING, MONEY, STATES, TOKENS, Amounts
from faregate.store.tables import (
    rollup_day,
    rollup_day_by_name,
    rollup_day_by_tag,
    rollup_month,
    rollup_month_by_tag,
    series,
    units,
)
from faregate.store.text import clean

COLUMN_OF = {
    "key": "key_id",
    "team": "team_id",
    "user": "user_id",
    "tag": "tag",
    "model": "requested_model",
    "served_model": "served_model",
    "deployment": "deployment",
    "provider": "provider",
}
_TABLES = {
    (False, False): rollup_day,
    (True, False): rollup_month,
    (False, True): rollup_day_by_tag,
    (True, True): rollup_month_by_tag,
}
_MONEY_AT = len(COUNTS) + len(TOKENS)
_ANSWERABLE = frozenset(COLUMN_OF)
_WITHOUT_A_PAUSE = 200
"""Lines made ready in one go, which takes a millisecond at most."""


class Question(NamedTuple):
    """What is asked."""

    by: Sequence[Dimension]
    only: Filter
    since: date | None = None
    until: date | None = None
    skip: int = 0
    limit: int | None = None


async def spend(
    connection: AsyncConnection, asked: Question, kept_days: KeptDays
) -> list[SpendLine]:
    """Spend by dimensions, the dearest group first.

    Every statement of the connection must see the database at one instant.
    """
    by, only = asked.by, asked.only
    check(by, only)
    layout = Layout({row[0] for row in await connection.execute(select(units.c.unit))})
    named = _names(by, only)
    if "day" not in by:
        blocks = [await _by_months(connection, asked, layout)]
    elif len(named) <= 1:
        statement = _by_name(by, only, _range_of_days(asked.since, asked.until), layout)
        blocks = [await _found(connection, [(statement, 1)], layout, by)]
    else:
        blocks = await _by_days(connection, asked, layout, kept_days)
    return await _shown(blocks, asked, layout)


async def _by_months(connection: AsyncConnection, asked: Question, layout: Layout) -> Block:
    """The sums of a range: of whole months, and of the days at its ends."""
    by, only = asked.by, asked.only
    named = _names(by, only)
    simple = len(named) <= 1 and "tag" not in named
    statements = [
        (
            _by_name(by, only, part, layout)
            if simple and not part.monthly
            else _statement(_TABLES[(part.monthly, by_tag)], by, part, condition, layout),
            part.sign,
        )
        for by_tag, condition in _sources(by, only)
        for part in parts(asked.since, asked.until)
    ]
    return await _found(connection, statements, layout, by)


async def _by_days(
    connection: AsyncConnection, asked: Question, layout: Layout, kept_days: KeptDays
) -> list[Block]:
    """The sums of each day: of those that are kept at once, of others the database adds them.

    No group is of two blocks: sums by tag are of calls with tags, those beside them of the others.
    """
    by, only = asked.by, asked.only
    load = kept_days.worth_loading()
    names = [series.c[COLUMN_OF[name]] for name in by if name != "day"]
    blocks = []
    for by_tag, condition in _sources(by, only):
        part = _range_of_days(asked.since, asked.until)
        days, left = await kept_days.read(connection, layout, part, by_tag=by_tag, load=load)
        if left is not None:
            statement = _statement(_TABLES[(False, by_tag)], by, left, condition, layout)
            blocks.append(await _found(connection, [(statement, 1)], layout, by))
        if not days:
            continue
        chosen = select(series.c.id, *names)
        if condition is not None:
            chosen = chosen.where(condition)
        names_of = {number: tuple(of) for number, *of in await connection.execute(chosen)}
        for count, block in enumerate(_added(days, names_of, by.index("day")), 1):
            blocks.append(block)
            if not count % 2:
                await asyncio.sleep(0)  # calls are served on this loop, and wait for it
    return blocks


def _added(
    days: Sequence[tuple[int, KeptDay]], names_of: Mapping[int, tuple[str, ...]], at: int
) -> Iterator[Block]:
    """Of each day the sums by names; series that have none are left out."""
    known, places, names = None, [], []
    for number, day in days:
        if day.series != known:  # most days have the series of the one before
            known = day.series
            found: dict[tuple[str, ...] | None, int] = {None: 0}
            places = [found.setdefault(names_of.get(each), len(found)) for each in known]
            names = [each for each in found if each is not None]
        sums = [0] * (len(names) + 1)
        for place, value in zip(places, day.values, strict=True):
            sums[place] += value
        del sums[0]
        block = Block(names, sums, day_text(number), at)
        if 0 in sums:
            kept = [each for each in zip(names, sums, strict=True) if each[1]]
            block = block._replace(names=[n for n, _ in kept], values=[v for _, v in kept])
        yield block


async def _found(
    connection: AsyncConnection,
    statements: Sequence[tuple[Select[Any], int]],
    layout: Layout,
    by: Sequence[Dimension],
) -> Block:
    """What statements find, each added or taken away."""
    size = len(by)
    at = by.index("day") if "day" in by else None
    groups: dict[tuple[str, ...], int] = {}
    for statement, sign in statements:
        for count, row in enumerate((await connection.execute(statement)).all(), 1):
            group, numbers = list(row[:size]), row[size:]
            if numbers[0] is None:  # a sum over no line at all
                continue
            if at is not None:
                group[at] = day_text(group[at])
            place = tuple(group)
            groups[place] = groups.get(place, 0) + sign * layout.pack(numbers)
            if not count % _WITHOUT_A_PAUSE:
                await asyncio.sleep(0)
    kept = {group: value for group, value in groups.items() if value}
    return Block(list(kept), list(kept.values()))


async def _shown(blocks: Sequence[Block], asked: Question, layout: Layout) -> list[SpendLine]:
    """Sums as lines, the dearest first; a bare total is shown even of nothing."""
    spends = []
    for block in blocks:
        spends.append(spends_of(block.values))
        await asyncio.sleep(0)
    count = sum(map(len, spends))
    end = count if asked.limit is None else min(asked.skip + asked.limit, count)
    found = dearest(blocks, spends, end)[asked.skip : end]
    shown: list[SpendLine] = []
    for number, (_spend, group, value) in enumerate(found, 1):
        shown.append(layout.line(group, value))
        if not number % _WITHOUT_A_PAUSE:
            await asyncio.sleep(0)
    return shown if count or asked.by else lines({}, ())


def check(by: Sequence[Dimension], only: Filter) -> None:
    """Raise :class:`ValueError` for what the roll-ups cannot answer."""
    for name in by:
        if name not in DIMENSIONS:
            raise ValueError(f"spend by {name!r}: use any of {', '.join(DIMENSIONS)}")
    if len(set(by)) != len(by):
        raise ValueError("a dimension is named twice")
    empty = Filter()
    for field in only.__struct_fields__:
        if field not in _ANSWERABLE and getattr(only, field) != getattr(empty, field):
            raise ValueError(
                f"spend cannot be narrowed by {field}: the roll-ups know {', '.join(COLUMN_OF)}"
            )


def lines(groups: Mapping[tuple[str, ...], Amounts], by: Sequence[Dimension]) -> list[SpendLine]:
    """Amounts as lines, the dearest first; empty groups are left out, but for a bare total."""
    found = [_line(group, amounts) for group, amounts in groups.items() if any(amounts)]
    if not found and not by:
        return [SpendLine(group=(), tokens={})]
    return sorted(found, key=lambda line: (-line.spend, line.group))


def _range_of_days(since: date | None, until: date | None) -> Part:
    start = None if since is None else day_number(since)
    return Part(False, start, None if until is None else day_number(until))


def _sources(
    by: Sequence[Dimension], only: Filter
) -> Iterator[tuple[bool, ColumnElement[bool] | None]]:
    """Which roll-ups answer, and which of their series."""
    conditions = [
        series.c[column].in_([clean(each) for each in getattr(only, field)])
        for field, column in COLUMN_OF.items()
        if field != "tag" and getattr(only, field)
    ]
    if only.tag:
        yield True, and_(series.c.tag == clean(only.tag), *conditions)
    elif only.tag is not None or "tag" in by:
        if only.tag is None:
            yield True, and_(*conditions) if conditions else None
        yield False, and_(series.c.tagged.is_(False), *conditions)
    else:
        yield False, and_(*conditions) if conditions else None


def _names(by: Sequence[Dimension], only: Filter) -> set[str]:
    """Which names a question tells apart or narrows to."""
    narrowed = {field for field in COLUMN_OF if getattr(only, field) not in ((), None)}
    return narrowed | {name for name in by if name != "day"}


def _by_name(by: Sequence[Dimension], only: Filter, part: Part, layout: Layout) -> Select[Any]:
    """A question about days by one name at most: few lines, however many series there are."""
    table = rollup_day_by_name.c
    dimension = next(iter(_names(by, only)), EVERYTHING)
    where: list[ColumnElement[bool]] = [table.dimension == dimension, *_within(table.day, part)]
    if dimension == "tag" and only.tag is not None:
        where.append(table.name == clean(only.tag))
    elif dimension not in ("tag", EVERYTHING) and getattr(only, dimension):
        where.append(table.name.in_([clean(each) for each in getattr(only, dimension)]))
    shown = [table.day if name == "day" else table.name for name in by]
    if "day" in by and (dimension in by or dimension == EVERYTHING):  # each line is a group
        return select(*shown, *(table[name] for name in layout.columns)).where(*where)
    sums = (func.sum(table[name]).label(name) for name in layout.columns)
    return select(*shown, *sums).where(*where).group_by(*shown)


def _within(period: ColumnElement[int], part: Part) -> Iterator[ColumnElement[bool]]:
    if part.since is not None:
        yield period >= part.since
    if part.until is not None:
        yield period < part.until


def _statement(
    table: Table,
    by: Sequence[Dimension],
    part: Part,
    condition: ColumnElement[bool] | None,
    layout: Layout,
) -> Select[Any]:
    period = next(iter(table.c))
    where = list(_within(period, part))
    if condition is not None:
        where.append(table.c.series.in_(select(series.c.id).where(condition)))
    sums = [func.sum(table.c[name]).label(name) for name in layout.columns]
    names = [name for name in by if name != "day"]
    if not names:
        return (
            select(*([period] if by else []), *sums)
            .where(*where)
            .group_by(*([period] if by else []))
        )
    shown = [period if name == "day" else series.c[COLUMN_OF[name]] for name in by]
    if "day" in by:
        joined = table.join(series, series.c.id == table.c.series)
        return select(*shown, *sums).select_from(joined).where(*where).group_by(*shown)
    # Summed by number first: few lines are then left to be grouped by their names.
    first = select(table.c.series, *sums).where(*where).group_by(table.c.series).subquery("summed")
    return (
        select(*shown, *(func.sum(first.c[name]) for name in layout.columns))
        .select_from(first.join(series, series.c.id == first.c.series))
        .group_by(*shown)
    )


def numbers_of(amounts: Sequence[int]) -> tuple[int, ...]:
    """A line's numbers of amounts; the rest of money is never negative."""
    at = _MONEY_AT
    money = (*divmod(amounts[at], MICRO), *divmod(amounts[at + 1], MICRO))
    return (*amounts[:at], *money, *amounts[at + 2 :])


def _line(group: tuple[str, ...], amounts: Sequence[int]) -> SpendLine:
    calls, failed = amounts[: len(COUNTS)]
    spend, router_fee = amounts[_MONEY_AT : _MONEY_AT + len(MONEY)]
    priced, estimated, unpriced, inconsistent, unsettled = amounts[-len(STATES) :]
    tokens = zip(TOKENS, amounts[len(COUNTS) : _MONEY_AT], strict=True)
    return SpendLine(
        group=group,
        calls=calls,
        failed=failed,
        tokens={unit: count for unit, count in tokens if count},
        spend=spend,
        router_fee=router_fee,
        priced=priced,
        estimated=estimated,
        unpriced=unpriced,
        inconsistent=inconsistent,
        unsettled=unsettled,
    )
