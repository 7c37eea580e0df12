"""A transport and the life of the event loop it belongs to."""

import asyncio
import gc
import os
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
import uvloop

from faregate.types import HttpRequest
from faregate.upstream import dial
from faregate.upstream import transport as module
from faregate.upstream.limits import Limits
from faregate.upstream.transport import Transport, shared
from tests.upstream.scripted import Run, both_loops, polite, serving


@contextmanager
def threaded_server() -> Iterator[str]:
    """A server in a thread, which outlives the loops of the test."""
    listener = socket.create_server(("127.0.0.1", 0))
    closed: list[int] = []

    def serve(sock: socket.socket) -> None:
        with sock:
            while sock.recv(65_536):
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        closed.append(1)

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=serve, args=(sock,))
            threads.append(thread)
            thread.start()

    threads = [threading.Thread(target=accept)]
    threads[0].start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        for thread in threads[1:]:
            thread.join(10)  # ends when its client has closed the connection
            assert not thread.is_alive()
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        threads[0].join(10)


@both_loops
def test_running_loops_one_after_another_leaves_nothing_open(run: Run) -> None:
    transport = Transport()
    with threaded_server() as url, warnings.catch_warnings():
        warnings.simplefilter("error")

        async def main() -> int:
            got = await transport.send(HttpRequest("POST", url, {}, b"{}"))
            assert transport.stats.idle == 1
            return got.status

        for _ in range(3):
            assert run(main()) == 200
            gc.collect()
            assert transport.stats.open == 0


@both_loops
def test_the_shared_transport_of_each_loop(run: Run) -> None:
    seen: list[int] = []
    with threaded_server() as url:

        async def main() -> None:
            transport = shared()
            assert shared() is transport
            assert shared(limits=Limits(max_headers=5)) is not transport
            assert shared(limits=Limits(max_headers=5)) is shared(limits=Limits(max_headers=5))
            await transport.send(HttpRequest("POST", url, {}, b"{}"))
            await shared().send(HttpRequest("POST", url, {}, b"{}"))
            assert transport.stats.open == 1
            seen.append(id(transport))
            kept.append(transport)

        kept: list[Transport] = []
        run(main())
        run(main())
    assert len(set(seen)) == 2
    kept.clear()
    gc.collect()
    assert not [loop for loop in module._shared if loop.is_closed()]


def test_shared_needs_a_running_loop() -> None:
    with pytest.raises(RuntimeError):
        shared()


def test_two_threads_have_two_transports() -> None:
    found: list[Transport] = []

    async def main() -> None:
        found.append(shared())

    threads = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len({id(one) for one in found}) == 2


def test_a_child_process_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        before = shared()
        monkeypatch.setattr("faregate.upstream.transport.os.getpid", lambda: -1)
        after = shared()
        assert after is not before
        assert shared() is after
        monkeypatch.undo()
        assert os.getpid() != -1
        assert shared() is not after

    asyncio.run(main())


def test_a_transport_in_use_by_one_loop_refuses_another() -> None:
    refused: list[BaseException] = []

    async def main() -> None:
        async with serving(polite) as server:
            transport = Transport()
            request = HttpRequest("GET", server.url, {})
            await transport.send(request)

            def elsewhere() -> None:
                try:
                    uvloop.run(transport.send(request))
                except RuntimeError as error:
                    refused.append(error)

            await asyncio.to_thread(elsewhere)
            assert (await transport.send(request)).status == 200
            await transport.aclose()

    asyncio.run(main())
    assert "another event loop" in str(refused[0])


@both_loops
def test_a_transport_that_is_dropped_lets_its_connections_expire(run: Run) -> None:
    async def main() -> None:
        async with serving(polite) as server:
            transport = Transport(limits=Limits(idle_seconds=0.06))
            await transport.send(HttpRequest("GET", server.url, {}))
            del transport
            await server.quiet()

    run(main())


def test_importing_and_making_one_does_nothing() -> None:
    transport = Transport()
    assert transport.stats.open == 0
    assert transport._context is None


@pytest.mark.parametrize("turns", range(4))
def test_a_loop_closed_on_a_connection_that_begins_closes_nobody_elses_file(turns: int) -> None:
    """uvloop closes a socket without telling its object, which would close the number again."""

    def itself(_own: object, _ended: object) -> None:
        pass

    def begin_and_leave(port: int) -> None:
        loop = uvloop.new_event_loop()
        sock = socket.create_connection(("127.0.0.1", port))
        work = dial._hand_over(loop, sock, asyncio.Protocol, None, "localhost")
        task = loop.create_task(work)
        task.add_done_callback(partial(itself, task))  # a cycle, for the collector to end
        for _ in range(turns):
            loop.call_soon(loop.stop)
            loop.run_forever()
        loop.close()

    with socket.create_server(("127.0.0.1", 0)) as listener, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is left behind says so
        gc.collect()
        gc.disable()
        try:
            begin_and_leave(listener.getsockname()[1])
            files = [os.open(os.devnull, os.O_RDONLY) for _ in range(16)]
            gc.collect()
        finally:
            gc.enable()
        for file in files:
            os.close(file)  # fails where somebody else did
