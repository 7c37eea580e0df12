"""What rows add to the roll-ups, written in the transaction of the rows."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from faregate.store import documents
from faregate.store.backend import Backend, Delta
from faregate.store.calendar import Calendar
from faregate.store.calls import Record
from faregate.store.periods import month_number
from faregate.store.rollup import COUNTS, TOKENS, Amounts, Series, Share, by_name, fold
from faregate.store.spending import numbers_of
from faregate.store.tables import (
    NAMES,
    revised_days,
    rollup_day,
    rollup_day_by_name,
    rollup_day_by_tag,
    rollup_month,
    rollup_month_by_tag,
    series,
    units,
)
from faregate.store.text import as_json

Daily = Mapping[tuple[int, Series], Amounts]
"""Amounts by day and series."""

_ROLLUPS = ((rollup_day, rollup_month), (rollup_day_by_tag, rollup_month_by_tag))
_MOST_SERIES = 200_000
_TOKENS = slice(len(COUNTS), len(COUNTS) + len(TOKENS))
_SERIES_COLUMNS = (*NAMES, "tagged")


class Known(NamedTuple):
    """What a process need not ask again: nothing of it is ever deleted."""

    series: dict[Series, int]
    units: set[str]


class Sums:
    """Lets the roll-ups follow. One for a store; it remembers the numbers of series."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._known = Known({}, set())

    async def append(
        self, connection: AsyncConnection, fresh: Sequence[Record], calendar: Calendar
    ) -> Known:
        """Count new rows. Give what it returns to :meth:`learn` after the commit."""
        days = [(calendar.day(each.started), each) for each in fresh]
        own = fold(((day, s), a) for day, each in days for s, a in each.shares)
        tagged = fold(((day, s), a) for day, each in days for s, a in each.tag_shares)
        return await self._add_up(connection, own, tagged)

    async def move(
        self,
        connection: AsyncConnection,
        day: int,
        own: Iterable[Share],
        tagged: Iterable[Share],
    ) -> Known:
        """Add differences to a day. Give what it returns to :meth:`learn` after the commit."""
        return await self.revise(
            connection, fold(((day, s), a) for s, a in own), fold(((day, s), a) for s, a in tagged)
        )

    async def revise(self, connection: AsyncConnection, own: Daily, tagged: Daily) -> Known:
        """Change sums of rows that were counted before, and note which days are not as they were.

        New rows need no note: the day has more calls then. Whatever changes sums and counts no new
        row comes this way, or processes go on with what they have read of the day before.
        """
        learnt = await self._add_up(connection, own, tagged)
        days = sorted({day for each in (own, tagged) for day, _series in each})
        if days:
            insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            statement = insert(revised_days).on_conflict_do_update(
                index_elements=["day"], set_={"times": revised_days.c.times + 1}
            )
            await connection.execute(statement, [{"day": day, "times": 1} for day in days])
        return learnt

    def learn(self, learnt: Known) -> None:
        """Remember what a transaction found, now that it is committed."""
        if len(self._known.series) + len(learnt.series) > _MOST_SERIES:
            self._known.series.clear()
        self._known.series.update(learnt.series)
        self._known.units.update(learnt.units)

    async def _add_up(self, connection: AsyncConnection, own: Daily, tagged: Daily) -> Known:
        """Let every roll-up follow. Give what it returns to :meth:`learn` after the commit.

        Everything is written in one order, by whichever process, so that none waits for another
        that waits for it.
        """
        learnt = Known({}, set())
        await self._note_units(connection, own.values(), learnt)
        numbers = {
            each: await self._id_of(connection, each, learnt)
            for each in sorted({each for days in (own, tagged) for _day, each in days})
        }
        for days, (day_table, month_table) in zip((own, tagged), _ROLLUPS, strict=True):
            months = fold(((month_number(day), s), amounts) for (day, s), amounts in days.items())
            for table, periods in ((day_table, days), (month_table, months)):
                deltas: list[Delta] = sorted(
                    (period, numbers[s], *numbers_of(amounts))
                    for (period, s), amounts in periods.items()
                    if any(amounts)
                )
                if deltas:
                    await self._backend.add_up(connection, table, deltas)
        named: list[Delta] = sorted(
            (*place, *numbers_of(amounts))
            for place, amounts in by_name(own, tagged).items()
            if any(amounts)
        )
        if named:
            await self._backend.add_up(connection, rollup_day_by_name, named)
        return learnt

    async def _id_of(self, connection: AsyncConnection, wanted: Series, learnt: Known) -> int:
        """The number of a series, made where there is none.

        Learnt numbers are kept only once the transaction that may have made them is committed.
        """
        known = self._known.series.get(wanted) or learnt.series.get(wanted)
        if known is not None:
            return known
        digest = blake2b(as_json(wanted).encode(), digest_size=16).hexdigest()
        names = dict(zip(_SERIES_COLUMNS, wanted, strict=True))
        statement = documents.insert_or_ignore(connection, series).values(digest=digest, **names)
        await connection.execute(statement)
        found = await connection.execute(select(series.c.id).where(series.c.digest == digest))
        number = learnt.series[wanted] = int(found.scalar_one())
        return number

    async def _note_units(
        self, connection: AsyncConnection, found: Iterable[Amounts], learnt: Known
    ) -> None:
        """See that the units that occur are known to occur."""
        used = {TOKENS[at] for amounts in found for at, n in enumerate(amounts[_TOKENS]) if n}
        new = used - self._known.units - learnt.units
        if new:
            statement = documents.insert_or_ignore(connection, units)
            await connection.execute(statement, [{"unit": unit} for unit in sorted(new)])
            learnt.units.update(new)
