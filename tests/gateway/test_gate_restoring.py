"""Budgets after a start: what was spent is read from the ledger, exactly and once."""

import asyncio
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from faregate.core.budget import check
from faregate.core.keys import hash_key
from faregate.core.windows import bounds, parse_window
from faregate.gateway import ledger as ledgers
from faregate.gateway import restoring
from faregate.gateway.ledger import Ledger, LedgerOptions
from faregate.gateway.worth import appraised
from faregate.store.database import DatabaseStore
from faregate.store.errors import LedgerError, LedgerUnavailableError
from faregate.store.memory import MemoryStore
from faregate.store.places import store_at
from faregate.types import HttpRequest
from faregate.upstream.transport import Answer
from tests.gateway.finished import a_row
from tests.gateway.gatehouse import Clock, Gatehouse, answer, budget, failure, key, limit, so, until
from tests.gateway.settings import snapshot
from tests.store.journals import abandon

ZONE = "Pacific/Auckland"
WINDOWS = [
    "1m", "1h", "1d", "1w", "1mo", "total",
    "rolling 1h", "rolling 1d", "rolling 7d", "rolling 30d",
]  # fmt: skip
NANO = {"model_name": "nano", "model": "azure_ai/gpt-4.1-nano", "max_retries": 0}


class Now(Clock):
    """The clock on the wall."""

    def __call__(self) -> float:
        return time.time()


