"""The edge: bytes from strangers become ASGI requests, within limits, or a refusal.

Its own protocol on httptools instead of uvicorn's: every limit applies before bytes are kept,
hang-ups and half-closes reach the application at once, and a request costs less.
"""

import asyncio
from email.utils import formatdate

from faregate.core.outbox import outbox_of
from faregate.edge.client_connection import ClientConnection
from faregate.edge.connection import EdgeProtocol
from faregate.edge.cycle import Application, Cycle
from faregate.edge.limits import EdgeLimits

__all__ = ["Application", "ClientConnection", "Edge", "EdgeLimits", "EdgeProtocol"]


class Edge:
    """What the connections of one process share: the application, the limits and the counts."""

    def __init__(self, app: Application, limits: EdgeLimits | None = None) -> None:
        self.app = app
        self.limits = limits or EdgeLimits()
        self.connections: set[EdgeProtocol] = set()
        self.running: set[Cycle] = set()
        self.idle: dict[EdgeProtocol, None] = {}
        """Connections between two requests, the one that has waited longest first."""
        self.held_bytes = 0
        self.requests = 0
        self.draining = False
        self._quiet: asyncio.Event | None = None
        self.date_line = _date_line()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sweeping: asyncio.TimerHandle | None = None
        waits = (
            self.limits.header_timeout,
            self.limits.body_timeout,
            self.limits.send_timeout,
            self.limits.idle_timeout,
            self.limits.linger_timeout,
            self.limits.drain_grace,
        )
        self._pause = min(1.0, min(waits) / 4)

    def start(self) -> None:
        """Begin to watch the clocks of connections. Call it on the running loop."""
        self._loop = asyncio.get_running_loop()
        outbox_of(self._loop).in_flight = self.running
        self._sweep()

    def connect(self) -> "EdgeProtocol":
        """A protocol for a new connection: the factory for ``loop.create_server``."""
        return EdgeProtocol(self)

    async def drain(self, timeout: float) -> bool:  # noqa: ASYNC109 - the caller goes on after it
        """No keep-alive from here on: idle connections close, busy ones after their answer.

        True once nothing is left, False when ``timeout`` seconds were not enough.
        """
        self.draining = True
        for connection in list(self.connections):
            connection.drain()
        self._quiet = asyncio.Event()
        self.note_end()
        try:
            async with asyncio.timeout(timeout):
                await self._quiet.wait()
        except TimeoutError:
            return False
        return True

    def make_room(self) -> bool:
        """Close the connection that has been idle longest; False when none is."""
        for connection in self.idle:
            connection.give_way()
            return True
        return False

    def note_end(self) -> None:
        """A request or connection ended: was it the last one?"""
        if self._quiet is not None and not self.running and not self.connections:
            self._quiet.set()

    def abandon(self) -> list[asyncio.Task[None]]:
        """Cancel what is still running; gives the tasks to wait for."""
        tasks = [cycle.task for cycle in self.running if cycle.task is not None]
        for task in tasks:
            task.cancel()
        return tasks

    def stop(self) -> None:
        """Drop every connection and stop watching clocks."""
        for connection in list(self.connections):
            connection.abort()
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None

    def _sweep(self) -> None:
        """One timer for all connections costs less than one a request."""
        assert self._loop is not None
        now = self._loop.time()
        self.date_line = _date_line()
        for connection in [one for one in self.connections if one.deadline <= now]:
            connection.late(now)
        self._sweeping = self._loop.call_later(self._pause, self._sweep)


def _date_line() -> bytes:
    return f"date: {formatdate(usegmt=True)}\r\n".encode("ascii")
