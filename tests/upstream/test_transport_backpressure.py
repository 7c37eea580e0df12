"""Large bodies: neither side's slowness fills our memory."""

import asyncio

import pytest

from faregate.upstream.limits import Limits, Timeouts
from faregate.upstream.transport_errors import (
    FirstByteTimeout,
)
from tests.upstream.scripted import (
    Peer,
    Run,
    answer,
    both_loops,
    get,
    only_connection,
    post,
    until,
    world,
)

pytestmark = both_loops


BIG = bytes(range(256)) * 32_768  # 8 MiB: more than any socket buffer


def test_a_large_request_arrives_whole(run: Run) -> None:
    received: list[bytes] = []

    async def script(peer: Peer) -> None:
        while request := await peer.request():
            received.append(request.partition(b"\r\n\r\n")[2])
            await peer.write(answer(b"ok"))

    async def main() -> None:
        async with world(script) as (server, transport):
            for size in (65_535, 65_536, 65_537, 400_000, len(BIG)):
                await transport.send(post(server, BIG[:size]))
                assert received.pop() == BIG[:size]
            assert server.connections == 1
            await transport.aclose()

    run(main())


def test_a_server_that_does_not_read_bounds_what_we_buffer(run: Run) -> None:
    release = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head_only()
        await release.wait()

    async def main() -> None:
        async with world(script) as (server, transport):
            task = asyncio.create_task(transport.send(post(server, BIG), Timeouts(first_byte=0.2)))
            await until(lambda: bool(transport.stats.in_use))
            connection = only_connection(transport)
            await until(lambda: bool(connection._write_paused))
            assert connection._transport is not None
            assert connection._transport.get_write_buffer_size() < 1024 * 1024
            with pytest.raises(FirstByteTimeout):
                await task
            release.set()

    run(main())


def test_an_early_answer_is_delivered_and_the_connection_dropped(run: Run) -> None:
    async def script(peer: Peer) -> None:
        await peer.head_only()
        await peer.write(answer(b"too big", status=b"413 Too Large"))
        await peer.gone()

    async def main() -> None:
        async with world(script) as (server, transport):
            (lane_bytes, body) = (BIG * 2, b"")
            got = await transport.send(post(server, lane_bytes))
            body = got.body
            assert (got.status, body) == (413, b"too big")
            assert transport.stats.open == 0

    run(main())


def test_a_slow_reader_bounds_what_is_held(run: Run) -> None:
    limits = Limits(max_buffered=100_000)

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BIG))
        await peer.write(BIG)
        await peer.gone()

    async def main() -> None:
        async with world(script, limits=limits) as (server, transport):
            timeouts = Timeouts(between=0.05)
            async with await transport.stream(get(server), timeouts) as stream:
                connection = only_connection(transport)
                await until(lambda: bool(connection._reading_paused))
                await asyncio.sleep(0.12)  # a reader's own slowness is not the upstream's silence
                assert stream._exchange.buffered < limits.max_buffered + 512 * 1024
                got = bytearray()
                async for piece in stream:
                    assert len(piece) < limits.max_buffered + 512 * 1024
                    got += piece
                assert bytes(got) == BIG
            assert transport.stats.idle == 1
            await transport.aclose()

    run(main())
