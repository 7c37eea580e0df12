"""What a dead process held in Redis becomes what its calls took, once the ledger has them."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from faregate.core.budget import Account, Actual, Budget, Claim, Hold, RateLimit, check, check_limit
from faregate.core.windows import parse_window
from faregate.store.redis_counters import RedisCounters
from tests.store.redis_servers import Server, counters, prefix_of_its_own, server

KEY = check(Budget(id="b", scope="key", scope_id="k", limit=100, window=parse_window("1mo")))
ROLLING = check(
    Budget(id="r", scope="team", scope_id="t", limit=100, window=parse_window("rolling 1h"))
)
PARALLEL = check_limit(RateLimit(scope="key", scope_id="k", measure="parallel", limit=5))
TOKENS = check_limit(RateLimit(scope="key", scope_id="k", measure="tokens", limit=9000))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    with server(tmp_path) as made:
        yield made


@pytest.fixture
async def pair(own: Server) -> AsyncIterator[tuple[RedisCounters, RedisCounters]]:
    """One that lives, and one that says nothing any more after a moment."""
    prefix = prefix_of_its_own()
    living = counters(own.url, prefix, owner_seconds=60)
    dying = counters(own.url, prefix, owner_seconds=0.05)
    assert await living.restore([KEY, ROLLING], [])
    yield living, dying
    await living.close()
    await dying.close()


async def hold(kept: RedisCounters, call: str, amount: int) -> None:
    claims = [Claim(KEY, amount), Claim(ROLLING, amount), Claim(PARALLEL, 1), Claim(TOKENS, 500)]
    assert isinstance(await kept.reserve(call, claims), Hold)


async def reaped(living: RedisCounters, holds: int) -> None:
    found = 0
    until = time.monotonic() + 20
    while found < holds and time.monotonic() < until:
        found += await living.beat() or 0
    assert found == holds


async def stands(kept: RedisCounters) -> list[tuple[int, int]]:
    accounts: list[Account] = [KEY, ROLLING, PARALLEL, TOKENS]
    found = await kept.standings(accounts)
    assert found is not None
    return [(each.spent, each.held) for each in found]


async def inherit(kept: RedisCounters, call: str, usd: int, at: float | None = None) -> bool:
    claims = [Claim(KEY, usd), Claim(ROLLING, usd)]
    return await kept.inherit(call, at or time.time(), claims, Actual(tokens=12))


@pytest.mark.parametrize("lapsed", [False, True])
async def test_calls_of_a_dead_process_are_charged_once(
    pair: tuple[RedisCounters, RedisCounters], lapsed: bool
) -> None:
    living, dying = pair
    await hold(dying, "lost", 40)
    await hold(living, "alive", 20)
    if lapsed:
        await reaped(living, 1)
        assert (await stands(living))[0] == (0, 20)
    for _ in range(2):  # a replay that was broken off is done again
        assert await inherit(living, "lost", 40)
        assert await stands(living) == [(40, 20), (40, 20), (0, 1), (12, 500)]


async def test_the_holds_of_later_attempts_are_given_back_with_the_first(
    pair: tuple[RedisCounters, RedisCounters],
) -> None:
    living, dying = pair
    await hold(dying, "c", 10)
    assert isinstance(await dying.reserve("c/2", [Claim(KEY, 30)]), Hold)
    assert (await stands(living))[0] == (0, 40)
    assert await inherit(living, "c", 25)
    assert (await stands(living))[0] == (25, 0)


async def test_a_call_that_was_settled_before_is_not_charged_again(
    pair: tuple[RedisCounters, RedisCounters],
) -> None:
    living, dying = pair
    found = await dying.reserve("c", [Claim(KEY, 10)])
    assert isinstance(found, Hold)
    await dying.settle(found, Actual(usd=7))
    assert await inherit(living, "c", 7)
    assert (await stands(living))[0] == (7, 0)


async def test_a_server_that_forgot_since_the_call_began_says_so(
    pair: tuple[RedisCounters, RedisCounters], own: Server
) -> None:
    living, dying = pair
    began = time.time()
    await hold(dying, "c", 10)
    own.kill()
    own.start()
    for _ in range(2000):
        if await living.restore([KEY, ROLLING], []):  # from a ledger that lacks the call
            break
        await asyncio.sleep(0.01)
    await hold(living, "d", 20)
    assert not await inherit(living, "c", 10, began)
    assert await inherit(living, "e", 10)  # begun after it forgot, and settled
    assert (await stands(living))[0] == (0, 20)
