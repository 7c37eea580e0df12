"""One ASGI exchange: read a body with a cap, write a reply, write a stream, notice a hang-up."""

import functools
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

import msgspec

from faregate.edge.client_connection import ClientConnection
from faregate.errors import APIError

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

JSON: Header = (b"content-type", b"application/json")
EVENTS: tuple[Header, ...] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
)

_encode = msgspec.json.Encoder().encode


class ClientGoneError(Exception):
    """The client left before its request was read."""


MOST_COPIED = 1024 * 1024
"""Bytes of a streamed answer that are kept where answers are kept."""


class Exchange:
    """One request and its reply. Every fact of it is listed here."""

    __slots__ = (
        "began",
        "client",
        "copy",
        "headers",
        "method",
        "path",
        "receive",
        "scope",
        "send",
        "started",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        found = scope.get("faregate.client")
        self.client: ClientConnection = found if found is not None else ClientConnection()
        self.began = time.perf_counter()
        """For durations."""
        self.started = False
        """Whether the head of the reply has gone out; after that no other reply is possible."""
        self.copy: bytearray | None = None
        """What was sent, for those who keep answers; None: nobody does."""

    def header(self, name: bytes) -> str:
        """A request header, empty when absent."""
        found = self.headers.get(name)
        return found.decode("latin-1") if found else ""

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises :class:`APIError` (413) past the limit, ``ClientGoneError``."""
        message = await self.receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            if len(body) > limit:
                self._check(len(body), limit)
            return body
        parts = [body]
        size = len(body)
        while message.get("more_body", False):
            self._check(size, limit)
            message = await self.receive()
            if message["type"] != "http.request":
                raise ClientGoneError
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        self._check(size, limit)
        return b"".join(parts)

    @staticmethod
    def _check(size: int, limit: int) -> None:
        if size > limit:
            raise APIError(
                f"the request body is larger than {limit:,} bytes",
                status_code=413,
                code="request_too_large",
                type="invalid_request_error",
            )

    async def reply(self, status: int, headers: Iterable[Header], body: bytes) -> None:
        """A whole reply. To a HEAD request only its head goes out."""
        self.started = True
        sent = [*headers, (b"content-length", b"%d" % len(body))]
        await self.send({"type": "http.response.start", "status": status, "headers": sent})
        if self.method == "HEAD":
            body = b""
        if self.copy is not None:
            self.copy += body
        await self.send({"type": "http.response.body", "body": body})

    async def reply_json(self, status: int, value: Any, headers: Iterable[Header] = ()) -> None:
        """A whole reply with a JSON body."""
        await self.reply(status, (JSON, *headers), _encode(value))

    async def begin(self, headers: Iterable[Header]) -> None:
        """The head of a streamed reply."""
        self.started = True
        await self.send({"type": "http.response.start", "status": 200, "headers": list(headers)})

    async def write(self, data: bytes) -> None:
        """One piece of a streamed reply; waits while the client is slow."""
        if self.copy is not None:
            self._keep(data)
        await self.send({"type": "http.response.body", "body": data, "more_body": True})

    def pass_on(self, data: bytes) -> bool:
        """The same at once, where that can be done: False says that :meth:`write` has to."""
        if not self.client.pass_on(data):
            return False
        if self.copy is not None:
            self._keep(data)
        return True

    def _keep(self, data: bytes) -> None:
        if self.copy is not None and len(self.copy) < MOST_COPIED:
            self.copy += data

    async def end(self) -> None:
        """The end of a streamed reply."""
        await self.send({"type": "http.response.body", "body": b""})


@functools.lru_cache(maxsize=1024)
def header_text(text: str) -> bytes:
    """Text from outside as a header's value: one line of printable ASCII, bounded."""
    if text.isascii() and text.isprintable() and len(text) <= 256:
        return text.encode()
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text[:256]).encode()


def error_fields(error: APIError) -> dict[str, Any]:
    """OpenAI's error object."""
    found: dict[str, Any] = {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
    }
    filtered = getattr(error, "content_filter_result", None)
    if filtered:
        found["innererror"] = {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": filtered,
        }
    return {"error": found}


def error_event(error: APIError) -> bytes:
    """The error as one event of a stream that has begun."""
    return b"data: %s\n\n" % _encode(error_fields(error))
