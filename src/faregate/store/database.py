"""The Store over a database: its verbs, each a transaction. The SQL is in the modules beside it."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import date
from hashlib import blake2b
from typing import NamedTuple

from msgspec.structs import replace
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from faregate.store import documents, reading, spending
from faregate.store.backend import Backend, Delta, naming
from faregate.store.calls import (
    PRICED_COLUMNS,
    Record,
    day_of,
    priced_values,
    record,
    row_of,
)
from faregate.store.errors import LedgerError, UnknownCallError
from faregate.store.migrate import check, one_at_a_time, upgrade
from faregate.store.periods import month_number
from faregate.store.protocol import (
    Change,
    ChangePage,
    Dimension,
    Entity,
    Entry,
    Filter,
    Page,
    SpendLine,
)
from faregate.store.rollup import COUNTS, TOKENS, Amounts, Series, fold, minus, shares
from faregate.store.tables import (
    NAMES,
    adjustments,
    call_tags,
    calls,
    rollup_day,
    rollup_day_by_tag,
    rollup_month,
    rollup_month_by_tag,
    series,
    units,
)
from faregate.store.text import as_json, microseconds
from faregate.types import JsonObject, Receipt, Row

_ROLLUPS = ((rollup_day, rollup_month), (rollup_day_by_tag, rollup_month_by_tag))
_MOST_SERIES = 200_000
_TOKENS = slice(len(COUNTS), len(COUNTS) + len(TOKENS))
_SERIES_COLUMNS = (*NAMES, "tagged")


class Known(NamedTuple):
    """What a process need not ask again: nothing of it is ever deleted."""

    series: dict[Series, int]
    units: set[str]


class DatabaseStore:
    """A :class:`~faregate.store.protocol.Store` in SQLite or PostgreSQL."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._engine: AsyncEngine | None = None
        self._known = Known({}, set())

    def __repr__(self) -> str:
        return f"DatabaseStore({self._backend.place})"

    async def open(self) -> None:
        """Connect and bring the schema up to date."""
        if self._engine is not None:
            return
        with naming(self._backend):
            engine = self._backend.make_engine()
            try:
                async with one_at_a_time(), self._backend.writing(engine) as connection:
                    await self._backend.prepare(connection)
                    await connection.run_sync(upgrade, self._backend.place)
                await self._backend.before_append(engine, set())
            except BaseException:
                await engine.dispose()
                raise
        self._engine = engine

    async def attach(self) -> None:
        """Connect to read what is there; the schema is checked and not changed."""
        if self._engine is not None:
            return
        with naming(self._backend):
            engine = self._backend.make_engine()
            try:
                async with engine.connect() as connection:
                    await connection.run_sync(check, self._backend.place)
            except BaseException:
                await engine.dispose()
                raise
        self._engine = engine

    async def close(self) -> None:
        """Let go of every connection."""
        engine, self._engine = self._engine, None
        if engine is not None:
            with naming(self._backend):
                await engine.dispose()

    async def ping(self) -> None:
        """Return when the database answers."""
        async with self._reading() as connection:
            await connection.exec_driver_sql("SELECT 1")

    async def append(self, rows: Sequence[Row]) -> int:
        """Write rows and their roll-ups in one transaction."""
        found = {row.call_id: row for row in reversed(rows)}  # of repeats, the first one
        records = sorted(map(record, found.values()), key=lambda each: each.call_id)
        if not records:
            return 0
        with naming(self._backend):
            await self._backend.before_append(self._connected(), {each.day for each in records})
        learnt = Known({}, set())
        async with self._writing() as connection:
            fresh_ids = await self._backend.insert_calls(connection, records)
            fresh = [each for each in records if each.call_id in fresh_ids]
            await self._tags(connection, fresh)
            own = [((each.rollup_day, s), a) for each in fresh for s, a in each.shares]
            tagged = [((each.rollup_day, s), a) for each in fresh for s, a in each.tag_shares]
            await self._add_up(connection, own, tagged, learnt)
        self._learn(learnt)
        return len(fresh)

    async def _tags(self, connection: AsyncConnection, fresh: Sequence[Record]) -> None:
        tags = [(tag, each.started, each.call_id, each.day) for each in fresh for tag in each.tags]
        if tags:
            await self._backend.insert_tags(connection, tags)

    async def _add_up(
        self,
        connection: AsyncConnection,
        own: Sequence[tuple[tuple[int, Series], Amounts]],
        tagged: Sequence[tuple[tuple[int, Series], Amounts]],
        learnt: Known,
    ) -> None:
        """Let all four roll-ups follow.

        Everything is written in one order, by whichever process, so that none waits for another
        that waits for it.
        """
        by_day = (fold(own), fold(tagged))
        await self._note_units(connection, by_day[0].values(), learnt)
        numbers = {
            each: await self._id_of(connection, each, learnt)
            for each in sorted({each for days in by_day for _day, each in days})
        }
        for days, (day_table, month_table) in zip(by_day, _ROLLUPS, strict=True):
            months = fold(((month_number(day), s), amounts) for (day, s), amounts in days.items())
            for table, periods in ((day_table, days), (month_table, months)):
                deltas: list[Delta] = sorted(
                    (period, numbers[s], *spending.numbers_of(amounts))
                    for (period, s), amounts in periods.items()
                )
                if deltas:
                    await self._backend.add_up(connection, table, deltas)

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

    def _learn(self, learnt: Known) -> None:
        if len(self._known.series) + len(learnt.series) > _MOST_SERIES:
            self._known.series.clear()
        self._known.series.update(learnt.series)
        self._known.units.update(learnt.units)

    async def adjust(self, call_id: str, receipt: Receipt, *, reason: str, at: float) -> bool:
        """Replace the receipt of a call, keep the one before, and let the roll-ups follow."""
        place = (calls.c.call_id == call_id, calls.c.day == day_of(call_id))
        learnt = Known({}, set())
        async with self._writing() as connection:
            statement = select(calls).where(*place).with_for_update()
            found = (await connection.execute(statement)).mappings().first()
            if found is None:
                raise UnknownCallError(f"there is no call {call_id[:64]!r} in the ledger")
            before = row_of(dict(found))
            after = replace(before, receipt=receipt)
            text = as_json(receipt)
            if text == found["receipt"]:
                return False
            await connection.execute(
                insert(adjustments).values(
                    call_id=call_id,
                    number=found["adjusted"] + 1,
                    at=microseconds(at),
                    reason=reason.replace("\x00", ""),
                    receipt_before=found["receipt"],
                    receipt_after=text,
                )
            )
            values = dict(zip(PRICED_COLUMNS, priced_values(after), strict=True))
            await connection.execute(
                update(calls).where(*place).values(**values, adjusted=found["adjusted"] + 1)
            )
            day = record(before).rollup_day
            own, tagged = (
                [((day, s), a) for s, a in minus(new, old)]
                for new, old in zip(shares(after), shares(before), strict=True)
            )
            await self._add_up(connection, own, tagged, learnt)
        self._learn(learnt)
        return True

    async def rows(self, only: Filter, *, cursor: str | None = None, limit: int = 100) -> Page:
        """A page of the log, newest first."""
        reading.check_limit(limit)
        async with self._reading() as connection:
            return await reading.page(connection, only, cursor, limit)

    async def row(self, call_id: str) -> Entry | None:
        """The row of a call."""
        async with self._reading() as connection:
            return await reading.one(connection, call_id)

    async def spend(
        self,
        by: Sequence[Dimension],
        *,
        only: Filter | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> list[SpendLine]:
        """Spend by any dimensions, from the roll-ups."""
        async with self._reading() as connection:
            return await spending.spend(connection, by, only or Filter(), since, until)

    async def put(
        self,
        kind: str,
        identity: str,
        document: JsonObject | None,
        *,
        actor: str,
        at: float,
        expected_version: int | None = None,
    ) -> Entity:
        """Write the next version of an entity and its audit entry in one transaction."""
        async with self._writing() as connection:
            await self._backend.lock_changes(connection)
            change = documents.New(kind, identity, document, actor, microseconds(at))
            return await documents.put(connection, change, expected_version)

    async def get(self, kind: str, identity: str) -> Entity | None:
        """The entity, or None."""
        async with self._reading() as connection:
            return await documents.get(connection, kind, identity)

    async def entities(self, kind: str) -> list[Entity]:
        """All entities of a kind."""
        async with self._reading() as connection:
            return await documents.every(connection, kind)

    async def changes(self, since: int = 0, *, limit: int = 1000) -> list[Change]:
        """Changes after a sequence number, oldest first."""
        async with self._reading() as connection:
            return await documents.changes(connection, since, reading.check_limit(limit))

    async def audit(self, *, cursor: str | None = None, limit: int = 100) -> ChangePage:
        """A page of the audit log, newest first."""
        async with self._reading() as connection:
            return await documents.audit_page(connection, cursor, reading.check_limit(limit))

    async def purge(self, before: float, *, batch: int = 5000) -> int:
        """Delete rows of calls that started before an instant, and say how many."""
        reading.check_limit(batch)
        instant = microseconds(before)
        with naming(self._backend):
            dropped = await self._backend.drop_days(self._connected(), instant)
        if dropped:
            return dropped
        oldest = (
            select(calls.c.call_id, calls.c.day)
            .where(calls.c.started < instant)
            .order_by(calls.c.started, calls.c.call_id)
            .limit(batch)
        )
        async with self._writing() as connection:
            found = [tuple(row) for row in await connection.execute(oldest)]
            ids = [call_id for call_id, _day in found]
            if ids:
                days = sorted({day for _id, day in found})
                await connection.execute(
                    delete(calls).where(calls.c.call_id.in_(ids), calls.c.day.in_(days))
                )
                await connection.execute(delete(call_tags).where(call_tags.c.call_id.in_(ids)))
                await connection.execute(delete(adjustments).where(adjustments.c.call_id.in_(ids)))
        return len(ids)

    def _connected(self) -> AsyncEngine:
        if self._engine is None:
            raise LedgerError(f"{self._backend.place} is not open")
        return self._engine

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        engine = self._connected()
        with naming(self._backend):
            async with engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        engine = self._connected()
        with naming(self._backend):
            async with self._backend.writing(engine) as connection:
                yield connection