class Away(MemoryStore):
    """A database that does not answer until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.back = asyncio.Event()

    async def open(self) -> None:
        await self.back.wait()
        await super().open()


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Gatehouse]:
    """Makes a gatehouse over a ledger."""

    def make(ledger: Ledger, **more: Any) -> Gatehouse:
        routing = {"disable_cooldowns": True}
        found = snapshot(dict(NANO), router_settings=routing)
        return Gatehouse(monkeypatch, found, ledger=ledger, clock=Now(), **more)

    return make


@asynccontextmanager
async def kept(directory: Path) -> Any:
    """A ledger that runs until the block ends."""
    config = snapshot(dict(NANO))
    options = LedgerOptions(data_dir=directory, drain_seconds=5.0)
    ledger = Ledger(options, lambda lost: appraised(config, lost))
    ledger.start()
    try:
        yield ledger
    finally:
        await ledger.stop()


async def test_a_start_finds_what_was_spent(
    house: Callable[..., Gatehouse], tmp_path: Path
) -> None:
    budgets = [budget("1", window=window) for window in WINDOWS]
    async with kept(tmp_path) as ledger:
        before = house(ledger)
        before.know(key(*budgets))
        for _ in range(20):
            assert (await before.call()).status == 200
        charged = before.charged()
    async with kept(tmp_path) as ledger:
        after = house(ledger)
        after.know(key(*budgets))
        assert (await after.call()).status == 200  # reads before it is let in
        total = charged + after.charged()
        spent = {each.window: await after.spent(each) for each in budgets}
        # A minute may have ended meanwhile.
        assert set(spent.values()) <= {total, after.charged(), 0}
        assert spent[parse_window("1mo")] == spent[parse_window("rolling 1d")] == total > 0


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("zone", ["UTC", ZONE])
async def test_windows_begin_where_their_calendar_says(
    house: Callable[..., Gatehouse], tmp_path: Path, window: str, zone: str
) -> None:
    now = time.time()
    ages = [1, 50, 70, 1800, 5000, 40_000, 90_000, 200_000, 800_000, 2_800_000, 9_000_000]
    rows = [
        msgspec.structs.replace(
            a_row(),
            call_id=f"call_{int((now - age) * 1000):012x}{number:016x}",
            key="k1",
            started=now - age,
            ended=now - age + 1,
        )
        for number, age in enumerate(ages)
    ]
    store = store_at("", tmp_path)
    await store.open()
    await store.append(rows)
    await store.close()
    (receipt,) = {row.receipt for row in rows if row.receipt is not None}
    limited = budget("1000", window=window, zone=zone)
    async with kept(tmp_path) as ledger:
        gatehouse = house(ledger)
        account = check(limited, ZoneInfo(zone))
        standing = await gatehouse.standing(account)
        if account.window.rolling:
            # A slot counts until all of it is too old: up to a sixtieth more than the window.
            lengths = (account.window.seconds, account.window.seconds * 61 / 60 + 5)
            counts = [sum(age < length for age in ages) for length in lengths]
        else:
            start = bounds(account.window, now, account.zone).start
            counts = [sum(now - age >= start for age in ages)] * 2
    assert receipt.total
    assert counts[0] * receipt.total <= standing.spent <= counts[1] * receipt.total


async def test_calls_that_end_while_a_budget_is_read_count_once(
    house: Callable[..., Gatehouse], tmp_path: Path
) -> None:
    limited = budget("1", window="total")
    async with kept(tmp_path) as ledger:
        gatehouse = house(ledger)
        gatehouse.know(key(limited))

        async def reply(_: HttpRequest) -> Answer:
            await asyncio.sleep(0.001)
            return answer()

        gatehouse.upstream.play = reply
        account = check(limited)

        async def ask(count: int) -> None:
            for _ in range(count):
                assert (await gatehouse.call()).status == 200

        asking = [asyncio.create_task(ask(60)) for _ in range(8)]
        times = 0
        while not all(task.done() for task in asking):
            await gatehouse.counters.forget(account)
            times += 1
            await asyncio.sleep(0.02)
        await asyncio.gather(*asking)
        assert times > 5
        assert len(gatehouse.rows) == 480
        assert await gatehouse.spent(limited) == gatehouse.charged()


async def test_every_key_calls_at_once_after_a_start(
    house: Callable[..., Gatehouse], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = [f"sk-one-of-many-keys-{number:04}" for number in range(120)]
    keys = [
        key(budget("1", scope_id=secret), id=secret, secret=secret, hash=hash_key(secret))
        for secret in secrets
    ]
    asked: list[int] = []
    spent_of = DatabaseStore.spent

    async def counted(store: DatabaseStore, questions: Any) -> Any:
        asked.append(len(questions))
        return await spent_of(store, questions)

    monkeypatch.setattr(DatabaseStore, "spent", counted)
    async with kept(tmp_path) as ledger:
        gatehouse = house(ledger)
        gatehouse.know(*keys)
        for _ in range(2):
            asked.clear()
            found = await asyncio.gather(*(gatehouse.call(secret=each) for each in secrets))
            assert {each.status for each in found} == {200}
            assert sum(asked) == len(keys)
            assert len(asked) < 12, "those that come while others are read are read together"
            for each in keys:  # and again, as after a start
                await gatehouse.counters.forget(check(each.budgets[0]))
        spent = [await gatehouse.spent(each.budgets[0]) for each in keys]
        assert sum(spent) == gatehouse.charged()
        assert len(set(spent)) == 1


@pytest.mark.parametrize("many", [False, True])
async def test_budgets_that_cannot_be_read_together_are_read_apart(
    house: Callable[..., Gatehouse], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, many: bool
) -> None:
    secrets = [f"sk-one-of-some-keys-{number:04}" for number in range(40)]
    keys = [
        key(budget("1", scope_id=secret), id=secret, secret=secret, hash=hash_key(secret))
        for secret in secrets
    ]
    spent_of = DatabaseStore.spent

    async def some(store: DatabaseStore, questions: Any) -> Any:
        if many and len(questions) > 5:
            raise LedgerUnavailableError("no answer in time")
        if not many and any(each.payer_id == secrets[17] for each in questions):
            raise LedgerError("it refused a statement")
        return await spent_of(store, questions)

    monkeypatch.setattr(DatabaseStore, "spent", some)
    async with kept(tmp_path) as ledger:
        gatehouse = house(ledger)
        gatehouse.know(*keys)
        await ledger.opened()
        for _ in range(8):
            found = await asyncio.gather(*(gatehouse.call(secret=each) for each in secrets))
            refused = [n for n, each in enumerate(found) if each.status != 200]
            if not many or not refused:
                break
        assert refused == ([] if many else [17])


async def test_calls_of_a_killed_process_count_with_their_worst_case(
    house: Callable[..., Gatehouse], tmp_path: Path
) -> None:
    limited = budget("1", window="total")
    dead = Ledger(LedgerOptions(data_dir=tmp_path))
    before = house(dead)
    before.know(key(limited))
    held: list[int] = []

    async def never(_: HttpRequest) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    # Its database is never opened, so what its budgets have spent is told here.
    await before.counters.restore([check(limited)], [])
    assert (await before.call()).status == 200
    settled = before.charged()
    before.upstream.play = never
    call = asyncio.create_task(before.call(max_tokens=50))
    await until(lambda: len(before.upstream.requests) == 2)
    held.append((await before.standing(limited)).held)
    abandon(dead._journal)
    async with kept(tmp_path) as ledger:
        after = house(ledger)
        after.know(key(limited))
        assert await after.spent(limited) == settled + held[0]
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)


async def test_a_dearer_fallback_under_way_is_in_the_estimate_of_a_lost_call(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mini = {"model_name": "mini", "model": "azure_ai/gpt-4.1", "max_retries": 0}
    routing = {"fallbacks": [{"nano": ["mini"]}], "num_retries": 0, "disable_cooldowns": True}
    config = snapshot(dict(NANO), mini, router_settings=routing)
    dead = Ledger(LedgerOptions(data_dir=tmp_path))
    gatehouse = Gatehouse(monkeypatch, config, ledger=dead, clock=Now())
    limited = budget("1", window="total")
    gatehouse.know(key(limited))
    await gatehouse.counters.restore([check(limited)], [])
    held: list[int] = []

    async def asked(_: HttpRequest) -> Answer:
        held.append((await gatehouse.standing(limited)).held)
        if len(held) == 1:
            return failure(500)
        await asyncio.Event().wait()
        raise AssertionError

    gatehouse.upstream.play = asked
    call = asyncio.create_task(gatehouse.call(max_tokens=50))
    await until(lambda: len(held) == 2)
    assert held[1] > held[0]
    abandon(dead._journal)
    async with kept(tmp_path) as ledger:
        after = Gatehouse(monkeypatch, config, ledger=ledger, clock=Now())
        after.know(key(limited))
        assert await after.spent(limited) == held[1]
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Away:
    """The database of every ledger made meanwhile."""
    store = Away()
    monkeypatch.setattr(ledgers, "_make", lambda _: store)
    monkeypatch.setattr(restoring, "PATIENCE", 0.2)
    return store


async def served(gatehouse: Gatehouse) -> bool:
    """Whether a call is."""
    return (await gatehouse.call()).status == 200


async def test_calls_are_refused_while_their_budgets_cannot_be_read(
    house: Callable[..., Gatehouse], tmp_path: Path, away: Away
) -> None:
    limited = budget("1", window="total")
    async with kept(tmp_path) as ledger:
        gatehouse = house(ledger)
        gatehouse.know(key(limited))
        refused = await gatehouse.call()
        assert (refused.status, refused.code) == (503, "counters_unavailable")
        assert refused.headers["retry-after"] == "1"
        async with asyncio.timeout(5):  # nobody waits for what others have waited for
            for _ in range(1000):
                assert (await gatehouse.call()).status == 503
        gatehouse.know(key())
        assert (await gatehouse.call()).status == 200  # nothing limits it
        gatehouse.know(key(limited))
        away.back.set()
        await so(lambda: served(gatehouse))
        assert await gatehouse.spent(limited) == gatehouse.charged()


async def test_calls_served_without_their_budgets_are_charged_all_the_same(
    house: Callable[..., Gatehouse], tmp_path: Path, away: Away
) -> None:
    limited = budget("1", window="total")
    async with kept(tmp_path) as ledger:
        gatehouse = house(ledger, on_outage="serve")
        gatehouse.know(key(limited, limits=(limit("requests", 3),)))

        async def back(_: HttpRequest) -> Answer:
            away.back.set()
            # The budget is read while this call is under way without a hold.
            await until(lambda: ledger.is_open)
            await so(lambda: gatehouse.gate.standings([check(limited)]))
            return answer()

        assert (await gatehouse.call()).status == 200
        gatehouse.upstream.play = back
        assert (await gatehouse.call()).status == 200
        assert await gatehouse.spent(limited) == gatehouse.charged() > 0
        gatehouse.upstream.play = lambda _: answer()
        assert (await gatehouse.call()).status == 200
        assert (await gatehouse.call()).status == 429  # what could be counted was
        assert await gatehouse.spent(limited) == gatehouse.charged()
