"""PostgreSQL: for several processes, and for more rows than one file should hold.

Calls are partitioned by day. Partitions are made a week ahead; a day that has none (a clock that
jumped, an id that tells no time) goes to the default partition, so an insert never fails for it.
"""

import socket
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Boolean, Integer, String, Table, Text, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from faregate.errors import ConfigError
from faregate.store import tables
from faregate.store.address import PostgresAddress
from faregate.store.backend import Backend, Delta, Verdict, first_line, line_columns, upsert
from faregate.store.calls import COLUMNS, Record
from faregate.store.periods import day_text
from faregate.store.rollup import DAY

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 60
DAYS_AHEAD = 7
DAYS_BEHIND = 40
"""How far back a day still gets a partition of its own, for a journal that catches up."""

LOCK_WAIT = "2s"
"""How long dropping a day waits for its readers, while those behind it wait, too."""

_SCHEMA_LOCK, _CHANGES_LOCK, _PARTITION_LOCK = 0x6661_7201, 0x6661_7202, 0x6661_7203
_DAYS_LOCK = 0x6661_7204
_PARTITIONED = ("calls", "call_tags")
_LOCKED = "55P03"
_READ_ONLY = "25006"
_TRANSIENT = ("08", _READ_ONLY, "28", "3D", "40", "53", "55", "57", "58")
"""SQLSTATE classes that pass: connection, a server that is only read from (it was demoted),
authorisation, no such database, rollback, resources, locks, operator, system. Some only once an
operator has acted; until then rows wait."""
_HINTS = {
    "28": ": check user and password in database_url",
    "3D": ": make it, or check its name in database_url",
    "42704": ": check the parameters of database_url",
}
_ABOUT_VALUES = ("22", "23", "54")
"""Data that fits no type, breaks a constraint, or is larger than a limit."""
_SAYS_NAMES = ("42", "3F")
"""Classes whose message names parameters, tables and privileges, and quotes no value."""


def _pg_type(column: Any) -> str:
    if isinstance(column.type, Boolean):
        return "boolean"
    if isinstance(column.type, Text | String):
        return "text"
    return "integer" if type(column.type) is Integer else "bigint"


def _unnest(table: Table, columns: Sequence[str]) -> str:
    arrays = (f"${n}::{_pg_type(table.c[name])}[]" for n, name in enumerate(columns, 1))
    return f"SELECT * FROM unnest({', '.join(arrays)})"  # noqa: S608


_INSERT_CALLS = (
    f"INSERT INTO calls ({', '.join(COLUMNS)}) {_unnest(tables.calls, COLUMNS)} "
    "ON CONFLICT (call_id, day) DO NOTHING RETURNING call_id"
)
_INSERT_TAGS = (
    "INSERT INTO call_tags (tag, started, call_id, day) "
    f"{_unnest(tables.call_tags, ('tag', 'started', 'call_id', 'day'))} ON CONFLICT DO NOTHING"
)


