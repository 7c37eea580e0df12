"""The schema: made once, brought up to date by one process, never by an older Faregate."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from faregate.core.budget import Payer
from faregate.store.database import DatabaseStore
from faregate.store.day_moves import move_all
from faregate.store.errors import LedgerError, LedgerUnavailableError, LedgerVersionError
from faregate.store.migrate import MIGRATIONS, VERSION_TABLE, upgrade
from faregate.store.places import store_at
from faregate.store.tables import metadata
from tests.store.ledgers import NOON, a_charge, a_place, a_receipt, a_row, spent

pytestmark = pytest.mark.usefixtures("few_partitions")
REVISIONS = [each.revision for each in ScriptDirectory(str(MIGRATIONS)).walk_revisions()][::-1]


@pytest.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A database of its own, with nothing in it."""
    async with a_place(request.param, tmp_path) as found:
        yield found


async def run(store: DatabaseStore, statement: str) -> None:
    """Run a statement behind the store's back."""
    async with store._writing() as connection:
        await connection.exec_driver_sql(statement)


def differences(connection: Connection) -> list[object]:
    """Where the database is not as the tables say."""
    options = {
        "version_table": VERSION_TABLE,
        "include_object": lambda _object, name, *_: "_default" not in name and "_2" not in name,
    }
    context = MigrationContext.configure(connection, opts=options)
    return list(compare_metadata(context, metadata))


async def test_migrations_make_the_tables(url: str) -> None:
    store = store_at(url, Path())
    await store.open()
    async with store._reading() as connection:
        assert await connection.run_sync(differences) == []
    await store.close()


@pytest.mark.parametrize("revision", REVISIONS)
async def test_every_earlier_schema_is_brought_up_to_date(url: str, revision: str) -> None:
    store = store_at(url, Path())
    backend = store._backend
    engine = backend.make_engine()
    async with backend.writing(engine) as connection:
        await backend.prepare(connection)
        await connection.run_sync(upgrade, "here", revision)
    await engine.dispose()
    for _ in range(2):
        await store.open()
        await store.append([a_row()])
        await store.close()
    await store.open()
    (total,) = await store.spend(())
    assert total.calls == 1
    await store.close()


async def test_sums_by_name_are_made_from_the_sums_there_are(url: str) -> None:
    rows = [
        a_row(n, NOON + n % 3 * 86_400, key=f"k{n % 4}", tags=(("x",), ("x", "y"), ())[n % 3],
              receipt=a_receipt(a_charge(2**60 + n)))
        for n in range(24)
    ]  # fmt: skip
    questions: list[tuple[Payer, str]] = [
        ("everything", ""), ("key", "k1"), ("tag", "x"), ("tag", ""), ("deployment", "main"),
    ]  # fmt: skip
    store = store_at(url, Path())
    await store.open()
    await store.append(rows)
    before = [await spent(store, payer, name, 0.0, 86_400) for payer, name in questions]
    for table in ("rollup_day_by_name", "contents", "calendar", "revised_days"):
        await run(store, f"DROP TABLE {table}")
    await run(store, f"UPDATE {VERSION_TABLE} SET version_num = '0001'")
    await store.close()
    await store.open()
    await store.append(rows)
    after = [await spent(store, payer, name, 0.0, 86_400) for payer, name in questions]
    assert after == before
    assert [len(each) for each in after] == [3, 3, 2, 1, 3]
    await store.close()


