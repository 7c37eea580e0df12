"""The parser's side of a connection: heads and bodies in, whole requests or a refusal out."""

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import httptools

from faregate.edge import refusals
from faregate.edge.checks import (
    CHUNKED,
    Headers,
    check_headers,
    check_length,
    check_size,
    check_start,
    split_target,
)
from faregate.edge.cycle import HIGH_WATER, Cycle
from faregate.edge.refusals import Refused, bad_request

if TYPE_CHECKING:
    from faregate.edge.edge import Edge

_FRAMING_ALLOWANCE = 16 * 1024
_FRAMING_RATE = 16
"""A chunked body may spend this much on framing: enough for chunks of a single byte."""
_BLANKS_ALLOWED = 16
"""Old clients end a body with an empty line too many; a parser skips any number of them."""

_ASGI = {"version": "3.0", "spec_version": "2.4"}

_log = logging.getLogger("faregate.edge")


class RequestReader:
    """Parses one connection's requests; the connection derives from it. httptools calls ``on_…``.

    Sizes are checked before bytes are kept. What is wrong leaves :meth:`parse` as
    :class:`Refused`, after which nothing may be parsed any more.
    """

    def __init__(self, edge: "Edge") -> None:
        self.edge = edge
        self.loop = asyncio.get_running_loop()
        self._limits = edge.limits
        self._parser: Any = httptools.HttpRequestParser(self)
        self._client: tuple[str, int] | None = None
        self._server: tuple[str, int] | None = None
        self._reading: Cycle | None = None
        """The request whose body is coming in; None between requests and in a head."""
        self._in_head = False
        self._heads = 0
        self._heads_before = 0
        self._uncounted = False
        """The head began behind another request in the same read: its bytes are not known."""
        self._head_bytes = 0
        self._blank_bytes = 0
        self._head_deadline = 0.0
        self._url = b""
        self._headers: Headers = []
        self._raw_bytes = 0
        self._body_bytes = 0
        self._body_since = 0.0
        """When the body's pace began to be taken; 0 before that."""
        self._rate_from = 0

    def _take(self, cycle: Cycle) -> None:
        """A request's head is complete and in order. May raise :class:`Refused`."""
        raise NotImplementedError

    def _pause_reading(self) -> None:
        """Enough of a body is here for now."""
        raise NotImplementedError

    def parse(self, data: bytes) -> None:
        """Bytes as they came in. Raises :class:`Refused`."""
        if self._reading is not None or len(data) <= self._limits.max_header_bytes:
            self._parse(data)
        else:
            self._parse_in_pieces(data)

    def _parse_in_pieces(self, data: bytes) -> None:
        """A large read may hold a head over the limit: look after every allowance."""
        step = self._limits.max_header_bytes
        while data:
            piece = data if self._reading is not None else data[:step]
            data = data[len(piece) :]
            self._parse(piece)

    def _parse(self, data: bytes) -> None:
        heads = self._heads_before = self._heads
        between = not self._in_head and self._reading is None
        upgrade_at = -1
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            upgrade_at = upgrade.args[0]
        except httptools.HttpParserCallbackError as error:
            raise _from_callback(error) from None
        except httptools.HttpParserError as error:
            raise Refused(refusals.of_parser(error)) from None
        if (
            upgrade_at >= 0
        ):  # out of the handler, whose exception would become a later one's context
            self._ignore_upgrade(data[upgrade_at:])
        elif between and self._heads == heads:
            self._blank_bytes += len(data)
            if self._blank_bytes > _BLANKS_ALLOWED:
                raise bad_request("invalid_request", "This is not an HTTP/1.1 request.")
        elif self._in_head:
            if self._heads == heads:
                self._head_bytes += len(data)
            elif between and self._heads == heads + 1:
                self._head_bytes = len(data)
            if self._head_bytes >= self._limits.max_header_bytes:
                raise Refused(refusals.LONG_HEAD)
        elif self._reading is not None and self._reading.coded:
            self._check_framing(len(data))

    def _check_framing(self, received: int) -> None:
        self._raw_bytes += received
        allowed = _FRAMING_ALLOWANCE + _FRAMING_RATE * self._body_bytes
        if self._raw_bytes - self._body_bytes > allowed:
            raise Refused(refusals.BIG_FRAMING)

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Clients may offer another protocol (h2c, say); declining is to go on in this one.

        The parser stops at such a head, so a fresh one reads on, told only how the body is framed.
        """
        cycle = self._reading
        assert cycle is not None
        self._parser = httptools.HttpRequestParser(self)
        framing = b"".join(
            name + b": " + value + b"\r\n"
            for name, value in cycle.scope["headers"]
            if name in (b"content-length", b"transfer-encoding")
        )
        self._parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n")
        if rest:
            self._parse(rest)

    # -- called by the parser ---------------------------------------------------------------

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        if self._reading is None:  # not the fresh parser of a request that offered an upgrade
            self._in_head = True
            self._heads += 1
            self._uncounted = self._heads > self._heads_before + 1
            self._head_bytes = self._blank_bytes = 0
            self._url = b""
            self._headers = []
            self._head_deadline = self.loop.time() + self._limits.header_timeout

    def on_url(self, url: bytes) -> None:
        """A piece of the request's target."""
        if self._in_head:
            self._url += url
            if len(self._url) > self._limits.max_url_bytes:
                raise Refused(refusals.LONG_URL)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer: those come after the head and are read by nobody."""
        self._headers.append((name.lower(), value.rstrip()))

    def on_headers_complete(self) -> None:
        """Check the head and make a request of it."""
        cycle = self._reading
        if cycle is not None:
            cycle.upgrading = False
            return
        parser = self._parser
        limits = self._limits
        version = parser.get_http_version()
        method = check_start(parser.get_method(), version)
        headers, self._headers = self._headers, []
        if len(headers) > limits.max_headers:
            raise Refused(refusals.MANY_HEADERS)
        if self._uncounted:
            check_size(headers, limits.max_header_bytes)
        length, expects = check_headers(headers, version)
        path, raw_path, query = split_target(self._url, method)
        check_length(length, limits.max_body_bytes)
        if length > 0 and self.edge.held_bytes + length > limits.max_in_flight_bytes:
            raise Refused(refusals.NO_ROOM)
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": headers,
            "client": self._client,
            "server": self._server,
        }
        self._in_head = False
        self._raw_bytes = self._body_bytes = 0
        self._body_since = 0.0
        self._begin(scope, length, expects=expects)

    def _begin(self, scope: dict[str, Any], length: int, *, expects: bool) -> None:
        parser = self._parser
        self._reading = cycle = Cycle(scope)
        scope["faregate.client"] = cycle
        cycle.old = scope["http_version"] == "1.0"
        cycle.is_head = scope["method"] == "HEAD"
        cycle.keep_alive = parser.should_keep_alive()
        cycle.expects = expects
        cycle.coded = length == CHUNKED
        cycle.upgrading = parser.should_upgrade()
        self._take(cycle)

    def on_body(self, piece: bytes) -> None:
        """A piece of the body, without its framing."""
        edge = self.edge
        cycle = self._reading
        assert cycle is not None
        size = len(piece)
        self._body_bytes += size
        if self._body_bytes > self._limits.max_body_bytes:
            cycle.body_limit_hit = True
            raise Refused(refusals.too_large(self._limits.max_body_bytes))
        if edge.held_bytes + size > self._limits.max_in_flight_bytes:
            raise Refused(refusals.NO_ROOM)
        edge.held_bytes += size
        cycle.add_body(piece)
        if cycle.buffered >= HIGH_WATER:
            cycle.wake()
            self._pause_reading()

    def on_message_complete(self) -> None:
        """The request is all here."""
        cycle = self._reading
        assert cycle is not None
        if not cycle.upgrading:
            cycle.complete = True
            self._reading = None
            cycle.wake()


def _from_callback(error: httptools.HttpParserCallbackError) -> Refused:
    """What a callback raised comes out wrapped."""
    cause = error.__context__
    if isinstance(cause, Refused):
        return cause
    _log.error("a request could not be read: %s", type(cause).__name__)
    return Refused(refusals.CRASHED)
