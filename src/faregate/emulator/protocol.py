"""uvicorn's HTTP protocol, with a handle on the connection so that an answer can break it."""

import asyncio
import os
import socket
import struct

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from faregate.emulator.asgi import BREAKER

_LINGER_NOT = struct.pack("ii", 1, 0)


class Breaker:
    """Breaks one connection."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def gone(self) -> bool:
        """Whether the connection is closed or closing."""
        return self._transport.is_closing()

    def cut(self, *, reset: bool) -> None:
        """Close the connection: cleanly after what is written, or at once with a TCP reset."""
        if not reset:
            self._transport.close()
            return
        found = self._transport.get_extra_info("socket")
        # The loop's socket object may refuse options; a duplicate is the same socket underneath.
        with socket.socket(fileno=os.dup(found.fileno())) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self._transport.abort()


class BreakableProtocol(HttpToolsProtocol):
    """Puts a :class:`Breaker` into every scope."""

    def on_message_begin(self) -> None:
        """Start a request."""
        super().on_message_begin()
        self.scope["extensions"] = {BREAKER: Breaker(self.transport)}  # type: ignore[dict-item]
