"""The daily sums a process has read, kept for the next question about them.

By day and two names, a question over months reads every line there is of those days: most of its
time is reading, and days that are over hardly change. Whether a day is as it was is said by its
stamp, which is read in the same instant as whatever is new: the sum of all calls of the day, since
a new row counts there and nothing else changes it but what is noted in ``revised_days``.
"""

import asyncio
from array import array
from collections import OrderedDict
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from faregate.store.packing import Layout
from faregate.store.periods import Part
from faregate.store.rollup import EVERYTHING
from faregate.store.tables import revised_days, rollup_day, rollup_day_by_name, rollup_day_by_tag

MOST_LINES = 200_000
"""Of all days together: some 25 MB. Days that do not fit are added up by the database."""
_AT_ONCE = 4
"""Days that are read in one query."""
_WITHOUT_A_PAUSE = 500
"""Lines made ready in one go, which takes a millisecond at most."""
_FEW = 3


class KeptDay(NamedTuple):
    """The lines of a day, and what they are of."""

    stamp: tuple[Any, ...]
    series: "array[int]"
    values: list[int]
    """Packed, in the order of ``series``."""


class KeptDays:
    """One for a store."""

    def __init__(self) -> None:
        self._days: OrderedDict[tuple[bool, int], KeptDay] = OrderedDict()
        self._lines = 0
        self._asked = False

    def worth_loading(self) -> bool:
        """Whether a question should read days whole that are not kept yet: from the second on.

        What may be the only question a process ever asks is less work for the database.
        """
        before, self._asked = self._asked, True
        return before

    async def read(
        self,
        connection: AsyncConnection,
        layout: Layout,
        part: Part,
        *,
        by_tag: bool,
        load: bool,
    ) -> tuple[list[tuple[int, KeptDay]], Part | None]:
        """The days of a range, and the part of the range that is not among them.

        Every statement of the connection must see the database at one instant.
        """
        stamps = await _stamps(connection, layout, part)
        known = {
            day: kept
            for day, stamp in stamps.items()
            if (kept := self._days.get((by_tag, day))) is not None and kept.stamp == stamp
        }
        if not load and len(stamps) - len(known) > _FEW:
            return [], part
        found: list[tuple[int, KeptDay]] = []
        days, size = list(stamps), 0  # the newest first: that is what is asked for again
        for at in range(0, len(days), _AT_ONCE):
            chosen = days[at : at + _AT_ONCE]
            if size > MOST_LINES:
                return found, part._replace(until=chosen[0] + 1)
            wanted = {day: stamps[day] for day in chosen if day not in known}
            if wanted:
                known |= await _read(connection, layout, wanted, by_tag=by_tag)
            for day in chosen:
                self._keep((by_tag, day), known[day])
                found.append((day, known[day]))
                size += len(known[day].series)
        return found, None

    def _keep(self, place: tuple[bool, int], day: KeptDay) -> None:
        before = self._days.pop(place, None)
        self._lines += len(day.series) - (len(before.series) if before else 0)
        self._days[place] = day
        while self._lines > MOST_LINES and len(self._days) > 1:
            _place, dropped = self._days.popitem(last=False)
            self._lines -= len(dropped.series)


async def _stamps(
    connection: AsyncConnection, layout: Layout, part: Part
) -> dict[int, tuple[Any, ...]]:
    """By day, the newest first."""
    table = rollup_day_by_name.c
    where = [table.dimension == EVERYTHING, table.name == ""]
    if part.since is not None:
        where.append(table.day >= part.since)
    if part.until is not None:
        where.append(table.day < part.until)
    joined = rollup_day_by_name.outerjoin(revised_days, revised_days.c.day == table.day)
    statement = (
        select(table.day, revised_days.c.times, *(table[name] for name in layout.columns))
        .select_from(joined)
        .where(*where)
        .order_by(table.day.desc())
    )
    return {
        day: (layout.units, times, *numbers)
        for day, times, *numbers in await connection.execute(statement)
    }


async def _read(
    connection: AsyncConnection,
    layout: Layout,
    wanted: dict[int, tuple[Any, ...]],
    *,
    by_tag: bool,
) -> dict[int, KeptDay]:
    table = rollup_day_by_tag if by_tag else rollup_day
    lines = select(table.c.day, table.c.series, *(table.c[name] for name in layout.columns))
    statement = lines.where(table.c.day.in_(list(wanted))).order_by(table.c.day)
    found = {day: KeptDay(stamp, array("q"), []) for day, stamp in wanted.items()}
    rows = (await connection.execute(statement)).all()
    for day, of_day in groupby(rows, itemgetter(0)):
        kept = found[day]
        while several := list(islice(of_day, _WITHOUT_A_PAUSE)):
            _days, numbers, *columns = zip(*several, strict=True)
            kept.series.extend(numbers)
            kept.values.extend(layout.pack_all(columns))
            await asyncio.sleep(0)  # calls are served on this loop, and wait for it
    return found
