"""Days in another zone: rows leave the days they were booked on for those they are of now.

Only sums are moved, and each row's at once from one day to the other, so that nothing that is asked
meanwhile adds up to anything else. Rows that were purged cannot be moved: their sums stay where
they are, and the calendar says until when.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic

from sqlalchemy import Table, and_, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from faregate.store.calendar import FOR_EVER, Calendar, Piece, Stretch
from faregate.store.calls import row_of
from faregate.store.periods import month_number
from faregate.store.protocol import DIMENSIONS, Moved, Store
from faregate.store.rollup import EVERYTHING, Amounts, Series, Share, fold, shares
from faregate.store.summing import Daily, Known, Sums
from faregate.store.tables import (
    MEASURE_COLUMNS,
    calls,
    rollup_day,
    rollup_day_by_name,
    rollup_day_by_tag,
    rollup_month,
    rollup_month_by_tag,
)
from faregate.store.tables import calendar as calendar_table
from faregate.types import Row

_NAMED = (*(each for each in DIMENSIONS if each != "day"), EVERYTHING)


async def read(connection: AsyncConnection, known: Calendar) -> Calendar:
    """The calendar of the ledger: ``known`` if it is that one still."""
    statement = select(calendar_table.c.since, calendar_table.c.zone).order_by(
        calendar_table.c.since
    )
    found = tuple(Piece(since, zone) for since, zone in await connection.execute(statement))
    return known if found == known.pieces else Calendar(found or FOR_EVER)


async def write(connection: AsyncConnection, calendar: Calendar) -> None:
    """Put a calendar in place of the one there is."""
    await connection.execute(delete(calendar_table))
    await connection.execute(insert(calendar_table), [each._asdict() for each in calendar.pieces])


async def move(
    connection: AsyncConnection, calendar: Calendar, sums: Sums, batch: int
) -> tuple[Moved, Known]:
    """Move the newest rows that are not yet where they belong, all of one day, ``batch`` at most.

    Several that started in the same microsecond are moved together, however many they are. Give
    the second of what it returns to :meth:`Sums.learn` after the commit.
    """
    learnt = Known({}, set())
    before, count, left = calendar, 0, len(calendar.pieces) > 1
    while left and not count:
        newest = await connection.scalar(
            select(func.max(calls.c.started)).where(calls.c.started < calendar.pieces[-1].since)
        )
        stretch = None if newest is None else calendar.to_move(newest)
        if stretch is None:
            calendar, left = await _ended(connection, calendar), False
        elif stretch.before == stretch.after:
            calendar = calendar.moved(stretch.since)
        else:
            stretch = await _bounded(connection, stretch, batch)
            rows = await _rows(connection, stretch)
            learnt = await sums.revise(connection, *moves(rows, stretch))
            await _clear(connection, stretch)
            calendar, count = calendar.moved(stretch.since), len(rows)
    if calendar.pieces != before.pieces:
        await write(connection, calendar)
    return Moved(rows=count, left=left), learnt


def moves(rows: Sequence[Row], stretch: Stretch) -> tuple[Daily, Daily]:
    """What takes rows from one day to another, in the roll-up and in the one by tag."""
    found: tuple[list[Share], list[Share]] = ([], [])
    for row in rows:
        for into, several in zip(found, shares(row), strict=True):
            into.extend(several)
    own, tagged = (_both_ways(each, stretch) for each in found)
    return own, tagged


def _both_ways(found: Sequence[Share], stretch: Stretch) -> Daily:
    days: dict[tuple[int, Series], Amounts] = {}
    for series, amounts in fold(found).items():
        days[(stretch.before, series)] = [-each for each in amounts]
        days[(stretch.after, series)] = amounts
    return days


async def _bounded(connection: AsyncConnection, stretch: Stretch, batch: int) -> Stretch:
    """The newest part of a stretch, of as many rows as go into a batch."""
    at = calls.c.started
    statement = (
        select(at)
        .where(at >= stretch.since, at < stretch.until)
        .order_by(at.desc())
        .offset(batch)
        .limit(1)
    )
    beyond = await connection.scalar(statement)
    if beyond is None:
        return stretch
    return stretch._replace(since=beyond + 1 if beyond + 1 < stretch.until else beyond)


async def _rows(connection: AsyncConnection, stretch: Stretch) -> list[Row]:
    at = calls.c.started
    statement = select(calls).where(at >= stretch.since, at < stretch.until)
    return [row_of(dict(each)) for each in (await connection.execute(statement)).mappings()]


async def _clear(connection: AsyncConnection, stretch: Stretch) -> None:
    """Delete the lines that everything was moved out of."""
    day, month = stretch.before, month_number(stretch.before)
    tables: list[tuple[Table, str, int]] = [
        (rollup_day, "day", day),
        (rollup_day_by_tag, "day", day),
        (rollup_day_by_name, "day", day),
    ]
    if month != month_number(stretch.after):
        tables += [(rollup_month, "month", month), (rollup_month_by_tag, "month", month)]
    for table, period, number in tables:
        empty = and_(*(table.c[measure] == 0 for measure in MEASURE_COLUMNS))
        where = [table.c[period] == number, empty]
        if table is rollup_day_by_name:
            where.append(table.c.dimension.in_(_NAMED))  # its lines are in the order of these
        await connection.execute(delete(table).where(*where))


async def _ended(connection: AsyncConnection, calendar: Calendar) -> Calendar:
    """The calendar when no row is left to be moved: what came before, only where sums are left."""
    day = rollup_day_by_name.c.day
    bounds = select(func.min(day), func.max(day)).where(
        rollup_day_by_name.c.dimension == EVERYTHING
    )
    first, last = (await connection.execute(bounds)).one()
    return calendar.settled([] if first is None else [first, last])


async def move_all(
    store: Store,
    *,
    batch: int = 1_000,
    share: float = 0.5,
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> int:
    """Move every row to its day in the ledger's zone; how many were moved.

    It takes ``share`` of the time, the rest is the writers'. It may be broken off at any time, and
    run in several processes.
    """
    count = 0
    while True:
        started = monotonic()
        moved = await store.move_days(batch=batch)
        count += moved.rows
        if not moved.left:
            return count
        await rest((monotonic() - started) * (1 / share - 1))
