"""The journal and the real ledger together."""

import math
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from faregate.journal.journal import Journal
from faregate.store.appender import Appender
from faregate.store.database import DatabaseStore
from faregate.store.journal_replay import replay
from faregate.store.places import store_at
from faregate.store.sqlite import SqliteBackend
from faregate.store.writer import Writer, WriterOptions
from faregate.types import Row
from tests.store.journals import QUICK, SMALL, abandon, admission, left, nothing_aside, settled
from tests.store.ledgers import a_place

OPTIONS = WriterOptions(memory_rows=50, batch_rows=20, linger=0.001, append=QUICK)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[DatabaseStore]:
    found = DatabaseStore(SqliteBackend(tmp_path / "ledger.db"))
    await found.open()
    yield found
    await found.close()


async def test_rows_and_lost_calls_are_in_the_ledger_once(
    tmp_path: Path, ledger: DatabaseStore
) -> None:
    root = tmp_path / "journal"
    journal = Journal.open(root, SMALL)
    writer = Writer(journal, ledger, OPTIONS)
    writer.start()
    for number in range(120):
        journal.admit(admission(f"c{number}"))
        writer.settle(settled(f"c{number}", total=number))
    assert await writer.drain(20) == 0
    for number in range(120, 150):
        journal.admit(admission(f"c{number}"))
        if number % 2:
            journal.settle(settled(f"c{number}", total=number))
    abandon(journal)
    for _ in range(2):
        await replay(root, Appender(ledger, nothing_aside, QUICK), batch_rows=7)
    assert left(root) == []
    (line,) = await ledger.spend(())
    assert line.calls == 150
    assert line.unsettled == 15
    odd = sum(number for number in range(120, 150) if number % 2)
    assert line.spend == sum(range(120)) + odd + 15 * 1_000
    lost = await ledger.row("c120")
    assert lost is not None
    assert (lost.row.outcome, lost.status, lost.total) == ("lost", "unsettled", 1_000)
    assert lost.row.key == "key_1"


async def test_absurd_numbers_hold_nothing_up(tmp_path: Path, ledger: DatabaseStore) -> None:
    journal = Journal.open(tmp_path / "journal", SMALL)
    writer = Writer(journal, ledger, OPTIONS)
    absurd: list[dict[str, Any]] = [
        {"status": 2**63 + 1},
        {"started": math.inf},
        {"started": math.nan, "ended": -math.inf},
        {"first_byte": 1e300},
        {"overhead_us": -(2**62)},
        {"requested_model": "\0" * 9},
    ]
    for number, fields in enumerate(absurd):
        writer.settle(msgspec.structs.replace(settled(f"c{number}"), **fields))
    writer.settle(settled("huge", total=2**64 - 1))
    writer.settle(settled("last"))
    writer.start()
    assert await writer.close(20) == 0
    assert await ledger.row("last") is not None
    (line,) = await ledger.spend(())
    assert line.calls + writer.appender.refused == len(absurd) + 2
    journal.close()
    assert left(tmp_path / "journal") == []


_REFUSING = {
    "sqlite": "CREATE TRIGGER no_poison BEFORE INSERT ON calls WHEN new.error = 'poison' "
    "BEGIN SELECT RAISE(ABORT, 'poison'); END",
    "postgres": "ALTER TABLE calls ADD CONSTRAINT no_poison CHECK (error <> 'poison')",
}


class Counting(DatabaseStore):
    """Notes how many rows each append was given."""

    sizes: list[int]

    async def append(self, rows: Sequence[Row]) -> int:
        self.sizes.append(len(rows))
        return await super().append(rows)


@pytest.mark.usefixtures("few_partitions")
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_rows_a_database_refuses_are_set_aside_and_hold_nothing_up(
    kind: str, tmp_path: Path
) -> None:
    async with a_place(kind, tmp_path) as url:
        ledger = Counting(store_at(url, tmp_path)._backend)
        ledger.sizes = []
        await ledger.open()
        async with ledger._writing() as connection:
            await connection.exec_driver_sql(_REFUSING[kind])
        root = tmp_path / "journal"
        journal = Journal.open(root, SMALL)
        options = WriterOptions(batch_rows=200, linger=0.001, append=QUICK)
        writer = Writer(journal, ledger, options)
        bad: dict[str, Row] = {
            "c7": settled("c7", error="poison"),
            "c150": settled("c150", error="poison"),
            "no id" + "x" * 200: settled("no id" + "x" * 200),
        }
        for number in range(200):
            writer.settle(bad.get(f"c{number}", settled(f"c{number}")))
        writer.settle(bad["no id" + "x" * 200])
        writer.settle(settled("last"))
        writer.start()
        assert await writer.close(20) == 0
        assert (writer.appender.refused, writer.store_up) == (3, True)
        assert len(ledger.sizes) < 50, "they are found by halves"
        (line,) = await ledger.spend(())
        assert (line.calls, line.spend) == (199, 199 * 7)
        assert await ledger.row("last") is not None
        lines = (root / "refused" / "rows.jsonl").read_bytes().splitlines()
        kept = [msgspec.json.decode(line) for line in lines]
        assert [each["row"]["call_id"] for each in kept] == list(bad)
        assert [msgspec.convert(each["row"], Row) for each in kept] == list(bad.values())
        assert all(each["reason"] for each in kept)
        journal.close()
        assert left(root) == []
        await ledger.close()


async def test_a_ledger_that_is_not_open_is_waited_for(tmp_path: Path) -> None:
    late = DatabaseStore(SqliteBackend(tmp_path / "late.db"))
    journal = Journal.open(tmp_path / "journal", SMALL)
    writer = Writer(journal, late, OPTIONS)
    writer.start()
    writer.settle(settled("c"))
    assert await writer.drain(0.1) == 1
    assert (writer.appender.refused, writer.store_up) == (0, False)
    await late.open()
    assert await writer.close(20) == 0
    assert await late.row("c") is not None
    await late.close()
    journal.close()
