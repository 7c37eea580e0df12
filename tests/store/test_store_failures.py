"""Databases that are not there, break off, fill up or are no database: clear errors, no loss."""

import asyncio
import sqlite3
import threading
import traceback
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from faregate.errors import ConfigError
from faregate.store import sqlite as sqlite_module
from faregate.store.address import PostgresAddress, parse_address
from faregate.store.backend import Delta
from faregate.store.database import DatabaseStore
from faregate.store.errors import LedgerError, LedgerUnavailableError
from faregate.store.places import store_at
from faregate.store.postgres import PostgresBackend, partition_name
from faregate.store.protocol import Filter
from faregate.store.reading import _statement
from faregate.store.sqlite import SqliteBackend
from tests.store.ledgers import (
    DAY,
    NOON,
    SERVER,
    a_place,
    a_row,
    call_id,
    everything,
    on_server,
    own_schema,
    server_answers,
)

SECRET = "hunter2%40%2F"
pytestmark = pytest.mark.usefixtures("few_partitions")


@pytest.fixture
async def on_postgres() -> AsyncIterator[DatabaseStore]:
    """An open store on PostgreSQL, in a schema of its own."""
    async with own_schema() as url:
        store = store_at(url, Path())
        await store.open()
        try:
            yield store
        finally:
            await store.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "no URL"),
        (f"{SECRET}", "no URL"),
        (f"mysql://u:{SECRET}@h/db", "SQLite or PostgreSQL"),
        (f"postgresql://u:{SECRET}@host:port/db", "cannot be read"),
        ("postgresql://u:hunter2@h:99999/db", "cannot be read"),
        ("postgresql://u:hunter2#1@host/db", "#|cannot"),
        ("postgresql://u:hunter2/1@host/db", "cannot be read"),
        (f"postgresql://u:{SECRET}@host/db?schema=Robert'); DROP", "a schema is"),
        ("sqlite://", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "names no file"),
    ],
)
def test_a_wrong_url_is_explained_and_not_quoted(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        parse_address(url)
    shown = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in shown


def test_urls(tmp_path: Path) -> None:
    assert parse_address("sqlite:////var/lib/f.db") == Path("/var/lib/f.db")
    assert parse_address("sqlite+aiosqlite:///a%20b.db?x=1") == Path("a b.db")
    found = parse_address(f"postgres://u:{SECRET}@h1:1,h2:2/db?sslmode=require&schema=own")
    assert isinstance(found, PostgresAddress)
    assert found.dsn == f"postgresql://u:{SECRET}@h1:1,h2:2/db?sslmode=require"
    assert (found.shown, found.schema) == ("PostgreSQL h1:1,h2:2/db", "own")
    assert "hunter2" not in repr(found)
    assert "hunter2" not in repr(store_at(f"postgresql://u:{SECRET}@h/db", tmp_path))
    assert repr(store_at("", tmp_path)).endswith("/ledger.sqlite3)")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (f"postgresql://u:{SECRET}@127.0.0.1:1/db", "127.0.0.1:1/db"),
        ("{server}/no_such_database", "no_such_database"),
        (f"postgresql://no_such_user:{SECRET}@{{host}}/test", "no_such_user"),
        ("{server}/test?nonsense_parameter=1", "nonsense_parameter"),
    ],
)
async def test_a_server_that_cannot_be_used_is_named(address: str, said: str) -> None:
    if "{" in address and not await server_answers():
        pytest.skip("no PostgreSQL answers")
    server = SERVER.rpartition("/")[0]
    url = address.format(server=server, host=server.rpartition("@")[2])
    store = store_at(url, Path())
    with pytest.raises(LedgerError, match=said) as caught:
        await store.open()
    shown = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in shown
    with pytest.raises(LedgerError, match="not open"):
        await store.ping()


async def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "asyncpg", None)
    with pytest.raises(ConfigError, match=r"pip install 'faregate\[postgres\]'"):
        await store_at("postgresql://u@h/db", Path()).open()


async def terminate_others() -> None:
    """Cut every connection to the test's database but this one."""
    await on_server(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'faregate-cut' AND pid <> pg_backend_pid()"
    )


class Paused(PostgresBackend):
    """Stops between the rows and their roll-ups, until told to go on."""

    def __init__(self, address: PostgresAddress) -> None:
        super().__init__(address)
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def add_up(
        self, connection: AsyncConnection, table: Table, deltas: Sequence[Delta]
    ) -> None:
        self.reached.set()
        await self.go_on.wait()
        await super().add_up(connection, table, deltas)


async def test_a_server_that_stops_in_the_middle_of_a_batch_loses_and_doubles_nothing() -> None:
    async with own_schema() as url:
        address = parse_address(f"{url}&application_name=faregate-cut")
        assert isinstance(address, PostgresAddress)
        backend = Paused(address)
        store = DatabaseStore(backend)
        await store.open()
        rows = [a_row(n) for n in range(30)]
        running = asyncio.create_task(store.append(rows))
        await backend.reached.wait()
        await terminate_others()
        backend.go_on.set()
        with pytest.raises(LedgerUnavailableError, match="can be repeated"):
            await running
        assert await everything(store) == []
        assert await store.append(rows) == 30
        assert await store.append(rows) == 0
        (total,) = await store.spend(())
        assert (total.calls, total.spend) == (30, 30 * 543)
        await terminate_others()
        assert len((await store.rows(Filter(), limit=40)).entries) == 30  # idle ones are replaced
        await store.close()


