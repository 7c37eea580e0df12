"""One contract for all counters: in memory, and in Redis where there is one."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from faregate.core.budget import (
    Account,
    Actual,
    Budget,
    Claim,
    Hold,
    RateLimit,
    Refused,
    Spend,
    Unrestored,
    check,
    check_limit,
    unpriced_gate,
)
from faregate.core.windows import TOTAL, BudgetWindow, parse_window
from faregate.store.counters import Counters, MemoryCounters
from tests.store.redis_servers import counters, url_or_skip

MONTH = parse_window("1mo")
ROLLING = parse_window("rolling 1d")


def money(
    name: str = "b", limit: int = 100, window: BudgetWindow = TOTAL, soft: int | None = None
) -> Account:
    return check(
        Budget(id=name, scope="key", scope_id=name, limit=limit, window=window, soft_limit=soft)
    )


def rate(measure: str, limit: int) -> Account:
    return check_limit(
        RateLimit(scope="key", scope_id="k", measure=measure, limit=limit)  # type: ignore[arg-type]
    )


@pytest.fixture
def now() -> Callable[[], float]:
    return time.time


@pytest.fixture(params=["memory", "redis"])
async def kept(request: pytest.FixtureRequest) -> AsyncIterator[Counters]:
    made: Counters
    made = MemoryCounters() if request.param == "memory" else counters(url_or_skip())
    await made.start()
    yield made
    await made.close()


async def admit(kept: Counters, call: str, *claims: Claim) -> Hold:
    hold = await kept.reserve(call, claims)
    assert isinstance(hold, Hold), hold
    return hold


async def used(kept: Counters, account: Account) -> tuple[int, int]:
    found = await kept.standings([account])
    assert found is not None
    return found[0].spent, found[0].held


@pytest.mark.parametrize("window", [TOTAL, MONTH, ROLLING])
@pytest.mark.parametrize("scale", [1, 10**12, 10**15 + 1, 2**53 + 1, 2**63 - 1, 10**21 + 7])
async def test_amounts_are_exact_however_large(
    kept: Counters, window: BudgetWindow, scale: int
) -> None:
    account = money(limit=10 * scale, window=window)
    await kept.restore([account], [])
    first = await admit(kept, "a", Claim(account, 7 * scale))
    assert isinstance(await kept.reserve("b", [Claim(account, 3 * scale + 1)]), Refused)
    second = await admit(kept, "b", Claim(account, 3 * scale))
    assert first.used == (7 * scale,)
    assert second.used == (10 * scale,)
    assert isinstance(await kept.reserve("c", [Claim(account, 1)]), Refused)
    await kept.settle(first, Actual(usd=7 * scale - 1))
    assert await used(kept, account) == (7 * scale - 1, 3 * scale)
    await admit(kept, "c", Claim(account, 1))
    assert isinstance(await kept.reserve("d", [Claim(account, 1)]), Refused)
    await kept.release(second)
    assert await used(kept, account) == (7 * scale - 1, 1)


async def test_a_call_is_settled_once(kept: Counters) -> None:
    account = money()
    await kept.restore([account], [])
    hold = await admit(kept, "c", Claim(account, 80))
    for _ in range(3):
        await kept.settle(hold, Actual(usd=50))
        await kept.release(hold)
    assert await used(kept, account) == (50, 0)


async def test_all_or_nothing(kept: Counters) -> None:
    wide, narrow, requests = money("wide", 1000), money("narrow", 10), rate("requests", 5)
    await kept.restore([wide, narrow], [])
    refused = await kept.reserve("c", [Claim(wide, 11), Claim(requests, 1), Claim(narrow, 11)])
    assert isinstance(refused, Refused)
    assert refused.account is narrow
    assert (refused.asked, refused.free_at, refused.standing.left) == (11, None, 10)
    for account in (wide, narrow, requests):
        assert await used(kept, account) == (0, 0)


async def test_what_each_measure_counts(kept: Counters) -> None:
    requests, tokens, parallel = rate("requests", 5), rate("tokens", 100), rate("parallel", 1)
    claims = Claim(requests, 1), Claim(tokens, 60), Claim(parallel, 1)
    hold = await admit(kept, "c", *claims)
    assert hold.used == (1, 60, 1)
    refused = await kept.reserve("d", [Claim(parallel, 1)])
    assert isinstance(refused, Refused)
    await kept.settle(hold, Actual(tokens=25))
    assert [await used(kept, each.account) for each in claims] == [(1, 0), (25, 0), (0, 0)]
    await kept.release(await admit(kept, "d", *claims))
    assert [await used(kept, each.account) for each in claims] == [(1, 0), (25, 0), (0, 0)]


async def test_more_than_the_hold_is_recorded(kept: Counters) -> None:
    account = money(limit=100, window=ROLLING)
    await kept.restore([account], [])
    await kept.settle(await admit(kept, "c", Claim(account, 1)), Actual(usd=500))
    assert await used(kept, account) == (500, 0)
    refused = await kept.reserve("d", [Claim(account, 1)])
    assert isinstance(refused, Refused)
    assert refused.free_at is not None
    assert refused.standing.resets_at == refused.free_at


async def test_a_soft_limit_warns_once(kept: Counters) -> None:
    account = money(soft=50, window=MONTH)
    await kept.restore([account], [])
    reached = []
    for index in range(10):
        hold = await admit(kept, f"c{index}", Claim(account, 10))
        reached += [each.spent for each in await kept.settle(hold, Actual(usd=10))]
    assert reached == [50]


@pytest.mark.parametrize("window", [TOTAL, MONTH, ROLLING])
async def test_budgets_are_restored_once(
    kept: Counters, window: BudgetWindow, now: Callable[[], float]
) -> None:
    account, requests = money("a", window=window), rate("requests", 5)
    claims = [Claim(account, 1), Claim(requests, 1)]
    assert await kept.reserve("c", claims) == Unrestored(("usd/a",))
    assert await kept.standings([account]) == ()
    spends = [Spend("usd/a", now(), 40), Spend("usd/a", now(), 2), Spend("usd/o", now(), 9)]
    assert await kept.restore([account], spends)
    assert await kept.restore([account], spends)
    assert await used(kept, account) == (42, 0)
    await admit(kept, "c", *claims)


async def test_a_budget_restored_again_knows_the_calls_under_way(
    kept: Counters, now: Callable[[], float]
) -> None:
    account = money(window=MONTH)
    await kept.restore([account], [])
    hold = await admit(kept, "c", Claim(account, 30))
    await kept.forget(account)
    assert isinstance(await kept.reserve("d", [Claim(account, 1)]), Unrestored)
    await kept.restore([account], [Spend("usd/b", now(), 5)])
    assert await used(kept, account) == (5, 30)
    await kept.settle(hold, Actual(usd=20))
    assert await used(kept, account) == (25, 0)


async def test_a_changed_limit_holds_at_once(kept: Counters) -> None:
    account = money(limit=100)
    await kept.restore([account], [])
    await admit(kept, "c", Claim(account, 60))
    assert isinstance(await kept.reserve("d", [Claim(money(limit=50), 0)]), Refused)
    await admit(kept, "d", Claim(money(limit=200), 140))
    monthly = money(limit=100, window=MONTH)
    assert isinstance(await kept.reserve("e", [Claim(monthly, 1)]), Unrestored)


async def test_a_charge_without_a_hold(kept: Counters, now: Callable[[], float]) -> None:
    for window in (TOTAL, MONTH, ROLLING):
        account = money(str(window), window=window)
        await kept.restore([account], [])
        await kept.charge(account, 12, now())
        await kept.charge(account, 5, now())
        await kept.charge(account, -2, now())
        assert await used(kept, account) == (15, 0)


async def test_a_gate_closes_after_an_unpriced_call(kept: Counters) -> None:
    gate = unpriced_gate("d1")
    first = await admit(kept, "a", Claim(gate, 0))
    second = await admit(kept, "b", Claim(gate, 0))
    await kept.settle(first, Actual(unpriced=1))
    await kept.settle(second, Actual())
    assert isinstance(await kept.reserve("c", [Claim(gate, 0)]), Refused)
    await kept.forget(gate)
    await admit(kept, "c", Claim(gate, 0))


async def test_mistakes_of_the_caller_are_loud(kept: Counters) -> None:
    account = money()
    await kept.restore([account], [])
    with pytest.raises(ValueError, match="negative"):
        await kept.reserve("c", [Claim(account, -1)])
    with pytest.raises(ValueError, match="add them up"):
        await kept.reserve("c", [Claim(account, 1), Claim(account, 1)])
    await admit(kept, "c", Claim(account, 1))
    with pytest.raises(ValueError, match="has a hold already"):
        await kept.reserve("c", [Claim(account, 1)])
    assert await used(kept, account) == (0, 1)


async def test_a_thousand_calls_at_once_for_a_budget_of_a_hundred(kept: Counters) -> None:
    accounts = [money("m", 100 * 10**12, MONTH), money("r", 100 * 10**12, ROLLING)]
    await kept.restore(accounts, [])
    claims = [Claim(account, 10**12) for account in accounts]
    found = await asyncio.gather(*(kept.reserve(f"c{index}", claims) for index in range(1000)))
    holds = [each for each in found if isinstance(each, Hold)]
    assert len(holds) == 100
    assert sum(isinstance(each, Refused) for each in found) == 900
    await asyncio.gather(*(kept.settle(hold, Actual(usd=10**12)) for hold in holds))
    for account in accounts:
        assert await used(kept, account) == (100 * 10**12, 0)
