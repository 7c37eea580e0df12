"""Connections kept for reuse, and who gets one next.

A lane is one origin. Its slots are bounded; a slot is an idle, a busy or an opening connection.
Idle connections are taken last in, first out, so the spare ones age out. When there is no slot,
callers queue, and whatever becomes free goes to the one who has waited longest.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from msgspec import Struct

from faregate.upstream.connection import Connection
from faregate.upstream.deadline import Deadline
from faregate.upstream.limits import Limits
from faregate.upstream.proxies import Proxy
from faregate.upstream.request_head import Origin
from faregate.upstream.transport_errors import ConnectTimeout, PoolExhausted

Clock = Callable[[], float]
Open = Callable[["Lane"], Awaitable[Connection]]


class PoolStats(Struct, frozen=True):
    """Connections now: ``open`` is ``idle`` plus ``in_use``; ``waiting`` callers are queued."""

    open: int
    idle: int
    in_use: int
    waiting: int


class Lane:
    """The connections to one origin."""

    __slots__ = (
        "absolute",
        "busy",
        "idle",
        "origin",
        "peer",
        "proxy",
        "proxy_line",
        "slots",
        "waiters",
    )

    def __init__(self, origin: Origin, proxy: Proxy | None) -> None:
        self.origin = origin
        self.peer = origin.peer
        self.proxy = proxy
        self.absolute = proxy is not None and origin.scheme == "http"
        """Plain http goes to the proxy itself, in absolute form; https through a tunnel."""
        secret = proxy.authorization if proxy is not None and self.absolute else ""
        self.proxy_line = f"Proxy-Authorization: {secret}\r\n" if secret else ""
        self.idle: list[Connection] = []
        self.busy: set[Connection] = set()
        self.slots = 0
        self.waiters: deque[asyncio.Future[Connection | None]] = deque()


class Pool:
    """All lanes of a transport. Belongs to one event loop."""

    def __init__(self, limits: Limits, clock: Clock, opener: Open) -> None:
        self._limits = limits
        self._clock = clock
        self._open = opener
        self._lanes: dict[Origin, Lane] = {}
        self._lane_of: dict[Connection, Lane] = {}
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def stats(self) -> PoolStats:
        """A count, taken now."""
        lanes = self._lanes.values()
        idle = sum(len(lane.idle) for lane in lanes)
        busy = sum(len(lane.busy) for lane in lanes)
        return PoolStats(idle + busy, idle, busy, sum(len(lane.waiters) for lane in lanes))

    def lane(self, origin: Origin) -> Lane | None:
        """The lane of an origin, if there is one."""
        return self._lanes.get(origin)

    def add_lane(self, origin: Origin, proxy: Proxy | None) -> Lane:
        """A new lane for an origin that has none."""
        lane = self._lanes[origin] = Lane(origin, proxy)
        return lane

    def take_idle(self, lane: Lane) -> Connection | None:
        """The idle connection used last, if one is fit for use."""
        idle = lane.idle
        while idle:
            connection = idle.pop()
            if connection.closed or self._is_old(connection, self._clock()):
                self._drop(lane, connection)
            else:
                lane.busy.add(connection)
                return connection
        return None

    async def acquire(self, lane: Lane, seconds: float) -> Connection:
        """A connection to use, at the latest after ``seconds``.

        Raises ConnectFailed and its kin, ConnectTimeout or PoolExhausted.
        """
        queued = False
        try:
            with Deadline(seconds):
                connection = self.take_idle(lane)
                if connection is not None:
                    return connection
                if lane.slots < self._limits.max_connections_per_host:
                    lane.slots += 1
                    self._lanes[lane.origin] = lane  # it may have emptied, and been let go, since
                else:
                    queued = True
                    connection = await self._queue(lane)
                    queued = False
                    if connection is not None:
                        return connection
                return await self._fill_slot(lane)
        except TimeoutError:
            if queued:
                most = self._limits.max_connections_per_host
                raise PoolExhausted(
                    f"{lane.peer}: all {most} connections were busy for {seconds:g} s"
                ) from None
            raise ConnectTimeout(f"{lane.peer}: no connection within {seconds:g} s") from None

    async def replace(self, lane: Lane, dead: Connection, seconds: float) -> Connection:
        """A fresh connection in the slot of a dead one, ahead of the queue."""
        lane.busy.discard(dead)
        self._lane_of.pop(dead, None)
        dead.abort()
        try:
            with Deadline(seconds):
                return await self._fill_slot(lane)
        except TimeoutError:
            raise ConnectTimeout(f"{lane.peer}: no connection within {seconds:g} s") from None

    def release(self, connection: Connection) -> None:
        """Take a connection back: keep it if it may be used again, else close it."""
        reusable = connection.end()
        lane = self._lane_of.get(connection)
        if lane is None or connection not in lane.busy:
            connection.abort()
            return
        lane.busy.discard(connection)
        now = self._clock()
        if not reusable or now - connection.opened_at > self._limits.max_age_seconds:
            self._drop(lane, connection)
            return
        while lane.waiters:
            waiter = lane.waiters.popleft()
            if not waiter.done():
                lane.busy.add(connection)
                waiter.set_result(connection)
                return
        connection.idle_since = now
        lane.idle.append(connection)
        if len(lane.idle) > self._limits.max_idle_per_host:
            self._drop(lane, lane.idle.pop(0))
        if self._sweeper is None:
            self._schedule_sweep()

    def sweep(self) -> None:
        """Close idle connections whose time is over."""
        now = self._clock()
        for lane in list(self._lanes.values()):
            old = [connection for connection in lane.idle if self._is_old(connection, now)]
            for connection in old:
                lane.idle.remove(connection)
                self._drop(lane, connection)

    def close(self) -> None:
        """Abort every connection. Exchanges under way end with ConnectionLost."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connection in list(self._lane_of):
            connection.abort()

    # Inside

    async def _queue(self, lane: Lane) -> Connection | None:
        """Wait for a turn: a connection, or None for a slot to open one in."""
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        lane.waiters.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                given = waiter.result()
                if given is None:
                    self._slot_free(lane)
                else:
                    self._hand_on(lane, given)
            else:
                lane.waiters.remove(waiter)
            raise

    def _hand_on(self, lane: Lane, connection: Connection) -> None:
        """A connection given to somebody who left: to the next one, or back among the idle."""
        lane.busy.discard(connection)
        if connection.closed:
            self._drop(lane, connection)
            return
        while lane.waiters:
            waiter = lane.waiters.popleft()
            if not waiter.done():
                lane.busy.add(connection)
                waiter.set_result(connection)
                return
        connection.idle_since = self._clock()
        lane.idle.append(connection)

    async def _fill_slot(self, lane: Lane) -> Connection:
        try:
            connection = await self._open(lane)
        except BaseException:
            self._slot_free(lane)
            raise
        connection.opened_at = self._clock()
        connection.on_closed = self._closed
        self._lane_of[connection] = lane
        lane.busy.add(connection)
        return connection

    def _closed(self, connection: Connection) -> None:
        """A connection has gone by itself; a busy one is dropped by whoever uses it."""
        lane = self._lane_of.get(connection)
        if lane is not None and connection in lane.idle:
            lane.idle.remove(connection)
            self._drop(lane, connection)

    def _drop(self, lane: Lane, connection: Connection) -> None:
        self._lane_of.pop(connection, None)
        connection.abort()
        self._slot_free(lane)

    def _slot_free(self, lane: Lane) -> None:
        while lane.waiters:
            waiter = lane.waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        lane.slots -= 1
        if lane.slots == 0 and self._lanes.get(lane.origin) is lane:
            del self._lanes[lane.origin]

    def _is_old(self, connection: Connection, now: float) -> bool:
        limits = self._limits
        return (
            now - connection.idle_since > limits.idle_seconds
            or now - connection.opened_at > limits.max_age_seconds
        )

    def _schedule_sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweeper = loop.call_later(max(self._limits.idle_seconds / 2, 0.05), self._tick)

    def _tick(self) -> None:
        self._sweeper = None
        self.sweep()
        if any(lane.idle for lane in self._lanes.values()):
            self._schedule_sweep()
