"""Connections that die, stall or are abandoned, and what becomes of the request."""

import asyncio
import gc
import socket

import pytest

from faregate.types import HttpRequest
from faregate.upstream.transport import Transport
from faregate.upstream.transport_errors import (
    ConnectFailed,
    ConnectionLost,
    TransportError,
)
from tests.upstream.scripted import (
    Peer,
    Run,
    answer,
    both_loops,
    get,
    once,
    polite,
    post,
    until,
    world,
)

pytestmark = both_loops

HALF_HEAD = b"HTTP/1.1 200 OK\r\nContent-Le"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"


@pytest.mark.parametrize("reply", [b"", HALF_HEAD, HEAD, HEAD + b"12345"])
@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_connection_that_dies_at_any_stage(run: Run, reply: bytes, how: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        if reply:
            await peer.write(reply)
        getattr(peer, how)()

    async def main() -> None:
        async with world(script) as (server, transport):
            with pytest.raises(ConnectionLost) as caught:
                await transport.send(post(server))
            assert caught.value.sent
            assert server.connections == 1
            assert transport.stats.open == 0

    run(main())


def test_nobody_listens(run: Run) -> None:
    async def main() -> None:
        transport = Transport()
        with socket.socket() as bound:  # bound and not listening
            bound.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{bound.getsockname()[1]}/?key=sesame"
            with pytest.raises(ConnectFailed, match="refused") as caught:
                await transport.send(HttpRequest("GET", url, {}))
        assert not caught.value.sent
        assert "sesame" not in str(caught.value)
        assert transport.stats.open == 0
        await transport.aclose()

    run(main())


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_dead_idle_connection_is_replaced_once(run: Run, how: str) -> None:
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.answer(b"first")
        request = await peer.request()
        if peer.number == 1:
            getattr(peer, how)()  # the second request finds nobody at home
            return
        seen.append(request)
        await peer.write(answer(b"second"))
        await peer.gone()

    async def dead_on_second(peer: Peer) -> None:
        if peer.number == 1:
            await script(peer)
        elif request := await peer.request():
            seen.append(request)
            await peer.write(answer(b"second"))
            await peer.gone()

    async def main() -> None:
        async with world(dead_on_second) as (server, transport):
            assert (await transport.send(post(server))).body == b"first"
            assert (await transport.send(post(server, b"again"))).body == b"second"
            assert [request[-5:] for request in seen] == [b"again"]
            assert server.connections == 2
            assert transport.stats.open == 1
            await transport.aclose()

    run(main())


def test_a_second_death_is_not_retried(run: Run) -> None:
    async def script(peer: Peer) -> None:
        if peer.number == 1:
            await peer.answer()
        await peer.request()
        peer.reset()

    async def main() -> None:
        async with world(script) as (server, transport):
            await transport.send(post(server))
            with pytest.raises(ConnectionLost) as caught:
                await transport.send(post(server))
            assert caught.value.sent
            assert server.connections == 2
            assert transport.stats.open == 0

    run(main())


def test_a_reused_connection_that_answered_a_byte_is_not_retried(run: Run) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer()
        await peer.request()
        await peer.write(b"H")
        peer.close()

    async def main() -> None:
        async with world(script) as (server, transport):
            await transport.send(post(server))
            with pytest.raises(ConnectionLost, match="response head"):
                await transport.send(post(server))
            assert server.connections == 1

    run(main())


def test_a_death_long_after_the_request_is_not_taken_for_a_stale_connection(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer()
        await peer.request()
        peer.reset()

    async def main() -> None:
        monkeypatch.setattr("faregate.upstream.transport._STALE_SECONDS", 0.0)
        async with world(script) as (server, transport):
            await transport.send(post(server))
            with pytest.raises(ConnectionLost):
                await transport.send(post(server))
            assert server.connections == 1

    run(main())


@pytest.mark.parametrize("extra", [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"x"])
@pytest.mark.parametrize("together", [True, False])
def test_bytes_nobody_asked_for_never_answer_the_next_request(
    run: Run, extra: bytes, together: bool
) -> None:
    said = asyncio.Event()

    async def script(peer: Peer) -> None:
        if peer.number > 1:
            await polite(peer)
            return
        await peer.request()
        if together:
            await peer.write(answer(b"good") + extra)
        else:
            await peer.write(answer(b"good"))
            await said.wait()
            await peer.write(extra)
        await peer.gone()
        said.set()

    async def main() -> None:
        async with world(script) as (server, transport):
            assert (await transport.send(get(server))).body == b"good"
            if not together:
                assert transport.stats.idle == 1
                said.set()
                await until(lambda: not transport.stats.idle)
            assert (await transport.send(get(server))).body == b"2.1"
            await transport.aclose()

    run(main())


def test_an_idle_connection_the_peer_closes_leaves_the_pool(run: Run) -> None:
    closing = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.answer()
        await closing.wait()

    async def main() -> None:
        async with world(script) as (server, transport):
            await transport.send(get(server))
            assert transport.stats.idle == 1
            closing.set()
            await until(lambda: not transport.stats.open)

    run(main())


# Leaving early


@pytest.mark.parametrize("reply", [b"", HALF_HEAD, HEAD + b"12"])
def test_cancelling_closes_the_connection_at_once(run: Run, reply: bytes) -> None:
    reached = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        if reply:
            await peer.write(reply)
        reached.set()
        await peer.gone()

    async def main() -> None:
        async with world(script) as (server, transport):
            task = asyncio.create_task(transport.send(post(server)))
            await reached.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert transport.stats.open == 0
            await server.quiet()

    run(main())


def test_leaving_a_stream_early_closes_its_connection(run: Run) -> None:
    async def main() -> None:
        async with world(once(HEAD + b"123")) as (server, transport):
            async with await transport.stream(get(server)) as stream:
                assert await anext(stream) == b"123"
            assert transport.stats.open == 0
            await stream.aclose()
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
            await server.quiet()

    run(main())


def test_a_stream_that_is_all_there_gives_its_connection_back_unread(run: Run) -> None:
    async def main() -> None:
        async with world(once(answer(b"all"))) as (server, transport):
            stream = await transport.stream(get(server))
            await until(lambda: bool(stream._exchange.complete))
            await stream.aclose()
            assert transport.stats.idle == 1
            await transport.aclose()

    run(main())


def test_a_stream_nobody_closes_gives_its_place_back(run: Run) -> None:
    async def main() -> None:
        async with world(once(HEAD)) as (server, transport):
            await transport.stream(get(server))
            gc.collect()
            await until(lambda: not transport.stats.open)
            await server.quiet()

    run(main())


def test_cancelling_a_stream_in_the_middle(run: Run) -> None:
    async def main() -> None:
        async with world(once(HEAD + b"1")) as (server, transport):
            stream = await transport.stream(get(server))
            assert await anext(stream) == b"1"
            reading = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert transport.stats.open == 0

    run(main())


def test_closing_the_transport_ends_what_is_under_way(run: Run) -> None:
    async def main() -> None:
        async with world(once(HEAD)) as (server, transport):
            task = asyncio.create_task(transport.send(get(server)))
            await until(lambda: bool(transport.stats.in_use))
            await transport.aclose()
            with pytest.raises(ConnectionLost, match="we closed"):
                await task
            with pytest.raises(RuntimeError, match="closed"):
                await transport.send(get(server))

    run(main())


def test_many_at_once(run: Run) -> None:
    async def main() -> None:
        async with world(polite) as (server, transport):
            answers = await asyncio.gather(*(transport.send(get(server)) for _ in range(50)))
            assert len({one.body for one in answers}) == 50
            assert transport.stats.in_use == 0
            await transport.aclose()

    run(main())


def test_every_error_is_a_transport_error_that_names_the_peer(run: Run) -> None:
    async def main() -> None:
        transport = Transport()
        request = HttpRequest("GET", "http://no-such-host.invalid./?key=sesame", {})
        with pytest.raises(TransportError, match=r"no-such-host\.invalid") as caught:
            await transport.send(request)
        assert "sesame" not in str(caught.value)
        await transport.aclose()

    run(main())
