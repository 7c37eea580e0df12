"""Who gets a connection, in what order, and when one is let go."""

import asyncio
from functools import partial

import pytest

from faregate.types import HttpRequest
from faregate.upstream.limits import Limits, Timeouts
from faregate.upstream.transport import Transport
from faregate.upstream.transport_errors import (
    ConnectFailed,
    ConnectTimeout,
    PoolExhausted,
    TotalTimeout,
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
    serving,
    until,
    world,
)

pytestmark = both_loops


class Clock:
    """Time that moves when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Gate:
    """A script that answers each request only when let; remembers the order they came in."""

    def __init__(self) -> None:
        self.order: list[bytes] = []
        self._tickets: asyncio.Semaphore = asyncio.Semaphore(0)

    async def __call__(self, peer: Peer) -> None:
        while request := await peer.request():
            self.order.append(request.split(b" ")[1])
            await self._tickets.acquire()
            await peer.write(answer(request.split(b" ")[1]))

    async def seen(self, count: int) -> None:
        """Wait until this many requests have come."""
        await until(lambda: len(self.order) >= count)

    def let(self, count: int = 1) -> None:
        for _ in range(count):
            self._tickets.release()


async def until_waiting(transport: Transport, count: int) -> None:
    await until(lambda: transport.stats.waiting == count)


def test_a_host_has_a_bounded_number_of_connections_and_a_fair_queue(run: Run) -> None:
    async def main() -> None:
        gate = Gate()
        async with world(gate, limits=Limits(max_connections_per_host=2)) as (server, transport):
            tasks = []
            for i in range(8):
                tasks.append(asyncio.create_task(transport.send(get(server, f"/{i}"))))
                if i > 1:
                    await until_waiting(transport, i - 1)
                else:
                    await gate.seen(i + 1)
            assert transport.stats.in_use == 2
            for _ in range(8):
                gate.let()
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            answers = await asyncio.gather(*tasks)
            assert [one.body for one in answers] == [b"/%d" % i for i in range(8)]
            assert gate.order == [b"/%d" % i for i in range(8)]
            assert server.connections == 2
            assert transport.stats.idle == 2

    run(main())


def test_the_queue_is_bounded_by_the_connect_timeout(run: Run) -> None:
    async def main() -> None:
        gate = Gate()
        async with world(gate, limits=Limits(max_connections_per_host=1)) as (server, transport):
            first = asyncio.create_task(transport.send(get(server)))
            await until(lambda: bool(gate.order))
            with pytest.raises(PoolExhausted, match="all 1 connections") as caught:
                await transport.send(get(server), Timeouts(connect=0.02))
            assert not caught.value.sent
            assert transport.stats.waiting == 0
            gate.let()
            await first

    run(main())


def test_those_who_leave_the_queue_lose_nobody_a_turn(run: Run) -> None:
    async def main() -> None:
        gate = Gate()
        async with world(gate, limits=Limits(max_connections_per_host=1)) as (server, transport):
            first = asyncio.create_task(transport.send(get(server, "/first")))
            await until(lambda: bool(gate.order))
            left = asyncio.create_task(transport.send(get(server, "/left")))
            await until_waiting(transport, 1)
            stays = asyncio.create_task(transport.send(get(server, "/stays")))
            await until_waiting(transport, 2)
            left.cancel()
            gate.let(2)
            assert (await first).body == b"/first"
            assert (await stays).body == b"/stays"
            with pytest.raises(asyncio.CancelledError):
                await left
            assert gate.order == [b"/first", b"/stays"]

    run(main())


def test_cancelled_in_the_very_moment_of_its_turn(run: Run) -> None:
    async def main() -> None:
        limits = Limits(max_connections_per_host=1)
        for keep_alive in (True, False):
            reply = answer(b"ok") if keep_alive else answer(b"ok", b"Connection: close")

            async def script(peer: Peer, reply: bytes = reply) -> None:
                while await peer.request():
                    await peer.write(reply)

            async with world(script, limits=limits) as (server, transport):
                stream = await transport.stream(get(server))
                waiting = asyncio.create_task(transport.send(get(server)))
                await until_waiting(transport, 1)
                exchange = stream._exchange
                await until(partial(getattr, exchange, "complete"))
                await stream.aclose()  # hands the connection, or its slot, to the one waiting
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                assert (await transport.send(get(server))).body == b"ok"

    run(main())


def test_a_failing_connection_passes_its_slot_on(run: Run) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        if peer.number == 1:
            peer.reset()
        else:
            await peer.write(answer(b"ok"))
            await peer.gone()

    async def main() -> None:
        limits = Limits(max_connections_per_host=1)
        async with world(script, limits=limits) as (server, transport):
            results = await asyncio.gather(
                transport.send(post(server)), transport.send(post(server)), return_exceptions=True
            )
            assert [type(one).__name__ for one in results] == ["ConnectionLost", "Answer"]

    run(main())


def test_last_in_first_out(run: Run) -> None:
    async def main() -> None:
        async with world(polite) as (server, transport):
            streams = [await transport.stream(get(server)) for _ in range(3)]
            numbers = [(await stream.read(9)).split(b".")[0] for stream in streams]
            assert transport.stats.idle == 3
            for _ in range(3):
                body = (await transport.send(get(server))).body
                assert body.split(b".")[0] == numbers[-1]

    run(main())


def test_an_idle_connection_expires(run: Run) -> None:
    async def main() -> None:
        clock = Clock()
        limits = Limits(idle_seconds=55.0)
        async with world(polite, limits=limits, clock=clock) as (server, transport):
            assert (await transport.send(get(server))).body == b"1.1"
            clock.now += 54.0
            assert (await transport.send(get(server))).body == b"1.2"
            clock.now += 56.0
            assert (await transport.send(get(server))).body == b"2.1"
            assert transport.stats.open == 1
            clock.now += 56.0
            assert transport._pool is not None
            transport._pool.sweep()
            assert transport.stats.open == 0

    run(main())


def test_the_sweeper_comes_by_itself(run: Run) -> None:
    async def main() -> None:
        async with world(polite, limits=Limits(idle_seconds=0.06)) as (server, transport):
            await transport.send(get(server))
            assert transport.stats.idle == 1
            await until(lambda: not transport.stats.open)
            await server.quiet()

    run(main())


def test_an_old_connection_is_not_used_again(run: Run) -> None:
    async def main() -> None:
        clock = Clock()
        limits = Limits(max_age_seconds=600.0)
        async with world(polite, limits=limits, clock=clock) as (server, transport):
            for _ in range(20):
                assert (await transport.send(get(server))).body.startswith(b"1.")
                clock.now += 30.0
            clock.now += 1.0
            assert (await transport.send(get(server))).body == b"2.1"
            stream = await transport.stream(get(server))
            clock.now += 601.0
            assert await stream.read(9) == b"2.2"
            assert transport.stats.open == 0

    run(main())


def test_idle_connections_are_bounded(run: Run) -> None:
    async def main() -> None:
        async with world(polite, limits=Limits(max_idle_per_host=2)) as (server, transport):
            streams = [await transport.stream(get(server)) for _ in range(5)]
            for stream in streams:
                await stream.read(9)
            assert transport.stats.open == transport.stats.idle == 2
            newest = (await transport.send(get(server))).body
            assert newest.startswith(b"5.")

    run(main())


def test_hosts_do_not_share_connections(run: Run) -> None:
    async def main() -> None:
        async with world(polite) as (server, transport), serving(polite) as other:
            await transport.send(get(server))
            await transport.send(get(other))
            local = HttpRequest("GET", f"http://localhost:{server.port}/", {})
            assert (await transport.send(local)).body == b"2.1"
            assert transport.stats.idle == 3
            await transport.aclose()

    run(main())


def test_connecting_is_bounded(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        monkeypatch.setattr("faregate.upstream.transport.dial", never)
        async with world(polite) as (server, transport):
            with pytest.raises(ConnectTimeout, match=r"within 0\.02 s") as caught:
                await transport.send(get(server), Timeouts(connect=0.02))
            assert not caught.value.sent
            with pytest.raises(TotalTimeout) as total:
                await transport.send(get(server), Timeouts(connect=5.0, total=0.02))
            assert not total.value.sent
            assert transport.stats.open == 0

    run(main())


def test_a_race_prefers_the_address_that_answers(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first address refuses, as a broken IPv6 would; the second is the server."""
    import socket

    async def main() -> None:
        async with world(polite) as (server, transport):
            with socket.socket() as bound:
                bound.bind(("127.0.0.1", 0))
                dead = bound.getsockname()[1]
                loop = asyncio.get_running_loop()
                there = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", dead))]
                there += [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]

                async def resolve(*_: object, **__: object) -> list[object]:
                    return list(there)

                async def dialled() -> bytes:
                    from faregate.upstream import dial

                    sock = await dial._race(loop, [(one[0], one[4]) for one in there])
                    with sock:
                        return f"{sock.getpeername()[1]}".encode()

                assert await dialled() == f"{server.port}".encode()
            with pytest.raises(ConnectFailed):
                await transport.send(HttpRequest("GET", f"http://127.0.0.1:{dead}/", {}))

    run(main())


