"""Raw clients against an edge: bytes in, answers out, on both event loops."""

import asyncio
import functools
import inspect
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import pytest
import uvloop

from faregate.edge.client_connection import ClientConnection
from faregate.edge.cycle import Cycle, Message, Scope
from faregate.edge.edge import Edge, EdgeProtocol
from faregate.edge.limits import EdgeLimits

PATIENCE = 10
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\n"
GET = b"GET /models HTTP/1.1\r\nHost: gateway\r\n\r\n"

Handler = Callable[["Call"], Awaitable[None]]


def on_both_loops(test: Callable[..., Coroutine[Any, Any, None]]) -> Any:
    """Make a coroutine a test that runs on asyncio's own loop and on uvloop, within a bound."""

    def run(loop_factory: Callable[[], asyncio.AbstractEventLoop], **fixtures: Any) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(PATIENCE):
                await test(**fixtures)

        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(bounded())

    functools.update_wrapper(run, test)
    del run.__wrapped__  # type: ignore[attr-defined]
    extra = inspect.Parameter("loop_factory", inspect.Parameter.KEYWORD_ONLY)
    signature = inspect.signature(test)
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), extra]
    )
    factories = [asyncio.new_event_loop, uvloop.new_event_loop]
    return pytest.mark.parametrize("loop_factory", factories, ids=["asyncio", "uvloop"])(run)


class ClientLeftError(Exception):
    """The client hung up, or was refused, within its body."""


class Call:
    """One request as the application got it."""

    def __init__(self, scope: Scope, receive: Any, send: Any) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.client: ClientConnection = scope["faregate.client"]

    @property
    def protocol(self) -> EdgeProtocol:
        assert isinstance(self.client, Cycle)
        return self.client.protocol

    async def left(self) -> None:
        """Returns once the client is gone."""
        if not self.client.gone:
            gone = asyncio.Event()
            self.client.on_gone = gone.set
            while not self.client.gone:
                await gone.wait()
                gone.clear()

    async def body(self) -> bytes:
        parts = []
        while True:
            message: Message = await self.receive()
            if message["type"] != "http.request":
                raise ClientLeftError
            parts.append(message["body"])
            if not message["more_body"]:
                return b"".join(parts)

    async def start(self, *headers: tuple[bytes, bytes], status: int = 200) -> None:
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, data: bytes, *, more: bool = True) -> None:
        await self.send({"type": "http.response.body", "body": data, "more_body": more})

    async def reply(self, data: bytes, status: int = 200) -> None:
        await self.start((b"content-length", b"%d" % len(data)), status=status)
        await self.write(data, more=False)


async def echo(call: Call) -> None:
    """The body, and what the request was."""
    body = await call.body()
    await call.reply(f"{call.scope['method']} {call.scope['path']} ".encode() + body)


class App:
    """An ASGI application of handlers by path; ``seen`` lists the paths that reached it."""

    def __init__(self, **handlers: Handler) -> None:
        self.handlers = handlers
        self.calls: list[Call] = []

    @property
    def seen(self) -> list[str]:
        return [call.scope["path"] for call in self.calls]

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        call = Call(scope, receive, send)
        self.calls.append(call)
        call.scope = dict(scope)
        with suppress(ClientLeftError):
            await self.handlers.get(scope["path"].strip("/"), echo)(call)


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """OpenAI's error object, whole."""
        found: dict[str, Any] = json.loads(self.body)["error"]
        assert set(found) == {"message", "type", "param", "code"}
        assert self.headers["content-type"] == "application/json"
        assert self.headers["connection"] == "close"
        return found


class Stranger:
    """The client's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self, *, head_only: bool = False) -> Answer:
        """The next answer, read by its framing."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        line, *lines = head[:-4].decode("latin-1").split("\r\n")
        assert line.startswith("HTTP/1.1 ")
        headers = {name.lower(): value for name, value in (one.split(": ", 1) for one in lines)}
        assert len(headers) == len(lines), "a header came twice"
        status = int(line.split()[1])
        if head_only or status in (100, 204, 304):
            return Answer(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status, headers, await self._chunks())
        if "content-length" not in headers:
            return Answer(status, headers, await self.reader.read())
        return Answer(
            status, headers, await self.reader.readexactly(int(headers["content-length"]))
        )

    async def _chunks(self) -> bytes:
        parts = []
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            parts.append(await self.reader.readexactly(size))
            assert await self.reader.readexactly(2) == b"\r\n"
        assert await self.reader.readexactly(2) == b"\r\n"
        return b"".join(parts)

    async def only_answer(self) -> Answer:
        """The next answer, after which the server must close without another byte."""
        answer = await self.answer()
        await self.closed()
        return answer

    async def closed(self) -> None:
        """Returns once the server ended its side, having sent nothing more."""
        assert await self.reader.read() == b""

    def reset(self) -> None:
        """Hang up so that the server hears of it at once, whatever it does."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Site:
    """A running edge and its application."""

    def __init__(self, app: App, edge: Edge, port: int) -> None:
        self.app = app
        self.edge = edge
        self.port = port
        self._strangers: list[Stranger] = []

    async def stranger(self) -> Stranger:
        found = Stranger(*await asyncio.open_connection("127.0.0.1", self.port))
        self._strangers.append(found)
        return found

    async def ask(self, raw: bytes) -> Answer:
        """The one answer to these bytes, on a connection of its own, which the server closes."""
        stranger = await self.stranger()
        stranger.send(raw)
        return await stranger.only_answer()

    async def is_well(self) -> None:
        """The server still answers somebody else."""
        stranger = await self.stranger()
        stranger.send(GET)
        assert (await stranger.answer()).status == 200
        stranger.writer.close()

    async def only_connection(self) -> EdgeProtocol:
        """The server's end of the one connection there is."""
        await until(lambda: len(self.edge.connections) == 1)
        return next(iter(self.edge.connections))

    async def leave(self) -> None:
        for stranger in self._strangers:
            stranger.writer.close()
        for stranger in self._strangers:
            with suppress(OSError):
                await stranger.writer.wait_closed()


@asynccontextmanager
async def serving(app: App | None = None, **limits: Any) -> AsyncIterator[Site]:
    """An edge on a free port. At the end nothing of it may be left over."""
    app = app or App()
    edge = Edge(app, EdgeLimits(**limits))
    edge.start()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(edge.connect, "127.0.0.1", 0)
    site = Site(app, edge, server.sockets[0].getsockname()[1])
    try:
        yield site
        await site.leave()
        server.close()
        assert await edge.drain(PATIENCE / 2), "something was still in flight"
        assert edge.held_bytes == 0
    finally:
        server.close()
        await site.leave()
        edge.stop()
        await until(lambda: not edge.connections)


async def elapse(seconds: float) -> None:
    """Let the loop turn for so long: for what must not happen, or must last."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    await until(lambda: loop.time() >= end)


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop turn until the condition holds; the test's bound ends it otherwise."""
    while not holds():  # noqa: ASYNC110 - what is awaited has no event of its own
        await asyncio.sleep(0)