class PostgresBackend(Backend):
    """A database on a server. Tables live in a schema of their own, ``faregate`` unless stated."""

    whole: Mapping[str, Any] = {"isolation_level": "REPEATABLE READ"}

    def __init__(self, address: PostgresAddress, *, pool_size: int = 5) -> None:
        self._address = address
        self._pool_size = pool_size
        self._days: set[int] = set()
        self._today = -1
        self.place = f"the ledger at {address.shown}"

    def make_engine(self, *, patient: bool = False) -> AsyncEngine:
        """A new engine. Raises :class:`ConfigError` without the driver."""
        try:
            import asyncpg
        except ImportError:
            raise ConfigError(
                "a database_url of PostgreSQL needs its driver: pip install 'faregate[postgres]'"
            ) from None
        address = self._address

        async def connect() -> Any:
            return await asyncpg.connect(
                address.dsn,
                timeout=CONNECT_SECONDS,
                command_timeout=None if patient else STATEMENT_SECONDS,
                server_settings={"search_path": address.schema, "timezone": "UTC"},
            )

        engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connect,
            hide_parameters=True,
            pool_size=self._pool_size,
            max_overflow=0,
            pool_timeout=STATEMENT_SECONDS,
            pool_pre_ping=True,
        )
        event.listen(engine.sync_engine, "handle_error", _leave_read_only)
        return engine

    @asynccontextmanager
    async def writing(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        """A transaction."""
        async with engine.begin() as connection:
            yield connection

    async def prepare(self, connection: AsyncConnection) -> None:
        """Take the lock of the schema, and make the schema."""
        await self._lock(connection, _SCHEMA_LOCK)
        schema = self._address.schema
        found = await connection.exec_driver_sql(
            "SELECT 1 FROM pg_namespace WHERE nspname = $1", (schema,)
        )
        if found.first() is None:
            await connection.exec_driver_sql(f'CREATE SCHEMA "{schema}"')
            # The connection was made before its schema was there.
            await connection.exec_driver_sql(f'SET search_path TO "{schema}"')

    async def lock_changes(self, connection: AsyncConnection) -> None:
        """Sequence numbers must become visible in their order."""
        await self._lock(connection, _CHANGES_LOCK)

    async def lock_days(self, connection: AsyncConnection, *, alone: bool = False) -> None:
        """Those who count rows share the lock."""
        await self._lock(connection, _DAYS_LOCK, shared=not alone)

    async def _lock(self, connection: AsyncConnection, what: int, *, shared: bool = False) -> None:
        """Hold a lock of this schema until the transaction ends."""
        verb = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        await connection.exec_driver_sql(
            f"SELECT {verb}({what}, hashtext($1))",
            (self._address.schema,),
        )

    async def insert_calls(
        self, connection: AsyncConnection, records: Sequence[Record]
    ) -> set[str]:
        """One statement, a parameter a column."""
        columns = tuple(list(each) for each in zip(*(r.values for r in records), strict=True))
        found = await connection.exec_driver_sql(_INSERT_CALLS, columns)
        return {row[0] for row in found}

    async def insert_tags(
        self, connection: AsyncConnection, tags: Sequence[tuple[str, int, str, int]]
    ) -> None:
        """Insert (tag, started, call id, day)."""
        columns = tuple(list(each) for each in zip(*tags, strict=True))
        await connection.exec_driver_sql(_INSERT_TAGS, columns)

    async def add_up(
        self, connection: AsyncConnection, table: Table, deltas: Sequence[Delta]
    ) -> None:
        """Add deltas to the lines of a roll-up; one statement, a parameter a column."""
        columns = tuple(list(each) for each in zip(*deltas, strict=True))
        source = _unnest(table, line_columns(table))
        await connection.exec_driver_sql(upsert(table, source), columns)

    async def before_append(self, engine: AsyncEngine, days: set[int]) -> None:
        """See that the days have partitions, and the week to come."""
        today = int(time.time() // DAY)
        wanted = {day for day in days if today - DAYS_BEHIND <= day <= today + DAYS_AHEAD}
        if today != self._today:
            wanted.update(range(today - 1, today + DAYS_AHEAD + 1))
        missing = sorted(wanted - self._days)
        if missing:
            async with engine.begin() as connection:
                await self._make_partitions(connection, missing)
            self._days.update(missing)
        self._today = today

    async def _make_partitions(self, connection: AsyncConnection, days: list[int]) -> None:
        await self._lock(connection, _PARTITION_LOCK)
        found = await connection.exec_driver_sql(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        )
        there = {row[0] for row in found}
        for table in _PARTITIONED:
            for day in days:
                name = partition_name(table, day)
                if name in there:
                    continue
                taken = await connection.exec_driver_sql(
                    f"SELECT 1 FROM {table}_default WHERE day = $1 LIMIT 1",  # noqa: S608
                    (day,),
                )
                if taken.first() is None:
                    await connection.exec_driver_sql(
                        f"CREATE TABLE {name} PARTITION OF {table} "
                        f"FOR VALUES FROM ({day}) TO ({day + 1})"
                    )

    async def drop_days(self, engine: AsyncEngine, before: int) -> int:
        """Drop the oldest partition that only holds calls from before the instant."""
        try:
            while True:
                async with engine.begin() as connection:
                    await connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
                    count = await self._drop_oldest(connection, before)
                if count is None or count > 0:
                    return count or 0
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", "") == _LOCKED:
                return 0  # someone reads it: rows go in batches instead
            raise

    async def _drop_oldest(self, connection: AsyncConnection, before: int) -> int | None:
        """How many rows went with it; None when there is no such partition."""
        last = before // (DAY * 1_000_000)
        found = await connection.exec_driver_sql(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() "
            "AND tablename ~ '^calls_[0-9]{8}$' AND tablename < $1 ORDER BY 1 LIMIT 1",
            (partition_name("calls", last),),
        )
        name = found.scalar()
        if name is None:
            return None
        await connection.exec_driver_sql("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE")
        found = await connection.exec_driver_sql(
            f"SELECT count(*), coalesce(max(started), 0) FROM {name}"  # noqa: S608
        )
        count, latest = tuple(found.one())
        if latest >= before:
            return None
        await connection.exec_driver_sql(
            f"DELETE FROM adjustments WHERE call_id IN (SELECT call_id FROM {name})"  # noqa: S608
        )
        for table in _PARTITIONED:
            day_table = str(name).replace("calls", table)
            await connection.exec_driver_sql(f"DROP TABLE IF EXISTS {day_table}")
        return int(count)

    def explain(self, error: BaseException) -> tuple[str, Verdict]:
        """A lost or refused connection, a full disk, a deadlock, a shutdown: those pass."""
        state = getattr(error, "sqlstate", None) or ""
        hint = next((text for kind, text in _HINTS.items() if state.startswith(kind)), "")
        if state.startswith(_TRANSIENT):
            return first_line(error) + hint, "passes"
        if state.startswith(_SAYS_NAMES):
            return first_line(error) + hint, "stays"
        if isinstance(error, OSError):
            return _unreached(error), "passes"
        name = type(error).__name__
        if state.startswith(_ABOUT_VALUES) or name in ("DataError", "OverflowError"):
            return name, "values"
        if name == "ClientConfigurationError":
            return "the driver does not understand the parameters of database_url", "stays"
        if name in ("InterfaceError", "ConnectionDoesNotExistError", "InternalClientError"):
            return "the connection broke off", "passes"
        return name, "stays"


def _leave_read_only(context: ExceptionContext) -> None:
    """After a failover open connections may lead to the server that was: new ones find the other.

    It answers every ping, so the pool would keep them for good.
    """
    if getattr(context.original_exception, "sqlstate", "") == _READ_ONLY:
        context.is_disconnect = True


def _unreached(error: OSError) -> str:
    """Why there is no connection. Only the system's own words are quoted."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return f"the host is not known ({error.strerror}): check it in database_url"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or 'broken off'}): check sslmode and sslrootcert"
    if isinstance(error, ConnectionRefusedError):
        return "nothing answers there: check that the server runs, and host and port"
    if "SSL" in str(error):
        return "the server does not do TLS, which sslmode asks for"
    return error.strerror or "no connection"


def partition_name(table: str, day: int) -> str:
    """The table of a day, such as ``calls_20261122``."""
    return f"{table}_{day_text(day).replace('-', '')}"