async def test_two_writers_never_wait_for_each_other_for_good() -> None:
    async with own_schema() as url:
        stores = [store_at(url, Path()) for _ in range(3)]
        for each in stores:
            await each.open()
        rows = [
            a_row(n, NOON + DAY * (n % 3), key=f"key-{n % 7}", tags=(f"t{n % 5}",))
            for n in range(120)
        ]
        batches = [rows[at : at + 15] for at in range(0, 120, 10)]
        tasks = [
            store.append(batch[::direction])
            for store, direction in zip(stores, (1, -1, 1), strict=True)
            for batch in batches
        ]
        assert sum(await asyncio.gather(*tasks)) == 120
        (total,) = await stores[0].spend(())
        assert total.calls == 120
        for each in stores:
            await each.close()


async def test_days_without_a_partition_go_to_the_default_one(on_postgres: DatabaseStore) -> None:
    old, undated = a_row(1, NOON - 400 * DAY), a_row(2, call_id="undated")
    await on_postgres.append([old, undated, a_row(3, NOON + 400 * DAY)])
    async with on_postgres._reading() as connection:
        found = await connection.exec_driver_sql("SELECT count(*) FROM calls_default")
        assert found.scalar() == 3
    assert await on_postgres.purge(NOON - DAY) == 1
    assert await on_postgres.row(old.call_id) is None


