"""SQLite: the default, one file in the data directory."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path
from typing import Any, cast

from sqlalchemy import URL, Connection, Engine, StaticPool, Table, create_engine, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from faregate.store.backend import (
    Backend,
    Delta,
    Made,
    Verdict,
    Work,
    first_line,
    line_columns,
    upsert,
)
from faregate.store.calls import COLUMNS, Record
from faregate.store.errors import LedgerUnavailableError

BUSY_SECONDS = 10
_AT_ONCE = 500
_READING_KB = 65_536
_WRITING_KB = 16_384
"""Of pages in memory: rows go to the ends of indexes, which are few."""
_FOR_GOOD = {
    sqlite3.SQLITE_ERROR: "",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: put a copy of it in its place",
}
"""What does not pass by waiting, and what to say of it; empty: what SQLite says, which names tables
and columns only."""
_ABOUT_VALUES = (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, UnicodeEncodeError)
_ONE_CALL = f"({', '.join('?' * len(COLUMNS))})"
_INSERT_CALL = f"INSERT INTO calls ({', '.join(COLUMNS)}) VALUES {_ONE_CALL}"  # noqa: S608
_TOGETHER = (200, 40, 8, 1)
"""Rows of one statement: the driver lets the interpreter go for each statement, and taking it back
from a busy event loop costs more than the row. SQLite takes 32,766 values at most."""
_INSERT_CALLS = {count: _INSERT_CALL + f", {_ONE_CALL}" * (count - 1) for count in _TOGETHER}
_INSERT_TAG = "INSERT OR IGNORE INTO call_tags (tag, started, call_id, day) VALUES (?, ?, ?, ?)"


class SqliteBackend(Backend):
    """A file, in WAL mode: readers never wait for the writer, writers wait for one another."""

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        """``durable``: a commit survives a power failure (``synchronous=FULL``), not only a killed
        process. Slower by one fsync a commit."""
        self._path = path
        self._file: tuple[int, int] | None = None
        self._durable = durable
        self._writer = asyncio.Lock()
        self._direct: Engine | None = None
        self._thread: ThreadPoolExecutor | None = None
        self.place = f"the ledger {path}"

    def make_engine(self, *, patient: bool = False) -> AsyncEngine:  # noqa: ARG002
        """A new engine; the directory is made. A statement may take as long as it does."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        engine = create_async_engine(
            URL.create("sqlite+aiosqlite", database=str(self._path)),
            hide_parameters=True,
            pool_size=4,
            max_overflow=4,
            connect_args={"timeout": BUSY_SECONDS},
        )
        self._prepare_engine(engine.sync_engine, _READING_KB)
        return engine

    def _prepare_engine(self, engine: Engine, cache_kb: int) -> None:
        """See that its connections and transactions are as they have to be."""
        synchronous = "FULL" if self._durable else "NORMAL"

        @event.listens_for(engine, "connect")
        def connected(raw: Any, _record: object) -> None:
            raw.isolation_level = None  # BEGIN is ours: the driver's comes too late for a lock
            cursor = raw.cursor()
            for pragma in (
                f"busy_timeout = {BUSY_SECONDS * 1000}",
                "journal_mode = WAL",
                f"synchronous = {synchronous}",
                f"cache_size = -{cache_kb}",
                "temp_store = MEMORY",
                "wal_autocheckpoint = 4000",
                "journal_size_limit = 67108864",
            ):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        @event.listens_for(engine, "begin")
        def begun(connection: Connection) -> None:
            writes = connection.get_execution_options().get("writes")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    @asynccontextmanager
    async def writing(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        """One writer at a time: in the process by a lock, across processes by BEGIN IMMEDIATE."""
        async with self._writer, engine.connect() as connection:
            await connection.execution_options(writes=True)
            async with connection.begin():
                yield connection

    async def at_once(self, engine: AsyncEngine, work: Work[Made]) -> Made:  # noqa: ARG002
        """In a thread from the first statement to the last.

        For an event loop that serves calls, and for a driver that waits for it, each statement by
        itself is a way there and back: the database would not keep up with the calls. When this is
        cancelled nothing is written, unless it was being committed, and it ends with the thread.
        """
        async with self._writer:
            thread = self._thread = self._thread or ThreadPoolExecutor(1, "ledger")
            given_up = threading.Event()
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(thread, self._work, work, given_up)
            try:
                return await asyncio.shield(running)
            except asyncio.CancelledError:
                given_up.set()
                await asyncio.wait({running})
                running.exception()  # heard of, whatever it is
                raise

    def _work(self, work: Work[Made], given_up: threading.Event) -> Made:
        if self._direct is None:
            self._direct = create_engine(
                URL.create("sqlite", database=str(self._path)),
                hide_parameters=True,
                poolclass=StaticPool,
                connect_args={"timeout": BUSY_SECONDS},
            )
            self._prepare_engine(self._direct, _WRITING_KB)
        options = {"writes": True}
        with self._direct.execution_options(**options).begin() as connection:
            made = _finished(work(cast("AsyncConnection", _Here(connection))))
            if given_up.is_set():
                raise RuntimeError("nobody waits for this any more")
            return made

    async def close(self) -> None:
        """Let go of what :meth:`at_once` uses, once it has ended."""
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(thread, self._let_go)
            thread.shutdown(wait=False)

    def _let_go(self) -> None:
        direct, self._direct = self._direct, None
        if direct is not None:
            direct.dispose()

    async def prepare(self, connection: AsyncConnection) -> None:
        """Nothing: BEGIN IMMEDIATE is the lock."""

    async def lock_changes(self, connection: AsyncConnection) -> None:
        """Nothing: BEGIN IMMEDIATE is the lock."""

    async def lock_days(self, connection: AsyncConnection, *, alone: bool = False) -> None:
        """Nothing: BEGIN IMMEDIATE is the lock."""

    async def before_append(self, engine: AsyncEngine, days: set[int]) -> None:  # noqa: ARG002
        """See that the file is still the one that was opened.

        SQLite does not: it goes on in a file that has no name any more, and ends with it.
        """
        try:
            found = self._path.stat()
        except OSError:
            file = None
        else:
            file = found.st_dev, found.st_ino
        if not days:
            self._file = file  # it is being opened
        elif file != self._file:
            raise LedgerUnavailableError(
                f"{self.place} was moved, deleted or replaced: rows wait until it is back, or "
                "until this gateway starts again"
            )

    async def drop_days(self, engine: AsyncEngine, before: int) -> int:  # noqa: ARG002
        """Nothing: rows go in batches."""
        return 0

    async def insert_calls(
        self, connection: AsyncConnection, records: Sequence[Record]
    ) -> set[str]:
        """Look first, then insert: nobody else writes meanwhile."""
        there: set[str] = set()
        for at in range(0, len(records), _AT_ONCE):
            ids = tuple(each.call_id for each in records[at : at + _AT_ONCE])
            marks = ", ".join("?" * len(ids))
            found = await connection.exec_driver_sql(
                f"SELECT call_id FROM calls WHERE call_id IN ({marks})",  # noqa: S608
                ids,
            )
            there.update(row[0] for row in found)
        fresh = [each for each in records if each.call_id not in there]
        if fresh:
            values = [each.values for each in fresh]
            done = 0
            for count in _TOGETHER:
                several = [
                    tuple(chain.from_iterable(values[at : at + count]))
                    for at in range(done, len(values) - count + 1, count)
                ]
                done += count * len(several)
                if several:
                    await connection.exec_driver_sql(_INSERT_CALLS[count], several)
        return {each.call_id for each in fresh}

    async def insert_tags(
        self, connection: AsyncConnection, tags: Sequence[tuple[str, int, str, int]]
    ) -> None:
        """Insert (tag, started, call id, day)."""
        await connection.exec_driver_sql(_INSERT_TAG, list(tags))

    async def add_up(
        self, connection: AsyncConnection, table: Table, deltas: Sequence[Delta]
    ) -> None:
        """Add deltas to the lines of a roll-up."""
        marks = ", ".join("?" * len(line_columns(table)))
        await connection.exec_driver_sql(upsert(table, f"VALUES ({marks})"), list(deltas))

    def explain(self, error: BaseException) -> tuple[str, Verdict]:
        """Locks, full disks, files that cannot be opened pass; a wrong statement does not."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _FOR_GOOD:
            return _FOR_GOOD[code] or first_line(error), "stays"
        if code == sqlite3.SQLITE_CANTOPEN:
            return f"{first_line(error)}: it must be a file where files may be written", "passes"
        if isinstance(error, sqlite3.OperationalError):
            return first_line(error), "passes"
        if isinstance(error, OSError):
            return error.strerror or type(error).__name__, "passes"
        # The driver's own errors without a code: a value of a type it cannot bind.
        values = isinstance(error, _ABOUT_VALUES) or (
            isinstance(error, sqlite3.Error) and "binding" in str(error)
        )
        return type(error).__name__, "values" if values else "stays"


class _Here:
    """What an :class:`AsyncConnection` does, done in this thread: to await it is not to wait."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect = connection.dialect

    async def execute(self, *arguments: Any) -> Any:
        return self._connection.execute(*arguments)

    async def exec_driver_sql(self, *arguments: Any) -> Any:
        return self._connection.exec_driver_sql(*arguments)


def _finished(work: Coroutine[Any, Any, Made]) -> Made:
    """What comes of work that never waits."""
    try:
        work.send(None)
    except StopIteration as end:
        found: Made = end.value
        return found
    work.close()
    raise RuntimeError("a transaction in a thread has waited for something")
