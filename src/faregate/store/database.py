"""The Store over a database: its verbs, each a transaction. The SQL is in the modules beside it."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import date

from msgspec.structs import replace
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from faregate.core.zones import find_zone
from faregate.money import Usd
from faregate.store import contents, day_moves, documents, reading, spending, spent, traffic
from faregate.store.backend import Backend, naming
from faregate.store.calendar import Calendar
from faregate.store.calls import (
    PRICED_COLUMNS,
    Record,
    day_of,
    priced_values,
    record,
    row_of,
)
from faregate.store.errors import LedgerError, UnknownCallError
from faregate.store.kept_days import KeptDays
from faregate.store.migrate import check, one_at_a_time, upgrade
from faregate.store.protocol import (
    Change,
    ChangePage,
    Content,
    Dimension,
    Duration,
    Entity,
    Entry,
    Filter,
    Moved,
    Page,
    SpendLine,
    SpentBy,
    Traffic,
)
from faregate.store.rollup import minus, shares
from faregate.store.summing import Known, Sums
from faregate.store.tables import adjustments, call_tags, calls
from faregate.store.text import as_json, microseconds
from faregate.types import JsonObject, Receipt, Row

_WITHOUT_A_PAUSE = 50
"""Rows made ready in one go, which takes less than a millisecond."""


class DatabaseStore:
    """A :class:`~faregate.store.protocol.Store` in SQLite or PostgreSQL."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._engine: AsyncEngine | None = None
        self._sums = Sums(backend)
        self._kept_days = KeptDays()
        self._calendar = Calendar()
        self._moved: Calendar | None = None

    def __repr__(self) -> str:
        return f"DatabaseStore({self._backend.place})"

    async def open(self) -> None:
        """Connect and bring the schema up to date."""
        if self._engine is not None:
            return
        with naming(self._backend, opening=True):
            await self._migrate()
            engine = self._backend.make_engine()
            try:
                await self._backend.before_append(engine, set())
            except BaseException:
                await engine.dispose()
                raise
        self._engine = engine

    async def _migrate(self) -> None:
        """With an engine of its own: a large table takes its time to be changed."""
        engine = self._backend.make_engine(patient=True)
        try:
            async with one_at_a_time(), self._backend.writing(engine) as connection:
                await self._backend.prepare(connection)
                await connection.run_sync(upgrade, self._backend.place)
        finally:
            await engine.dispose()

    async def attach(self) -> None:
        """Connect to read what is there; the schema is checked and not changed."""
        if self._engine is not None:
            return
        with naming(self._backend, opening=True):
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
                await self._backend.close()
                await engine.dispose()

    async def ping(self) -> None:
        """Return when the database answers."""
        async with self._reading() as connection:
            await connection.exec_driver_sql("SELECT 1")

    async def append(self, rows: Sequence[Row]) -> int:
        """Write rows and their roll-ups in one transaction."""
        found = {row.call_id: row for row in reversed(rows)}  # of repeats, the first one
        records: list[Record] = []
        once = list(found.values())
        for at in range(0, len(once), _WITHOUT_A_PAUSE):
            records += map(record, once[at : at + _WITHOUT_A_PAUSE])
            await asyncio.sleep(0)  # calls are served on this loop, and wait for it
        records.sort(key=lambda each: each.call_id)
        if not records:
            return 0
        with naming(self._backend):
            await self._backend.before_append(self._connected(), {each.day for each in records})
            count, learnt = await self._backend.at_once(
                self._connected(), lambda connection: self._append(connection, records)
            )
        self._sums.learn(learnt)
        return count

    async def _append(
        self, connection: AsyncConnection, records: Sequence[Record]
    ) -> tuple[int, Known]:
        calendar = await self._days(connection)
        fresh_ids = await self._backend.insert_calls(connection, records)
        fresh = [each for each in records if each.call_id in fresh_ids]
        await self._tags(connection, fresh)
        return len(fresh), await self._sums.append(connection, fresh, calendar)

    async def _tags(self, connection: AsyncConnection, fresh: Sequence[Record]) -> None:
        tags = [(tag, each.started, each.call_id, each.day) for each in fresh for tag in each.tags]
        if tags:
            await self._backend.insert_tags(connection, tags)

    async def adjust(self, call_id: str, receipt: Receipt, *, reason: str, at: float) -> bool:
        """Replace the receipt of a call, keep the one before, and let the roll-ups follow."""
        place = (calls.c.call_id == call_id, calls.c.day == day_of(call_id))
        async with self._writing() as connection:
            calendar = await self._days(connection)
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
            day = calendar.day(found["started"])
            own, tagged = map(minus, shares(after), shares(before))
            learnt = await self._sums.move(connection, day, own, tagged)
        self._sums.learn(learnt)
        return True

    async def rows(self, only: Filter, *, cursor: str | None = None, limit: int = 100) -> Page:
        """A page of the log, newest first."""
        reading.check_limit(limit)
        async with self._reading() as connection:
            return await reading.page(connection, only, cursor, limit)

    async def mark(self, only: Filter, *, cursor: str | None = None, count: int) -> str | None:
        """The cursor above which so many calls are."""
        async with self._reading() as connection:
            return await reading.mark(connection, only, cursor, count)

    async def durations(self, only: Filter, *, limit: int = 1000) -> list[Duration]:
        """How long the newest calls took."""
        reading.check_limit(limit)
        async with self._reading() as connection:
            return await reading.durations(connection, only, limit)

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
        skip: int = 0,
        limit: int | None = None,
    ) -> list[SpendLine]:
        """Spend by any dimensions, from the roll-ups."""
        asked = spending.Question(by, only or Filter(), since, until, skip, limit)
        async with self._reading(whole=True) as connection:
            return await spending.spend(connection, asked, self._kept_days)

    async def spent(self, questions: Sequence[SpentBy]) -> list[list[tuple[float, Usd]]]:
        """What budgets have spent from an instant on, by slots."""
        asked = [spent.asked(each) for each in questions]
        if not asked:
            return []
        async with self._reading(whole=True) as connection:
            return await spent.spent(connection, asked, await self._read_calendar(connection))

    async def traffic(self, deployments: Sequence[str], since: float) -> list[Traffic]:
        """How many calls deployments had, and what these cost."""
        async with self._reading() as connection:
            return await traffic.counted(connection, deployments, since)

    async def calendar(self) -> Calendar:
        """Which instants days begin at."""
        async with self._reading() as connection:
            return await self._read_calendar(connection)

    async def keep_days_in(self, zone: str) -> bool:
        """From now on days are those of a zone."""
        find_zone(zone)
        async with self._writing() as connection:
            before = await self._days(connection, alone=True)
            after = before.changed(zone)
            if after.pieces == before.pieces:
                return False
            await day_moves.write(connection, after)
        self._moved = None
        return True

    async def move_days(self, *, batch: int = 1000) -> Moved:
        """Move rows, the newest first, to their days in the ledger's zone."""
        reading.check_limit(batch)
        async with self._writing() as connection:
            calendar = await self._days(connection, alone=True)
            if self._moved is not None and self._moved.pieces != calendar.pieces:
                # Somebody else is at it. Whoever begins last goes on; the others need not.
                self._moved = None
                return Moved(rows=0, left=False)
            moved, learnt = await day_moves.move(connection, calendar, self._sums, batch)
            after = await self._read_calendar(connection)
        self._sums.learn(learnt)
        self._moved = after if moved.left else None
        return moved

    async def _days(self, connection: AsyncConnection, *, alone: bool = False) -> Calendar:
        """The calendar as it is until the end of a transaction, to count rows by; ``alone`` to
        change it."""
        await self._backend.lock_days(connection, alone=alone)
        return await self._read_calendar(connection)

    async def _read_calendar(self, connection: AsyncConnection) -> Calendar:
        self._calendar = await day_moves.read(connection, self._calendar)
        return self._calendar

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

    async def entities(self, kind: str, only: Collection[str] | None = None) -> list[Entity]:
        """The entities of a kind, by id."""
        async with self._reading() as connection:
            return await documents.every(connection, kind, only)

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

    async def put_contents(self, batch: Sequence[Content]) -> None:
        """Keep prompts and answers."""
        if batch:
            async with self._writing() as connection:
                await contents.put(connection, batch)

    async def contents(self, call_id: str) -> Content | None:
        """What was asked and answered in a call."""
        async with self._reading() as connection:
            return await contents.get(connection, call_id)

    async def purge_contents(self, before: float, *, batch: int = 500) -> int:
        """Delete contents of calls that started before an instant, and say how many."""
        reading.check_limit(batch)
        async with self._writing() as connection:
            return await contents.purge(connection, microseconds(before), batch)

    def _connected(self) -> AsyncEngine:
        if self._engine is None:
            raise LedgerError(f"{self._backend.place} is not open")
        return self._engine

    @asynccontextmanager
    async def _reading(self, *, whole: bool = False) -> AsyncIterator[AsyncConnection]:
        """A connection to read with; ``whole``: all of its statements see one instant."""
        engine = self._connected()
        if whole:
            engine = engine.execution_options(**self._backend.whole)
        with naming(self._backend):
            async with engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        engine = self._connected()
        with naming(self._backend):
            async with self._backend.writing(engine) as connection:
                yield connection