async def test_whole_days_are_dropped(
    on_postgres: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = NOON + 10 * DAY
    monkeypatch.setattr("faregate.store.postgres.time.time", lambda: now)
    day = [a_row(n, NOON + n, tags=("t",)) for n in range(20)]
    await on_postgres.append([*day, a_row(99, NOON + 2 * DAY)])
    await on_postgres.adjust(day[0].call_id, a_row().receipt, reason="", at=now)  # type: ignore[arg-type]
    assert await on_postgres.purge(NOON + 2 * DAY + 1, batch=5) == 20
    assert await on_postgres.purge(NOON + 2 * DAY + 1, batch=5) == 1
    assert await on_postgres.purge(NOON + 2 * DAY + 1, batch=5) == 0
    async with on_postgres._reading() as connection:
        found = await connection.exec_driver_sql(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        )
        names = {row[0] for row in found}
        assert partition_name("calls", int(NOON // DAY)) not in names
        assert partition_name("call_tags", int(NOON // DAY)) not in names
        assert partition_name("calls", int(NOON // DAY) + 2) in names
    (total,) = await on_postgres.spend(())
    assert total.calls == 21


async def test_a_day_somebody_reads_is_emptied_in_batches(
    on_postgres: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("faregate.store.postgres.time.time", lambda: NOON + DAY)
    monkeypatch.setattr("faregate.store.postgres.LOCK_WAIT", "10ms")
    await on_postgres.append([a_row(n) for n in range(8)])
    async with on_postgres._reading() as reader:
        await reader.exec_driver_sql("SELECT count(*) FROM calls")
        assert await on_postgres.purge(NOON + 2 * DAY, batch=5) == 5
        assert await on_postgres.purge(NOON + 2 * DAY, batch=5) == 3


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite3").write_bytes(b"not a database at all, " * 200)
    with pytest.raises(LedgerError, match=r"ledger\.sqlite3: the file is no SQLite"):
        await store_at("", tmp_path).open()


async def test_a_path_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerUnavailableError, match=r"Not a directory|File exists"):
        await store_at("", tmp_path / "file" / "inside").open()


async def test_a_file_locked_by_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_module, "BUSY_SECONDS", 0.01)
    store = store_at("", tmp_path)
    await store.open()
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailableError, match=r"locked.*can be repeated"):
            await store.append([a_row()])
        assert await everything(store) == []  # readers do not wait
        other.execute("ROLLBACK")
    assert await store.append([a_row()]) == 1
    await store.close()


async def test_a_full_disk_is_said_and_what_was_there_stays(tmp_path: Path) -> None:
    backend = SqliteBackend(tmp_path / "ledger.sqlite3")
    store = DatabaseStore(backend)
    await store.open()
    await store.append([a_row()])

    async def fill(connection: AsyncConnection) -> None:
        pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar()
        await connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    await backend.at_once(store._connected(), fill)
    with pytest.raises(LedgerUnavailableError, match="full"):
        await store.append([a_row(n) for n in range(500)])
    (total,) = await store.spend(())
    assert total.calls == 1
    assert await store.row(call_id(1)) is not None
    await store.close()


async def test_commits_survive_a_power_failure_when_asked(tmp_path: Path) -> None:
    for durable, expected in ((False, 1), (True, 2)):
        store = store_at("", tmp_path, durable=durable)
        await store.open()

        async def modes(connection: AsyncConnection) -> list[object]:
            return [
                (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()
                for name in ("synchronous", "journal_mode", "busy_timeout")
            ]

        async with store._reading() as connection:
            found = await modes(connection)
        written = await store._backend.at_once(store._connected(), modes)
        assert found == written == [expected, "wal", 10_000]
        await store.close()


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        ("40P01", "passes"),
        ("53100", "passes"),
        ("57P01", "passes"),
        ("23505", "values"),
        ("22P02", "values"),
        ("54000", "values"),
        ("42501", "stays"),
        ("XX001", "stays"),
    ],
)
def test_which_failures_pass(error: str, verdict: str) -> None:
    made = asyncpg.PostgresError.new({"C": error, "M": "said"})
    reason, found = PostgresBackend(PostgresAddress(dsn="", shown="")).explain(made)
    assert found == verdict
    assert ("said" in reason) == (verdict == "passes" or error.startswith("42"))


@pytest.mark.parametrize(
    ("only", "index"),
    [
        (Filter(), "calls_started"),
        (Filter(key=("k",)), "calls_key_id"),
        (Filter(status=("unpriced",)), "calls_status"),
        (Filter(outcome=("failed",)), "calls_outcome"),
        (Filter(error=("timeout",)), "calls_error"),
        (Filter(session=("s",)), "calls_session"),
        (Filter(end_user=("e",)), "calls_end_user"),
        (Filter(request_id=("r",)), "calls_request_id"),
        (Filter(call_id="call_0123456789a"), "sqlite_autoindex_calls_1"),
        (Filter(tag="t"), "PRIMARY KEY (tag=?)"),
    ],
    ids=str,
)
async def test_questions_are_answered_from_an_index(
    tmp_path: Path, only: Filter, index: str
) -> None:
    store = store_at("", tmp_path)
    await store.open()
    async with store._reading() as connection:
        statement = _statement(only, None, 10).compile(
            connection.sync_connection, compile_kwargs={"literal_binds": True}
        )
        found = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")
        plan = " ".join(str(tuple(row)) for row in found)
    await store.close()
    assert index in plan


class PausedFile(SqliteBackend):
    """Stops between the rows and their roll-ups, until told to go on."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.reached, self.go_on = asyncio.Event(), threading.Event()
        self._loop = asyncio.get_running_loop()

    async def add_up(
        self, connection: AsyncConnection, table: Table, deltas: Sequence[Delta]
    ) -> None:
        self._loop.call_soon_threadsafe(self.reached.set)
        assert self.go_on.wait(20)
        await super().add_up(connection, table, deltas)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_an_append_that_is_given_up_writes_nothing_and_holds_nothing(
    kind: str, tmp_path: Path
) -> None:
    async with a_place(kind, tmp_path) as url:
        place = parse_address(url)
        backend = Paused(place) if isinstance(place, PostgresAddress) else PausedFile(place)
        store = DatabaseStore(backend)
        await store.open()
        rows = [a_row(n) for n in range(5)]
        running = asyncio.create_task(store.append(rows))
        await backend.reached.wait()
        running.cancel()
        for _ in range(5):
            await asyncio.sleep(0)  # until it is heard; a thread goes on to its end even so
        backend.go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await everything(store) == []
        assert await store.append(rows) == 5
        (total,) = await store.spend(())
        assert total.calls == 5
        await store.close()


async def test_work_in_a_thread_cannot_wait_and_leaves_nothing(tmp_path: Path) -> None:
    backend = SqliteBackend(tmp_path / "ledger.sqlite3")
    store = DatabaseStore(backend)
    await store.open()

    async def wait(connection: AsyncConnection) -> None:
        await connection.exec_driver_sql("DELETE FROM calls")
        await asyncio.sleep(0)

    await store.append([a_row()])
    with pytest.raises(RuntimeError, match="waited"):
        await backend.at_once(store._connected(), wait)
    assert len(await everything(store)) == 1
    await store.close()


async def test_a_closed_file_leaves_no_thread_and_can_be_opened_again(tmp_path: Path) -> None:
    store = DatabaseStore(SqliteBackend(tmp_path / "ledger.sqlite3"))
    before = threading.active_count()
    for turn in range(3):
        await store.open()
        assert await store.append([a_row(turn)]) == 1
        await store.close()
    deadline = asyncio.get_running_loop().time() + 20
    while threading.active_count() > before:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_appends_cancelled_at_any_moment_leave_the_store_whole(
    kind: str, tmp_path: Path
) -> None:
    async with a_place(kind, tmp_path) as url:
        store = store_at(url, tmp_path)
        await store.open()
        for turn in range(25):
            task = asyncio.create_task(store.append([a_row(turn, tags=("t",))]))
            for _ in range(turn):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await store.append([a_row(turn, tags=("t",)) for turn in range(25)])
        (total,) = await store.spend(())
        (tagged,) = await store.spend(("tag",))
        assert (total.calls, tagged.calls) == (25, 25)
        assert len(await everything(store)) == 25
        await store.close()