async def test_a_ledger_without_a_calendar_has_days_of_utc_that_can_be_moved(url: str) -> None:
    midnight = NOON + 12 * 3_600
    rows = [a_row(n, midnight - 1_800 + n * 3_600, key=f"k{n % 2}", tags=("x",)) for n in range(4)]
    store = store_at(url, Path())
    await store.open()
    await store.append(rows)
    before = await store.spend(("day", "key"))
    await run(store, "DROP TABLE calendar")
    await run(store, "DROP TABLE revised_days")
    await run(store, f"UPDATE {VERSION_TABLE} SET version_num = '0004'")
    await store.close()
    await store.open()
    assert await store.spend(("day", "key")) == before
    assert (await store.calendar()).zone == "UTC"
    await store.keep_days_in("Europe/Berlin")
    await move_all(store)
    after = {line.group: line.calls for line in await store.spend(("day", "key"))}
    assert {line.group: line.calls for line in before} == {
        ("2026-11-22", "k0"): 1, ("2026-11-23", "k0"): 1, ("2026-11-23", "k1"): 2,
    }  # fmt: skip
    assert after == {("2026-11-23", "k0"): 2, ("2026-11-23", "k1"): 2}
    await store.close()


async def test_a_newer_schema_is_left_alone(url: str) -> None:
    store = store_at(url, Path())
    await store.open()
    await store.append([a_row()])
    await run(store, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    await store.close()
    older = store_at(url, Path())
    with pytest.raises(LedgerVersionError, match=r"newer Faregate \(schema 9999; .* up to 0006"):
        await older.open()
    with pytest.raises(LedgerError, match="not open"):
        await older.append([a_row(2)])
    # The version that wrote it finds everything there.
    engine = older._backend.make_engine()
    async with older._backend.writing(engine) as connection:
        await connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '0006'")
    await engine.dispose()
    await store.open()
    assert await store.row(a_row().call_id) is not None
    await store.close()


_PROCESS = """
import asyncio, sys
from pathlib import Path
from faregate.store import postgres
from faregate.store.places import store_at
from tests.store.ledgers import a_row

postgres.DAYS_AHEAD = 0

async def main():
    store = store_at(sys.argv[1], Path())
    await store.open()
    print(await store.append([a_row(n) for n in range(20)]))
    await store.close()

asyncio.run(main())
"""


async def test_processes_that_start_together_make_one_schema(url: str) -> None:
    command = [sys.executable, "-c", _PROCESS, url]
    running = [
        await asyncio.create_subprocess_exec(
            *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    printed = [await each.communicate() for each in running]
    assert [each.returncode for each in running] == [0, 0, 0], [err for _, err in printed]
    assert sorted(int(out) for out, _ in printed) == [0, 0, 20]


async def test_stores_of_one_process_open_together(url: str) -> None:
    stores = [store_at(url, Path()) for _ in range(4)]
    await asyncio.gather(*(each.open() for each in stores))
    news = await asyncio.gather(*(each.append([a_row(n) for n in range(9)]) for each in stores))
    assert sorted(news) == [0, 0, 0, 9]
    await asyncio.gather(*(each.close() for each in stores))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit",
        "UPDATE audit SET actor = 'nobody'",
        (
            "INSERT OR REPLACE INTO audit "
            "SELECT sequence, at, 'nobody', kind, id, version, before, after FROM audit"
        ),
    ],
    ids=["delete", "update", "replace"],
)
async def test_the_database_itself_keeps_the_audit_log(url: str, statement: str) -> None:
    store = store_at(url, Path())
    await store.open()
    await store.put("key", "k", {}, actor="ada", at=NOON)
    with pytest.raises(LedgerError):
        await run(store, statement)
    assert [each.actor for each in await store.changes()] == ["ada"]
    await store.close()


async def test_a_schema_that_is_half_there_is_no_ledger(tmp_path: Path) -> None:
    store = store_at("", tmp_path)
    engine = store._backend.make_engine()
    async with store._backend.writing(engine) as connection:
        await connection.exec_driver_sql("CREATE TABLE calls (x)")
    await engine.dispose()
    with pytest.raises((LedgerUnavailableError, LedgerError), match="ledger"):
        await store.open()
    engine = store._backend.make_engine()
    with pytest.raises(DBAPIError, match="no such table"):
        async with store._backend.writing(engine) as connection:
            await connection.exec_driver_sql("SELECT * FROM series")
    await engine.dispose()
