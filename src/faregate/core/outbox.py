"""What one turn of the event loop has to say to its sockets, said at the end of the turn.

A write wakes whoever reads at the other end, which costs more than the bytes do, and calls to the
system between two requests leave the processor's caches to the kernel. Many requests at once are
therefore worked on one after the other, and what came of them is written together.
"""

import contextlib
from collections.abc import Callable, Sized
from typing import Protocol
from weakref import WeakKeyDictionary, ref

FEW = 3
"""Up to so many calls in flight each write goes out at once: there is nothing to gather."""

_MOST = 32
_MOST_BYTES = 256 * 1024


class Socket(Protocol):
    """What an outbox needs of a transport of asyncio's."""

    def write(self, data: bytes, /) -> None:
        """Send, or keep what the socket does not take."""

    def is_closing(self) -> bool:
        """Whether nothing can be sent any more."""

    def abort(self) -> None:
        """Close at once."""


class Loop(Protocol):
    """What it needs of the event loop."""

    def call_soon(self, callback: Callable[[], None], /) -> object:
        """Call it in the next turn."""


class Outbox:
    """The writes of one event loop. Used by its thread alone.

    Order is kept for each socket as long as all of its writes go through here, and whoever closes a
    socket, or writes to it by another way, calls :meth:`flush` before.
    """

    __slots__ = ("_bytes", "_loop", "_waiting", "in_flight")

    def __init__(self, loop: Loop) -> None:
        self.in_flight: Sized = ()
        """The calls that are being served; set by whoever serves them."""
        self._loop = ref(loop)  # which is not to live on because of what it had to say
        self._waiting: list[tuple[Socket, bytes]] = []
        self._bytes = 0

    def write(self, socket: Socket, data: bytes) -> None:
        """Send ``data`` before the loop waits again; at once where few calls are in flight."""
        waiting = self._waiting
        if not waiting:
            if len(self.in_flight) <= FEW:
                socket.write(data)
                return
            loop = self._loop()
            assert loop is not None
            loop.call_soon(self.flush)
        waiting.append((socket, data))
        self._bytes += len(data)
        if len(waiting) >= _MOST or self._bytes >= _MOST_BYTES:
            self.flush()

    def holds(self, socket: Socket) -> bool:
        """Whether bytes for a socket wait."""
        return any(each is socket for each, _data in self._waiting)

    def flush(self) -> None:
        """Send what waits."""
        waiting = self._waiting
        if not waiting:
            return
        self._waiting = []
        self._bytes = 0
        for socket, data in waiting:
            try:
                if not socket.is_closing():
                    socket.write(data)
            except Exception:  # noqa: BLE001 - the others' bytes must go out whatever is wrong here
                with contextlib.suppress(Exception):
                    socket.abort()


_outboxes: WeakKeyDictionary[Loop, Outbox] = WeakKeyDictionary()


def outbox_of(loop: Loop) -> Outbox:
    """The outbox of an event loop: one for all that write on it."""
    found = _outboxes.get(loop)
    if found is None:
        found = _outboxes[loop] = Outbox(loop)
    return found
