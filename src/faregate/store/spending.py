"""Spend from the roll-ups."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from faregate.money import Usd
from faregate.store.periods import Part, day_number, day_text, parts
from faregate.store.protocol import DIMENSIONS, Dimension, Filter, SpendLine
from faregate.store.rollup import COUNTS, EVERYTHING, MEASURES, MONEY, STATES, TOKENS, Amounts
from faregate.store.tables import (
    MEASURE_COLUMNS,
    rollup_day,
    rollup_day_by_name,
    rollup_day_by_tag,
    rollup_month,
    rollup_month_by_tag,
    series,
    units,
)
from faregate.store.text import clean

MICRO = 10**6
"""Pico-dollars in a micro-dollar: the roll-ups keep the two apart."""

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
_UNITS = frozenset(TOKENS)
_MONEY_AT = len(COUNTS) + len(TOKENS)
_ANSWERABLE = frozenset(COLUMN_OF)


async def spend(
    connection: AsyncConnection,
    by: Sequence[Dimension],
    only: Filter,
    since: date | None,
    until: date | None,
) -> list[SpendLine]:
    """Spend by dimensions, the dearest group first."""
    check(by, only)
    occurred = {row[0] for row in await connection.execute(select(units.c.unit))}
    measures = [name for name in MEASURE_COLUMNS if name not in _UNITS or name in occurred]
    places = _places(measures)
    daily = "day" in by
    wanted = [_range_of_days(since, until)] if daily else parts(since, until)
    groups: dict[tuple[str, ...], Amounts] = {}
    named = _names(by, only)
    if daily and len(named) <= 1:
        (part,) = wanted
        statement = _by_name(by, only, part, measures)
        for found in await connection.execute(statement):
            _add_line(groups, by, found, part.sign, places)
        return lines(groups, by)
    simple = len(named) <= 1 and "tag" not in named
    for by_tag, condition in _sources(by, only):
        for part in wanted:
            if simple and not part.monthly:
                statement = _by_name(by, only, part, measures)
            else:
                table = _TABLES[(part.monthly, by_tag)]
                statement = _statement(table, by, part, condition, measures)
            for found in await connection.execute(statement):
                _add_line(groups, by, found, part.sign, places)
    return lines(groups, by)


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


def _by_name(
    by: Sequence[Dimension], only: Filter, part: Part, measures: Sequence[str]
) -> Select[Any]:
    """A question about days by one name at most: few lines, however many series there are."""
    table = rollup_day_by_name.c
    dimension = next(iter(_names(by, only)), EVERYTHING)
    where: list[ColumnElement[bool]] = [table.dimension == dimension, *_within(table.day, part)]
    if dimension == "tag" and only.tag is not None:
        where.append(table.name == clean(only.tag))
    elif dimension not in ("tag", EVERYTHING) and getattr(only, dimension):
        where.append(table.name.in_([clean(each) for each in getattr(only, dimension)]))
    shown = [table.day if name == "day" else table.name for name in by]
    sums = (func.sum(table[name]).label(name) for name in measures)
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
    measures: Sequence[str],
) -> Select[Any]:
    period = next(iter(table.c))
    where = list(_within(period, part))
    if condition is not None:
        where.append(table.c.series.in_(select(series.c.id).where(condition)))
    sums = [func.sum(table.c[name]).label(name) for name in measures]
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
        select(*shown, *(func.sum(first.c[name]) for name in measures))
        .select_from(first.join(series, series.c.id == first.c.series))
        .group_by(*shown)
    )


def _places(measures: Sequence[str]) -> list[tuple[int, Usd]]:
    """For each number of a line: which amount it belongs to, and how much one of it is."""
    places = []
    for measure in measures:
        whole, _, part = measure.rpartition("_")
        if whole in MONEY:
            places.append((MEASURES.index(whole), MICRO if part == "micro" else 1))
        else:
            places.append((MEASURES.index(measure), 1))
    return places


def _add_line(
    groups: dict[tuple[str, ...], Amounts],
    by: Sequence[Dimension],
    found: Sequence[Any],
    sign: int,
    places: Sequence[tuple[int, Usd]],
) -> None:
    size = len(by)
    numbers = found[size:]
    if numbers[0] is None:  # a sum over no line at all
        return
    group = tuple(
        day_text(value) if name == "day" else value
        for name, value in zip(by, found[:size], strict=True)
    )
    amounts = groups.get(group)
    if amounts is None:
        amounts = groups[group] = [0] * len(MEASURES)
    for number, (at, worth) in zip(numbers, places, strict=True):
        if number:
            amounts[at] += sign * int(number) * worth


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
