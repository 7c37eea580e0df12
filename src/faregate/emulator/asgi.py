"""One HTTP exchange as the emulator needs it: read a body, write an answer, break it off."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

BODY_LIMIT = 64 * 1024 * 1024
BREAKER = "faregate.breaker"
"""The scope extension that can break a connection; the emulator's own server provides it."""


class Broken(Exception):  # noqa: N818 - a way out, no failure
    """The connection is gone; there is nothing more to write."""


class Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope.get("query_string", b"")
        self.headers: dict[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        self._breaker = (scope.get("extensions") or {}).get(BREAKER)
        self._receive = receive
        self._send = send
        self.started = False

    async def read(self) -> bytes | None:
        """The request's body; None when it is over the limit."""
        message = await self._receive()
        body = message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)
        chunks, size = [body], len(body)
        while message.get("more_body"):
            message = await self._receive()
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > BODY_LIMIT:
                return None
        return b"".join(chunks)

    async def start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Send status and headers."""
        self.started = True
        message = {"type": "http.response.start", "status": status, "headers": list(headers)}
        await self._send(message)

    async def write(self, body: bytes, *, more: bool = True) -> None:
        """Send a part of the body. Raises :class:`Broken` when the client has left."""
        if self._breaker is not None and self._breaker.gone():
            raise Broken
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def reply(
        self, status: int, body: bytes, headers: Mapping[str, str], kind: str = "application/json"
    ) -> None:
        """Send a whole answer."""
        fields = raw_headers(headers)
        fields.append((b"content-type", kind.encode("ascii")))
        fields.append((b"content-length", str(len(body)).encode("ascii")))
        await self.start(status, fields)
        await self.write(body, more=False)

    async def gone(self) -> None:
        """Return once the client has left (only after the body was read)."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def close(self) -> None:
        """Close the connection cleanly where it stands, and leave by raising :class:`Broken`."""
        await self._break(reset=False)

    async def reset(self) -> None:
        """Reset the connection (TCP RST), and leave by raising :class:`Broken`."""
        await self._break(reset=True)

    async def _break(self, *, reset: bool) -> None:
        if self._breaker is None:
            raise RuntimeError("this fault needs the emulator's own server")
        for _ in range(3):  # what was written before goes out at the end of a turn of the loop
            await asyncio.sleep(0)
        self._breaker.cut(reset=reset)
        await self.gone()
        raise Broken


def raw_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI carries them."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
