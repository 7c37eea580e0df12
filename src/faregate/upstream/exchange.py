"""One request's answer as it comes in: a parser's callbacks, limits and framing. No I/O.

An exchange owns a parser of its own, so nothing of one answer can leak into the next: whatever
follows the end of an answer marks the connection as poisoned instead of being parsed as another.
"""

from asyncio import AbstractEventLoop, Future

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from faregate.upstream.limits import Limits
from faregate.upstream.transport_errors import (
    BodyTooLarge,
    ConnectionLost,
    ProtocolError,
    TransportError,
)

_NAMES: dict[bytes, str] = {}


def _lower_name(raw: bytes) -> str:
    """Header names come back thousands of times; decode and lower each spelling once."""
    name = raw.decode("latin-1").lower()
    if len(_NAMES) < 1024 and len(raw) < 64:
        _NAMES[raw] = name
    return name


class Exchange:
    """The state of one answer. ``complete`` or ``error`` ends it, never both."""

    __slots__ = (
        "_body_bytes",
        "_fault",
        "_head_bytes",
        "_interim",
        "_limits",
        "_loop",
        "_max_body",
        "_most_raw",
        "_no_body",
        "_parser",
        "_quiet_bytes",
        "_raw",
        "_until_eof",
        "_waiter",
        "buffered",
        "chunks",
        "collect",
        "complete",
        "error",
        "head_done",
        "headers",
        "keep_alive",
        "peer",
        "received",
        "sent",
        "started",
        "status",
    )

    def __init__(
        self,
        loop: AbstractEventLoop,
        limits: Limits,
        peer: str,
        *,
        is_head: bool,
        max_body: int | None,
    ) -> None:
        self._loop = loop
        self._limits = limits
        self.peer = peer
        self._no_body = is_head
        self._max_body = max_body
        self.collect = max_body is not None
        """Wake the reader only when the whole answer is here, or the buffer is full."""
        self.started = 0.0
        self.sent = False
        self.received = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self.head_done = False
        self.complete = False
        self.keep_alive = False
        self.error: TransportError | None = None
        self.chunks: list[bytes] = []
        self.buffered = 0
        self._body_bytes = 0
        self._head_bytes = 0
        self._quiet_bytes = 0
        self._raw: list[bytes] = []
        self._most_raw = 2 * limits.max_headers
        self._interim = False
        self._until_eof = False
        self._fault: TransportError | None = None
        self._waiter: Future[None] | None = None
        self._parser: HttpResponseParser | None = HttpResponseParser(self)

    # For the connection

    def feed(self, data: bytes) -> None:
        """Take bytes from the socket."""
        parser = self._parser
        if parser is None:
            self.keep_alive = False
            return
        self.received = True
        progress = self._body_bytes + len(self._raw)
        try:
            parser.feed_data(data)
        except HttpParserUpgrade:
            self._broken("it switched to another protocol")
        except HttpParserError as error:
            self._broken(str(error) if self._fault is None else "")
        if self.complete:
            self._parser = None
        elif not self.head_done or self._body_bytes + len(self._raw) == progress:
            # An endless head, trailer or chunk extension: count what no callback tells of.
            self._quiet_bytes += len(data)
            if self._quiet_bytes > 2 * self._limits.max_head_bytes:
                self.fail(self._head_too_large())
        else:
            self._quiet_bytes = 0

    def lost(self, why: str, *, clean: bool) -> None:
        """The connection is gone. ``clean`` is an orderly end, which may be the body's own."""
        if self.complete or self.error is not None:
            return
        if clean and self._until_eof and self.head_done:
            self.complete = True
            self._parser = None
            return
        if not self.received:
            where = "before a byte of the answer came"
        elif not self.head_done:
            where = "in the middle of the response head"
        else:
            where = f"after {self._body_bytes} bytes of the body"
        self.fail(ConnectionLost(f"{self.peer}: {why} {where}", self.sent, bool(self.received)))

    def fail(self, error: TransportError) -> None:
        """End the exchange with an error, unless it has ended already."""
        if not self.complete and self.error is None:
            self.error = error
            self._parser = None

    def wake(self) -> None:
        """Let whoever waits look at the state again."""
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    # For the reader

    async def wait(self) -> None:
        """Return when something has changed."""
        self._waiter = waiter = self._loop.create_future()
        await waiter

    def take(self) -> bytes:
        """All body bytes that are here, still encoded; empty when there are none."""
        chunks = self.chunks
        if not chunks:
            return b""
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self.buffered = 0
        return data

    # Called by the parser

    def on_message_begin(self) -> None:
        if self.complete:
            self.keep_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        raw = self._raw
        raw.append(name)
        raw.append(value)
        if self.head_done or len(raw) > self._most_raw:
            self._odd_header(name, value)

    def on_headers_complete(self) -> None:
        parser = self._parser
        if parser is None or self.complete:
            return
        status = parser.get_status_code()
        headers = self._read_headers()
        length = headers.get("content-length")
        coding = headers.get("transfer-encoding")
        if status < 200:
            if status < 100 or length is not None or coding is not None:
                self._refuse("its status line or its interim response is malformed")
            self._interim = True
            return
        if parser.get_http_version() not in ("1.1", "1.0"):
            self._refuse("it is not HTTP/1.1")
        if coding is not None and (length is not None or coding.lower() != "chunked"):
            self._refuse("its length is ambiguous")
        self.status = status
        self.head_done = True
        if self._no_body or status in (204, 304):
            reusable = coding is None and (status != 204 or length in (None, "0"))
            self.keep_alive = reusable and parser.should_keep_alive()
            self.complete = True
        elif length is None:
            self._until_eof = coding is None
        elif self._max_body is not None and int(length) > self._max_body:
            self._fault = self._body_too_large()
            raise self._fault

    def on_body(self, body: bytes) -> None:
        if self.complete:
            self.keep_alive = False
            return
        self.chunks.append(body)
        self.buffered += len(body)
        self._body_bytes += len(body)
        if self._max_body is not None and self._body_bytes > self._max_body:
            self._fault = self._body_too_large()
            raise self._fault

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
            self.headers = {}
            self._raw = []
        elif not self.complete:
            self.complete = True
            self.keep_alive = self._parser is not None and self._parser.should_keep_alive()

    def _read_headers(self) -> dict[str, str]:
        raw = self._raw
        self._count_head(sum(map(len, raw)) + 2 * len(raw))
        headers = self.headers
        for at in range(0, len(raw), 2):
            key = _NAMES.get(raw[at]) or _lower_name(raw[at])
            text = raw[at + 1].decode("latin-1").strip(" \t")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        return headers

    def _odd_header(self, name: bytes, value: bytes) -> None:
        """One too many, or a trailer: which is counted, and may not change what was said before."""
        if len(self._raw) > self._most_raw:
            self._refuse(f"it has more than {self._limits.max_headers} headers")
        self._count_head(len(name) + len(value) + 4)

    # What is wrong with the answer

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._limits.max_head_bytes:
            self._fault = self._head_too_large()
            raise self._fault

    def _refuse(self, why: str) -> None:
        self._fault = ProtocolError(f"{self.peer}: bad answer: {why}", self.sent)
        raise self._fault

    def _broken(self, why: str) -> None:
        """Parsing cannot go on. After the end of the answer that only spoils the connection."""
        if self.complete:
            self.keep_alive = False
            return
        fault = self._fault or ProtocolError(f"{self.peer}: bad answer: {why}", self.sent)
        self.fail(fault)

    def _head_too_large(self) -> TransportError:
        limit = self._limits.max_head_bytes
        return ProtocolError(f"{self.peer}: bad answer: its head is over {limit} bytes", self.sent)

    def _body_too_large(self) -> TransportError:
        return BodyTooLarge(f"{self.peer}: the body is over {self._max_body} bytes", self.sent)
