"""Redis gone, frozen or restarted empty; processes that die; answers that must not be mixed up."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

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
)
from faregate.core.windows import parse_window
from faregate.errors import ConfigError
from faregate.store.counters import Unavailable
from faregate.store.redis_counters import RedisCounters
from tests.house.samples import ROOT
from tests.store.redis_servers import Server, counters, prefix_of_its_own, server, url_or_skip
from tests.store.redis_worker import ACCOUNT as SHARED

ACCOUNT = check(Budget(id="b", scope="key", scope_id="k", limit=100, window=parse_window("1mo")))
PARALLEL = check_limit(RateLimit(scope="key", scope_id="k", measure="parallel", limit=2))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    with server(tmp_path) as made:
        yield made


@pytest.fixture
async def kept(own: Server) -> AsyncIterator[RedisCounters]:
    made = counters(own.url, timeout=0.2)
    await made.start()
    assert await made.restore([ACCOUNT], [])
    yield made
    await made.close()


async def until(found: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something another process does; fails rather than waits for ever."""
    for _ in range(2000):
        if await found():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


async def admit(kept: RedisCounters, call: str, amount: int = 10) -> Hold:
    hold = await kept.reserve(call, [Claim(ACCOUNT, amount), Claim(PARALLEL, 1)])
    assert isinstance(hold, Hold), hold
    return hold


async def stand(kept: RedisCounters, account: Account = ACCOUNT) -> tuple[int, int] | None:
    found = await kept.standings([account])
    return (found[0].spent, found[0].held) if found else None


async def test_a_dead_server_is_said_at_once_and_charged_when_it_is_back(
    kept: RedisCounters, own: Server
) -> None:
    before = await admit(kept, "before")
    own.kill()
    unavailable = await kept.reserve("during", [Claim(ACCOUNT, 10)])
    assert isinstance(unavailable, Unavailable)
    assert kept.down
    began = time.monotonic()
    for index in range(200):
        assert isinstance(await kept.reserve(f"x{index}", [Claim(ACCOUNT, 1)]), Unavailable)
    assert time.monotonic() - began < 0.2, "each call waited for the server"
    assert await kept.settle(before, Actual(usd=7)) == ()
    assert await kept.settle(before, Actual(usd=7)) == ()
    await kept.settle(unavailable.hold, Actual(usd=5))
    assert kept.untold == 2
    assert not await kept.restore([ACCOUNT], [])

    own.start()  # empty: nothing was kept
    await until(lambda: answered(kept))
    assert await kept.reserve("after", [Claim(ACCOUNT, 1)]) == Unrestored(("usd/b",))
    await kept.restore([ACCOUNT], [Spend("usd/b", time.time(), 50)])
    assert await stand(kept) == (62, 0)
    await admit(kept, "after")


async def answered(kept: RedisCounters) -> bool:
    return not kept.down and not kept.untold


async def test_a_frozen_server_costs_milliseconds_and_loses_nothing(
    kept: RedisCounters, own: Server
) -> None:
    hold = await admit(kept, "c")
    own.freeze()
    began = time.monotonic()
    found = await asyncio.gather(*(kept.reserve(f"f{i}", [Claim(ACCOUNT, 1)]) for i in range(300)))
    assert all(isinstance(each, Unavailable) for each in found)
    assert time.monotonic() - began < 1.5
    for index in range(3):
        assert isinstance(await kept.reserve(f"g{index}", [Claim(ACCOUNT, 1)]), Unavailable)
    assert kept.down
    await kept.settle(hold, Actual(usd=9))
    for each in found:
        assert isinstance(each, Unavailable)
        await kept.release(each.hold)
    own.thaw()
    await until(lambda: answered(kept))
    # Whatever the frozen server did with the calls it got, it ends with the one that was settled.
    assert await stand(kept) == (9, 0)
    await kept.reserve("d", [Claim(ACCOUNT, 91)])
    assert await stand(kept) == (9, 91)


async def test_answers_are_never_mixed_up_after_a_timeout(own: Server) -> None:
    kept = counters(own.url, timeout=0.1)
    await kept.restore([ACCOUNT], [])
    other = check(Budget(id="other", scope="key", scope_id="o", limit=10**30 % 10**24 + 5))
    await kept.restore([other], [Spend("usd/other", time.time(), 3)])
    for index in range(4):
        own.freeze()
        assert isinstance(await kept.reserve(f"a{index}", [Claim(ACCOUNT, 1)]), Unavailable)
        own.thaw()
        await until(lambda: answered(kept))
        assert await stand(kept, other) == (3, 0)
        hold = await kept.reserve(f"b{index}", [Claim(other, 2)])
        assert isinstance(hold, Hold)
        assert hold.call_id == f"b{index}"
        assert hold.used == (5,)
        await kept.release(hold)
    await kept.close()


async def test_a_call_let_through_in_an_outage_is_charged_once(
    kept: RedisCounters, own: Server
) -> None:
    own.freeze()
    unavailable = await kept.reserve("c", [Claim(ACCOUNT, 10), Claim(PARALLEL, 1)])
    assert isinstance(unavailable, Unavailable)
    own.thaw()  # the server may have made the hold after all
    await kept.settle(unavailable.hold, Actual(usd=6))
    await kept.settle(unavailable.hold, Actual(usd=6))
    await until(lambda: answered(kept))
    assert await stand(kept) == (6, 0)
    assert await stand(kept, PARALLEL) == (0, 0)


async def test_a_client_that_leaves_while_its_call_is_admitted_holds_nothing(
    kept: RedisCounters,
) -> None:
    for turns in range(6):
        asking = asyncio.create_task(kept.reserve(f"c{turns}", [Claim(ACCOUNT, 10)]))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    await until(lambda: answered(kept))
    await until(lambda: nothing_held(kept))


