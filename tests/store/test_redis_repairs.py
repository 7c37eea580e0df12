"""What Redis was never told, or has lost, is made up for from the ledger, and nothing twice."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from faregate.core.budget import Actual, Budget, Claim, Hold, Spend, check
from faregate.core.windows import parse_window, slotting
from faregate.store.redis_counters import RedisCounters
from tests.gateway.gatehouse import so
from tests.store.redis_servers import Server, counters, prefix_of_its_own, server

MONTH = check(Budget(id="b", scope="key", scope_id="k", limit=10**20, window=parse_window("total")))
DAY = check(
    Budget(id="r", scope="team", scope_id="t", limit=10**20, window=parse_window("rolling 24h"))
)
BOTH = [MONTH, DAY]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    with server(tmp_path) as made:
        yield made


@pytest.fixture
async def kept(own: Server) -> AsyncIterator[RedisCounters]:
    made = counters(own.url)
    await made.start()
    assert await made.restore(BOTH, [])
    yield made
    await made.close()


def both(amount: int, ago: float = 0.0) -> list[Spend]:
    """What the ledger says of both."""
    return [Spend(each.id, time.time() - ago, amount) for each in BOTH]


async def stand(kept: RedisCounters) -> list[tuple[int, int]]:
    found = await kept.standings(BOTH)
    assert found is not None
    return [(each.spent, each.held) for each in found]


async def made_up(kept: RedisCounters, spends: list[Spend]) -> list[int]:
    found = await kept.make_up(BOTH, spends)
    assert found is not None
    return [each.amount for each in found]


async def test_what_is_missing_is_made_up_once_beside_what_is_held(kept: RedisCounters) -> None:
    claims = [Claim(each, 10**15) for each in BOTH]
    settled = await kept.reserve("settled", claims)
    assert isinstance(settled, Hold)
    await kept.settle(settled, Actual(usd=30 * 10**12))
    assert isinstance(await kept.reserve("under way", claims), Hold)
    assert await made_up(kept, both(100 * 10**12)) == [70 * 10**12] * 2
    assert await stand(kept) == [(100 * 10**12, 10**15)] * 2
    for less in (100 * 10**12, 99 * 10**12, 0):
        assert await made_up(kept, both(less)) == []
    assert await made_up(kept, []) == []
    assert await stand(kept) == [(100 * 10**12, 10**15)] * 2
    assert await made_up(kept, both(100 * 10**12 + 1)) == [1, 1]


async def test_a_call_at_the_edge_of_a_slot_is_not_made_up_for(kept: RedisCounters) -> None:
    width = slotting(DAY.window).width / 1000
    await kept.charge(DAY, 500, time.time() - 3 * width)
    # By the ledger's clock it was one slot earlier, and another came since.
    found = await kept.make_up(
        [DAY],
        [
            Spend(DAY.id, time.time() - 4 * width, 500),
            Spend(DAY.id, time.time() - width, 40),
            Spend(DAY.id, time.time() - 70 * width, 9_000),
        ],
    )
    assert found is not None
    assert [each.amount for each in found] == [40]
    assert (await stand(kept))[1] == (540, 0)


async def test_a_budget_that_is_not_known_is_left_to_be_restored(kept: RedisCounters) -> None:
    await kept.forget(MONTH)
    assert await made_up(kept, both(7)) == [7]
    assert await kept.standings([MONTH]) == ()
    assert await kept.restore([MONTH], both(7))
    assert await stand(kept) == [(7, 0)] * 2


async def test_nothing_is_made_up_while_somebody_has_it_still_to_tell(own: Server) -> None:
    prefix = prefix_of_its_own()
    one, other = (counters(own.url, prefix) for _ in range(2))
    assert await one.restore(BOTH, [])
    own.freeze()
    for account in BOTH:
        await other.charge(account, 80, time.time())
    assert other.untold
    assert await other.make_up(BOTH, both(80)) is None
    telling, other._telling = other._telling, None
    other._tell_soon = lambda: None  # type: ignore[method-assign]  # not before we say so
    if telling is not None:
        telling.cancel()
    own.thaw()
    await so(lambda: is_up(other))
    await other.beat()
    assert await one.make_up(BOTH, both(80)) is None
    await other._tell()
    assert not other.untold
    assert await made_up(one, both(80)) == []
    assert await stand(one) == [(80, 0)] * 2
    for each in (one, other):
        await each.close()


async def is_up(kept: RedisCounters) -> bool:
    return not kept.down and await kept.standings(BOTH) is not None


async def test_what_a_dead_process_had_to_tell_is_waited_for_no_longer(own: Server) -> None:
    prefix = prefix_of_its_own()
    living = counters(own.url, prefix, owner_seconds=60)
    dying = counters(own.url, prefix, owner_seconds=0.05)
    assert await living.restore(BOTH, [])
    dying._later.append(dying._closing(dying._unheld("c", [Claim(MONTH, 9)]), "settle", Actual()))
    await dying.beat()
    assert await living.make_up(BOTH, both(9)) is None
    async with asyncio.timeout(20):
        while await living.make_up(BOTH, both(9)) is None:
            await living.beat()
    assert await stand(living) == [(9, 0)] * 2
    dying._later.clear()
    for each in (living, dying):
        await each.close()


async def test_a_loss_is_told(kept: RedisCounters, own: Server) -> None:
    told = asyncio.Event()
    kept.on_loss = told.set
    await asyncio.sleep(kept.calm_in() + 0.01)
    own.flush()
    await kept.reserve("a", [Claim(MONTH, 1)])
    assert told.is_set(), "it forgot"
    told.clear()
    own.kill()
    await kept.reserve("b", [Claim(MONTH, 1)])
    own.start()
    async with asyncio.timeout(20):
        await told.wait()


async def test_nobody_answers(kept: RedisCounters, own: Server) -> None:
    own.kill()
    assert await kept.make_up(BOTH, both(1)) is None
