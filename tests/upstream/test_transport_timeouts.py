"""Every phase has its limit, and only its own."""

import asyncio

import pytest

from faregate.upstream.limits import Timeouts
from faregate.upstream.transport_errors import (
    FirstByteTimeout,
    ReadTimeout,
    TotalTimeout,
)
from tests.upstream.scripted import (
    Peer,
    Run,
    answer,
    both_loops,
    get,
    once,
    post,
    world,
)

pytestmark = both_loops

HALF_HEAD = b"HTTP/1.1 200 OK\r\nContent-Le"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"


async def silent(peer: Peer) -> None:
    await peer.gone()


@pytest.mark.parametrize("reply", [b"", HALF_HEAD, b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_no_head_in_time(run: Run, reply: bytes) -> None:
    async def main() -> None:
        async with world(once(reply)) as (server, transport):
            with pytest.raises(FirstByteTimeout, match=r"within 0\.03 s") as caught:
                await transport.send(post(server), Timeouts(first_byte=0.03))
            assert caught.value.sent
            assert transport.stats.open == 0

    run(main())


def test_a_head_that_drips_for_ever(run: Run) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(b"HTTP/1.1 200 OK\r\n")
        while True:  # ends with the connection
            await peer.write(b"X: y\r\n")
            await asyncio.sleep(0.01)

    async def main() -> None:
        async with world(script) as (server, transport):
            with pytest.raises(FirstByteTimeout):
                await transport.send(get(server), Timeouts(first_byte=0.08))

    run(main())


@pytest.mark.parametrize("streamed", [False, True])
def test_silence_within_the_body(run: Run, streamed: bool) -> None:
    async def main() -> None:
        async with world(once(HEAD + b"123")) as (server, transport):
            timeouts = Timeouts(between=0.03)
            with pytest.raises(ReadTimeout):  # noqa: PT012
                if streamed:
                    async with await transport.stream(get(server), timeouts) as stream:
                        assert await anext(stream) == b"123"
                        await anext(stream)
                else:
                    await transport.send(get(server), timeouts)
            assert transport.stats.open == 0

    run(main())


def test_a_slow_drip_is_fine_while_each_wait_is_short(run: Run) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(HEAD)
        for _ in range(10):
            await asyncio.sleep(0.02)
            await peer.write(b"x")

    async def main() -> None:
        async with world(script) as (server, transport):
            got = await transport.send(get(server), Timeouts(between=0.15))
            assert got.body == b"x" * 10
            await transport.aclose()

    run(main())


def test_the_total_bounds_a_drip(run: Run) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:  # ends with the connection
            await peer.write(b"x")
            await asyncio.sleep(0.01)

    async def main() -> None:
        async with world(script) as (server, transport):
            with pytest.raises(TotalTimeout, match=r"0\.1 s"):
                await transport.send(get(server), Timeouts(total=0.1))
            with pytest.raises(TotalTimeout):  # noqa: PT012
                async with await transport.stream(get(server), Timeouts(total=0.1)) as stream:
                    async for _ in stream:
                        pass
            assert transport.stats.open == 0

    run(main())


def test_a_connection_kept_alive_starts_each_exchange_with_fresh_timeouts(run: Run) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await asyncio.sleep(0.03)
            await peer.write(answer(b"ok"))

    async def main() -> None:
        async with world(script) as (server, transport):
            for _ in range(4):
                await transport.send(get(server), Timeouts(first_byte=0.5, total=1.0))
            await transport.send(get(server))
            with pytest.raises(FirstByteTimeout):
                await transport.send(get(server), Timeouts(first_byte=0.005))
            assert server.connections == 1

    run(main())