async def nothing_held(kept: RedisCounters) -> bool:
    return await stand(kept) == (0, 0)


async def test_a_server_that_is_flushed_is_given_time_to_be_read_anew(
    kept: RedisCounters, own: Server
) -> None:
    await admit(kept, "before")
    await asyncio.sleep(kept.calm_in() + 0.01)
    await admit(kept, "later")
    assert kept.calm_in() == 0
    own.flush()  # the connection stays, and what others settled may not be in the ledger yet
    assert await kept.reserve("after", [Claim(ACCOUNT, 1)]) == Unrestored(("usd/b",))
    assert kept.calm_in() > 0
    await asyncio.sleep(kept.calm_in() + 0.01)
    assert await kept.reserve("after", [Claim(ACCOUNT, 1)]) == Unrestored(("usd/b",))
    assert kept.calm_in() == 0


async def test_a_server_that_restarts_mid_call_charges_it(kept: RedisCounters, own: Server) -> None:
    hold = await admit(kept, "c", 30)
    own.kill()
    own.start()
    await until(lambda: restored(kept))
    await kept.settle(hold, Actual(usd=20))
    await until(lambda: answered(kept))
    assert await stand(kept) == (20, 0)
    assert await stand(kept, PARALLEL) == (0, 0)


async def restored(kept: RedisCounters) -> bool:
    return await kept.restore([ACCOUNT], [])


async def test_the_holds_of_a_dead_process_vanish_and_a_slow_one_is_charged_all_the_same(
    own: Server,
) -> None:
    prefix = prefix_of_its_own()
    living = counters(own.url, prefix, owner_seconds=60)
    dying = counters(own.url, prefix, owner_seconds=0.05)
    await living.restore([ACCOUNT], [])
    holds = [await admit(dying, f"c{index}", 40) for index in range(2)]
    assert await stand(living) == (0, 80)
    assert isinstance(await living.reserve("d", [Claim(PARALLEL, 1)]), Refused)
    reaped = 0
    async with asyncio.timeout(20):
        while reaped < 2:
            reaped += await living.beat() or 0
    assert await stand(living) == (0, 0)
    await admit(living, "d")
    # It was not dead, only slow: what it settles now counts, once.
    await dying.settle(holds[0], Actual(usd=33))
    await dying.settle(holds[0], Actual(usd=33))
    await dying.release(holds[1])
    assert await stand(living) == (33, 10)
    assert await stand(living, PARALLEL) == (0, 1)
    for each in (living, dying):
        await each.close()


async def test_a_hold_nobody_ends_is_given_back(own: Server) -> None:
    kept = counters(own.url, hold_seconds=0.0, owner_seconds=0.06)
    await kept.restore([ACCOUNT], [])
    await kept.start()
    hold = await admit(kept, "c")
    await until(lambda: nothing_held(kept))
    await kept.settle(hold, Actual(usd=4))
    assert await stand(kept) == (4, 0)
    await kept.settle(hold, Actual(usd=4))
    assert await stand(kept) == (4, 0)
    await kept.close()


async def test_scripts_are_loaded_again_where_the_server_dropped_them(
    kept: RedisCounters, own: Server
) -> None:
    import redis

    await admit(kept, "a")
    with redis.Redis(port=own.port) as client:
        client.script_flush()
    await admit(kept, "b")
    assert await stand(kept) == (0, 20)


async def test_a_full_server_is_unavailable_and_not_wrong(kept: RedisCounters, own: Server) -> None:
    import redis

    with redis.Redis(port=own.port) as client:
        client.config_set("maxmemory", "1")
        found = await kept.reserve("c", [Claim(ACCOUNT, 10)])
        assert isinstance(found, Unavailable)
        assert found.reason == "the server refuses (OutOfMemoryError)"
        client.config_set("maxmemory", "0")
    await kept.release(found.hold)
    assert await stand(kept) == (0, 0)


@pytest.mark.parametrize("url", ["", "http://h", "redis://u:hunter2@h:port/0", "nonsense"])
def test_an_address_that_means_nothing(url: str) -> None:
    with pytest.raises(ConfigError, match="redis://host:6379/0") as caught:
        RedisCounters(url)
    assert "hunter2" not in repr(caught.value)


async def test_an_address_nobody_answers_at() -> None:
    kept = RedisCounters("redis://:hunter2@127.0.0.1:1/0", timeout=0.2)
    await kept.start()
    found = await kept.reserve("c", [Claim(ACCOUNT, 10)])
    assert isinstance(found, Unavailable)
    assert found.reason == "the connection failed (ConnectionError)"
    assert await kept.standings([ACCOUNT]) is None
    await kept.close()


async def test_three_processes_share_a_budget() -> None:
    url, prefix = url_or_skip(), prefix_of_its_own()
    workers = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.store.redis_worker",
            url,
            prefix,
            name,
            "334",
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        for name in ("a", "b", "c")
    ]
    said = [(await worker.communicate())[0] for worker in workers]
    admitted = [int(each) for each in said]
    assert sum(admitted) == 100, admitted
    kept = counters(url, prefix)
    found = await kept.standings([SHARED])
    assert found is not None
    assert (found[0].spent, found[0].held) == (100 * 10**12, 0)
    await kept.close()


async def test_prefixes_do_not_meet() -> None:
    one, other = counters(url_or_skip()), counters(url_or_skip())
    for each in (one, other):
        await each.restore([ACCOUNT], [])
    await admit(one, "c", 100)
    await admit(other, "c", 100)
    for each in (one, other):
        await each.close()
