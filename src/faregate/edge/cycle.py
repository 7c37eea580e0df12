"""One request and its answer as an ASGI application sees them: receive, send, hang-up."""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from faregate.edge.client_connection import ClientConnection
from faregate.edge.refusals import CRASHED, STOPPING, Refusal

if TYPE_CHECKING:
    from faregate.edge.connection import EdgeProtocol

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Application = Callable[
    [Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]

HIGH_WATER = 256 * 1024
"""A body is handed over whole, or in pieces of at least this size while it still comes in."""

_JOINED = 32 * 1024
"""Up to here one write of head and body together is cheaper than two."""

_log = logging.getLogger("faregate.edge")


def _status_line(status: int) -> bytes:
    try:
        return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode("ascii")
    except ValueError:
        return f"HTTP/1.1 {status} \r\n".encode("ascii")


_STATUS_LINES = {status: _status_line(status) for status in range(200, 600)}
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"connection"})
_NO_SCOPE: Scope = {}
_UNFRAMED = -1
"""Answers without a length: chunked to HTTP/1.1, to the end of the connection before that."""


class Cycle(ClientConnection):
    """A request being answered. The protocol feeds it; the application receives and sends."""

    __slots__ = (
        "_answer_length",
        "_chunking",
        "_delivered",
        "_head",
        "_pieces",
        "_waiter",
        "buffered",
        "coded",
        "complete",
        "expects",
        "finished",
        "held",
        "is_head",
        "keep_alive",
        "old",
        "protocol",
        "scope",
        "started",
        "upgrading",
    )

    protocol: "EdgeProtocol"
    """Set by the connection that takes the request."""

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope
        self.old = False
        """HTTP/1.0."""
        self.is_head = False
        self.keep_alive = True
        self.expects = False
        """The client waits for 100 Continue."""
        self.coded = False
        """The body is chunked."""
        self.upgrading = False
        self._pieces: list[bytes] = []
        self.buffered = 0
        """Body bytes not yet handed to the application."""
        self.held = 0
        """Body bytes counted against the process's limit until the application returns."""
        self.complete = False
        """The whole request is here."""
        self._delivered = False
        self._waiter: asyncio.Future[None] | None = None
        self._head = b""
        self._answer_length = _UNFRAMED
        self._chunking = False
        self.started = False
        """The application has begun its answer."""
        self.finished = False
        """The answer is out, or cannot go out any more."""

    # -- fed by the protocol ----------------------------------------------------------------

    def add_body(self, piece: bytes) -> None:
        """Body bytes, in order."""
        self._pieces.append(piece)
        self.buffered += len(piece)
        self.held += len(piece)

    def wake(self) -> None:
        """Let a waiting ``receive`` look again."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def lose(self) -> None:
        """The client is gone, or gets no more than it has."""
        if not self.gone:
            self.gone = self.finished = True
            self.wake()
            self.protocol.wake_writer()
            if self.on_gone is not None:
                self.on_gone()

    def half_close(self) -> None:
        """The client sent its last byte but may still read."""
        if not self.half_closed and not self.finished:
            self.half_closed = True
            if self.on_gone is not None:
                self.on_gone()

    def forget(self) -> None:
        """Let go of everything that refers back here, so that no cycle waits for the collector."""
        self.scope = _NO_SCOPE
        self.task = None
        self._pieces = []
        self.on_gone = None

    # -- the application's side -------------------------------------------------------------

    async def run(self, app: Application) -> None:
        """Run the application on this request; whatever it does, the client gets an end."""
        protocol = self.protocol
        try:
            await app(self.scope, self.receive, self.send)
            if not self.finished and self.half_closed:
                protocol.cut(self, STOPPING)  # given up for a client that had hung up
            elif not self.finished:
                _log.error("the application returned without completing its answer")
                protocol.cut(self, CRASHED)
        except asyncio.CancelledError:
            protocol.cut(self, STOPPING)
            raise
        except Exception as error:  # noqa: BLE001 - the last line of defence; it is logged
            _log.error(
                "the application failed: %s\n%s",
                type(error).__name__,  # the message could quote the request
                "".join(traceback.format_tb(error.__traceback__)),
            )
            protocol.cut(self, CRASHED)
        finally:
            protocol.release(self)

    async def receive(self) -> Message:
        """The body, whole or in large pieces; then, once that is so, the disconnect."""
        while not self.finished:
            if not self._delivered and (self.complete or self.buffered >= HIGH_WATER):
                return self._hand_over()
            if self.expects and not self.started:
                self.expects = False
                if not self.buffered:
                    self.protocol.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.protocol.want_body()
            self._waiter = self.protocol.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return {"type": "http.disconnect"}

    def _hand_over(self) -> Message:
        pieces = self._pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._pieces = []
        self.buffered = 0
        self._delivered = self.complete
        return {"type": "http.request", "body": body, "more_body": not self.complete}

    async def send(self, message: Message) -> None:
        """ASGI's ``send``. The head waits for the first piece of the body and goes with it."""
        protocol = self.protocol
        if protocol.write_paused and not self.gone:
            await protocol.writable()
        if self.gone:
            return
        kind = message["type"]
        if kind == "http.response.body":
            if not self.started or self.finished:
                raise RuntimeError("http.response.body before the start or after the end")
            self._send_body(message.get("body", b""), message.get("more_body", False))
        elif kind == "http.response.start":
            if self.started:
                raise RuntimeError("http.response.start a second time")
            self._start(message["status"], message.get("headers", ()))
        else:
            raise RuntimeError(f"unknown ASGI message {kind!r}")

    def pass_on(self, piece: bytes) -> bool:
        """What most pieces of a stream need of :meth:`send`, without a message and a coroutine."""
        protocol = self.protocol
        if (
            self._head
            or not self._chunking
            or not piece
            or self.finished
            or protocol.write_paused
            or len(piece) > _JOINED
        ):
            return False
        protocol.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        return True

    def _start(self, status: int, headers: Any) -> None:
        length = _UNFRAMED
        lines: list[bytes] = []
        for field in headers:
            name = field[0]
            if name in _FRAMING:  # the server decides how an answer is framed
                value = field[1]
                if name == b"content-length":
                    length = int(value)
                else:
                    if name == b"connection" and value.lower() == b"close":
                        self.keep_alive = False
                    continue
            lines.append(b": ".join(field))
        if status in (204, 304):
            length = 0
        elif length == _UNFRAMED and not self.is_head and not self.old:
            self._chunking = True
            lines.append(b"transfer-encoding: chunked")
        self._answer_length = length
        connection = self._connection_line(framed=length != _UNFRAMED or self.is_head)
        if connection:
            lines.append(connection)
        count = len(lines) + 3  # status, date and the empty one
        lines.append(b"\r\n")
        head = _STATUS_LINES[status] + self.protocol.edge.date_line + b"\r\n".join(lines)
        if head.count(b"\n") != count or head.count(b"\r") != count or b"\0" in head:
            raise RuntimeError("a header of the answer holds a line break or NUL")
        self._head = head
        self.started = True

    def _connection_line(self, *, framed: bool) -> bytes:
        """Whether another request may follow, decided and said."""
        unread = not self.complete  # the rest of the request would have to be read first
        if unread or self.protocol.closing or (self.old and not framed):
            self.keep_alive = False
        if not self.keep_alive:
            return b"connection: close"
        return b"connection: keep-alive" if self.old else b""

    def _send_body(self, body: bytes, more: bool) -> None:
        if self._answer_length != _UNFRAMED and not self.is_head:
            self._answer_length -= len(body)
            if self._answer_length < 0 or (self._answer_length and not more):
                raise RuntimeError("the answer's body is not as long as its content-length")
        out = [self._head] if self._head else []
        self._head = b""
        if self._chunking:
            if body:
                out += (b"%x\r\n" % len(body), body, b"\r\n")
            if not more:
                out.append(b"0\r\n\r\n")
        elif body and not self.is_head:
            out.append(body)
        if out:
            if len(body) <= _JOINED:
                self.protocol.write(b"".join(out))
            else:
                self.protocol.write_all(out)
        if not more:
            self.finished = True
            self.protocol.answered(self)

    @property
    def head_sent(self) -> bool:
        """Whether bytes of the answer have gone out, so that no other can take its place."""
        return self.started and not self._head

    @property
    def ends_visibly(self) -> bool:
        """Whether a client can tell an answer cut off from a whole one by its framing."""
        return self._chunking or self._answer_length != _UNFRAMED


def refuse_late(cycle: Cycle, refusal: Refusal, date: bytes) -> bytes:
    """A refusal in place of an answer that has not begun; empty when it has."""
    return b"" if cycle.head_sent else refusal.render(date, head_only=cycle.is_head)
