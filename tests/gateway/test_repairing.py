"""Calls that Redis never heard of are in its counters once the ledger has them."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from faregate.core.directory import Directory
from faregate.gateway import repairing
from faregate.gateway.ledger import Ledger, LedgerOptions
from faregate.gateway.repairing import Repairer
from faregate.gateway.restoring import Restorer
from faregate.journal.journal import Journal
from faregate.store.redis_counters import RedisCounters
from faregate.types import Row
from tests.gateway.finished import a_row
from tests.gateway.gatehouse import budget, so, until
from tests.store.journals import abandon
from tests.store.redis_servers import counters, url_or_skip

KNOWN = Directory(
    budgets=[budget("100", window="total"), budget("100", scope="everything", scope_id="", id="e")]
)
LIMITS = KNOWN.every_account()


def called(number: int) -> Row:
    """A call of the key just now."""
    now = time.time()
    call_id = f"call_{int(now * 1000):012x}{number:016x}"
    return replace(a_row(), call_id=call_id, key="k1", started=now - 1, ended=now)


def cost(*rows: Row) -> int:
    """Pico-dollars."""
    return sum((row.receipt.total or 0) for row in rows if row.receipt is not None)


@pytest.fixture
async def shared() -> AsyncIterator[RedisCounters]:
    made = counters(url_or_skip())
    await made.start()
    yield made
    await made.close()


async def spent(kept: RedisCounters) -> set[int]:
    found = await kept.standings(LIMITS)
    assert found is not None
    assert len(found) == len(LIMITS)
    return {each.spent for each in found}


async def test_what_a_dead_process_let_out_and_never_told_is_in_the_counters(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shared: RedisCounters,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(repairing, "AFTER", 0.01)
    rows = [called(number) for number in range(3)]
    journal = Journal.open(tmp_path / "journal")
    for row in rows[:2]:
        journal.settle(row)
    abandon(journal)  # it served while Redis was away, and died before it could tell
    assert await shared.restore(LIMITS, [])
    await shared.charge(LIMITS[0], 5, time.time())
    ledger = Ledger(LedgerOptions(data_dir=tmp_path, drain_seconds=1.0))
    repairer = Repairer(shared, Restorer(shared, ledger), lambda: KNOWN)
    ledger.start()
    repairer.start(ledger.replayed())
    known = cost(*rows[:2])
    assert known > 5

    async def arrived(amount: int) -> bool:
        return await spent(shared) == {amount}

    await so(lambda: arrived(known))
    assert "Redis had missed $" in caplog.text
    # And again after a loss that is noticed: here a row another process has written.
    await (await ledger.opened()).append([rows[2]])
    shared.on_loss()
    await so(lambda: arrived(cost(*rows)))
    await repairer.stop()
    await ledger.stop()


async def test_a_ledger_that_does_not_answer_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: RedisCounters
) -> None:
    monkeypatch.setattr(repairing, "AFTER", 0.001)
    restorer = Restorer(shared, None)
    repairer = Repairer(shared, restorer, lambda: KNOWN)
    assert await repairer.repair() is None, "there is no ledger"
    answers = [None, None, True, True, None, False, True]

    async def repair() -> bool | None:
        return answers.pop(0)

    monkeypatch.setattr(repairer, "repair", repair)
    repairer.start(asyncio.sleep(0))
    await until(lambda: len(answers) == 3)
    await asyncio.sleep(0.02)
    assert answers == [None, False, True], "once more after something was raised, and no more"
    shared.on_loss()
    await until(lambda: len(answers) == 1)
    await repairer.stop()
