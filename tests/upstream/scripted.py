"""A hostile upstream: plain sockets on the running loop that say exactly what a script says."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import pytest
import uvloop

from faregate.types import HttpRequest
from faregate.upstream.connection import Connection
from faregate.upstream.transport import Transport

T = TypeVar("T")
Script = Callable[["Peer"], Awaitable[None]]

PATIENCE = 20.0
"""A test that waits longer than this has hung."""


async def _bounded(main: Coroutine[Any, Any, T]) -> T:
    async with asyncio.timeout(PATIENCE):
        return await main


def run_asyncio(main: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(_bounded(main))


def run_uvloop(main: Coroutine[Any, Any, T]) -> T:
    return uvloop.run(_bounded(main))


both_loops = pytest.mark.parametrize("run", [run_asyncio, run_uvloop])
Run = Callable[[Coroutine[Any, Any, Any]], Any]


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop turn until the condition holds; the runner's patience bounds it."""
    while not holds():  # noqa: ASYNC110 - what is awaited has no event of its own
        await asyncio.sleep(0)


class Peer:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._held = b""
        self.number = number
        """1 for the first connection the server got, and so on."""

    async def request(self) -> bytes:
        """One whole request, head and body; b"" if the client has gone."""
        while b"\r\n\r\n" not in self._held:
            if not await self._more():
                return b""
        head, _, rest = self._held.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        while len(rest) < length:
            if not await self._more():
                return b""
            rest = self._held.partition(b"\r\n\r\n")[2]
        self._held = rest[length:]
        return head + b"\r\n\r\n" + rest[:length]

    async def head_only(self) -> None:
        """Read until the head is here, and not a byte more than came with it."""
        while b"\r\n\r\n" not in self._held:
            if not await self._more():
                return

    async def _more(self) -> bool:
        try:
            data = await self._loop.sock_recv(self._sock, 65_536)
        except OSError:
            return False
        self._held += data
        return bool(data)

    async def write(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._sock, data)

    async def answer(self, body: bytes = b"ok", *lines: bytes, status: bytes = b"200 OK") -> None:
        """Read a request and answer it properly. Does nothing if the client has gone."""
        if await self.request():
            await self.write(answer(body, *lines, status=status))

    async def gone(self) -> None:
        """Wait until the client has closed its end."""
        while await self._more():
            pass

    def half_close(self) -> None:
        self._sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def close(self) -> None:
        self._sock.close()


class Server:
    """Runs the script for every connection, at the same time if need be."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listener.setblocking(False)
        self._tasks: set[asyncio.Task[None]] = set()
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.connections = 0
        self.open = 0

    async def accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(self._listener)
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            task = loop.create_task(self._serve(Peer(sock, self.connections)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, peer: Peer) -> None:
        self.open += 1
        try:
            with suppress(ConnectionError):
                await self._script(peer)
        finally:
            peer.close()
            self.open -= 1

    async def quiet(self) -> None:
        """Wait until every connection is over. Scripts end when their client goes."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def stop(self) -> None:
        self._listener.close()


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[Server]:
    """A server for the script; at the end every connection must have come to its own."""
    server = Server(script)
    accepting = asyncio.create_task(server.accept())
    try:
        yield server
        await server.quiet()
    finally:
        accepting.cancel()
        with suppress(asyncio.CancelledError):
            await accepting
        server.stop()


@asynccontextmanager
async def world(script: Script, **options: Any) -> AsyncIterator[tuple[Server, Transport]]:
    """A server and a transport. Afterwards nothing may be left open on either side."""
    async with serving(script) as server:
        transport = Transport(**options)
        try:
            yield server, transport
            assert transport.stats.in_use == 0
            assert transport.stats.waiting == 0
        finally:
            await transport.aclose()
            assert transport.stats.open == 0


def only_connection(transport: Transport) -> Connection:
    """The one connection the transport has open."""
    assert transport._pool is not None
    (connection,) = transport._pool._lane_of
    return connection


def answer(body: bytes, *lines: bytes, status: bytes = b"200 OK") -> bytes:
    extra = b"".join(line + b"\r\n" for line in lines)
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(body), extra, body)


def chunked(*pieces: bytes, trailers: bytes = b"") -> bytes:
    framed = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + framed
        + b"0\r\n"
        + trailers
        + b"\r\n"
    )


def once(reply: bytes, *, close: bool = False) -> Script:
    """Answer the first request of a connection with these bytes, then stay or close."""

    async def script(peer: Peer) -> None:
        if await peer.request():
            await peer.write(reply)
            if not close:
                await peer.gone()

    return script


async def polite(peer: Peer) -> None:
    """Answer every request with its own number on the connection."""
    count = 0
    while await peer.request():
        count += 1
        await peer.write(answer(b"%d.%d" % (peer.number, count)))


def get(server: Server, path: str = "/", **headers: str) -> HttpRequest:
    return HttpRequest("GET", server.url + path, headers)


def post(server: Server, body: bytes = b"{}") -> HttpRequest:
    return HttpRequest("POST", server.url + "/v1", {"content-type": "application/json"}, body)
