"""What is too old goes, and not before what dead processes left is stored."""

import asyncio
from pathlib import Path

import pytest
from msgspec import structs

from faregate.config.settings import General
from faregate.gateway import housekeeping
from faregate.gateway import ledger as ledgers
from faregate.gateway.housekeeping import Housekeeping
from faregate.gateway.ledger import Ledger, LedgerOptions
from faregate.journal.home import replaying
from faregate.journal.journal import Journal
from faregate.store.errors import LedgerUnavailableError
from faregate.store.memory import MemoryStore
from faregate.store.protocol import Moved
from faregate.types import Row
from tests.gateway.finished import a_row
from tests.store.journals import abandon

GENERAL = General(maximum_spend_logs_retention_period=60.0)


class Slow(MemoryStore):
    """A database that takes rows when it is told to, and notes when it is to forget some."""

    def __init__(self) -> None:
        super().__init__()
        self.takes = asyncio.Event()
        self.asked = asyncio.Event()
        self.purges = asyncio.Event()

    async def append(self, rows: list[Row]) -> int:  # type: ignore[override]
        self.asked.set()
        await self.takes.wait()
        return await super().append(rows)

    async def purge(self, before: float, *, batch: int = 5000) -> int:
        self.purges.set()
        return await super().purge(before, batch=batch)


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_nothing_is_purged_while_a_journal_is_being_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, elsewhere: bool
) -> None:
    monkeypatch.setattr(housekeeping, "WAIT", 0.001)
    store, root = Slow(), tmp_path / ledgers.JOURNAL
    monkeypatch.setattr(ledgers, "_make", lambda _: store)
    if not elsewhere:
        journal = Journal.open(root)
        journal.settle(a_row())
        abandon(journal)
    ledger = Ledger(LedgerOptions(data_dir=tmp_path, drain_seconds=1.0))
    house = Housekeeping(ledger, lambda: GENERAL)
    with replaying(root):
        ledger.start()
        house.start()
        await ledger.opened()
        if elsewhere:
            await ledger.replayed()
        else:
            await store.asked.wait()
        for _ in range(50):
            await asyncio.sleep(0)
        assert not store.purges.is_set()
        store.takes.set()
    async with asyncio.timeout(5):
        await store.purges.wait()
    await house.stop()
    await ledger.stop()


async def test_days_are_in_the_zone_that_is_stated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Moving(MemoryStore):
        async def move_days(self, *, batch: int = 1000) -> Moved:
            moved = await super().move_days(batch=batch)
            if not moved.left:
                done.set()
            return moved

    store = Moving()
    await store.open()
    late = 1_795_390_200.0  # 2026-11-22 23:30 UTC
    await store.append([structs.replace(a_row(), started=late)])
    monkeypatch.setattr(ledgers, "_make", lambda _: store)
    for stated, day in (("Europe/Berlin", "2026-11-23"), ("", "2026-11-23"), ("UTC", "2026-11-22")):
        ledger = Ledger(LedgerOptions(data_dir=tmp_path, drain_seconds=1.0, time_zone=stated))
        house, done = Housekeeping(ledger, General), asyncio.Event()
        ledger.start()
        house.start()
        await ledger.opened()
        async with asyncio.timeout(5):
            await done.wait()
        assert [each.group for each in await store.spend(("day",))] == [(day,)]
        assert (await store.calendar()).zone_since is None
        await house.stop()
        await ledger.stop()


async def test_a_database_that_does_not_answer_holds_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Away(Slow):
        async def move_days(self, *, batch: int = 1000) -> Moved:
            raise LedgerUnavailableError("away")

    store = Away()
    monkeypatch.setattr(ledgers, "_make", lambda _: store)
    ledger = Ledger(LedgerOptions(data_dir=tmp_path, drain_seconds=1.0))
    house = Housekeeping(ledger, lambda: GENERAL)
    ledger.start()
    house.start()
    async with asyncio.timeout(5):
        await store.purges.wait()
    assert "rows are not moved to their days now: away" in caplog.text
    await house.stop()
    await ledger.stop()