def test_a_busy_transport_ends_with_everything_idle(run: Run) -> None:
    async def main() -> None:
        limits = Limits(max_connections_per_host=7)
        async with world(polite, limits=limits) as (server, transport):

            async def caller(number: int) -> None:
                for turn in range(6):
                    if (number + turn) % 5 == 0:
                        task = asyncio.create_task(transport.send(get(server)))
                        await asyncio.sleep(0)
                        task.cancel()
                        await asyncio.gather(task, return_exceptions=True)
                    elif turn % 2:
                        async with await transport.stream(get(server)) as stream:
                            if number % 3:
                                await stream.read(99)
                    else:
                        assert (await transport.send(get(server))).status == 200

            await asyncio.gather(*(caller(number) for number in range(30)))
            stats = transport.stats
            assert (stats.in_use, stats.waiting) == (0, 0)
            assert stats.open <= 7
            assert transport._pool is not None
            for lane in transport._pool._lanes.values():
                assert lane.slots == len(lane.idle)

    run(main())


def test_an_unfinished_answer_never_goes_back_to_the_pool(run: Run) -> None:
    async def main() -> None:
        half = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"
        async with world(once(half)) as (server, transport):
            async with await transport.stream(get(server)):
                pass
            assert transport.stats.open == 0

    run(main())
