"""HTTP/1.1 to upstreams: send and stream.

    transport = Transport()
    answer = await transport.send(HttpRequest("POST", url, headers, body))
    async with await transport.stream(request) as stream:
        async for piece in stream: ...

A transport belongs to the event loop it is first used on, and closes its connections when that
loop shuts down its asynchronous generators (as ``asyncio.run`` does), or on ``aclose``.
"""

import asyncio
import os
import ssl
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Any
from weakref import WeakKeyDictionary

from faregate.types import HttpRequest
from faregate.upstream.answers import Answer, AnswerStream, undecodable
from faregate.upstream.connection import Connection
from faregate.upstream.decoding import Broken, Decoder, decoder_for
from faregate.upstream.dial import dial
from faregate.upstream.exchange import Exchange
from faregate.upstream.limits import Limits, Timeouts
from faregate.upstream.pool import Lane, Pool, PoolStats
from faregate.upstream.proxies import Proxies
from faregate.upstream.request_head import render_head, split_url
from faregate.upstream.tls import TlsOptions, build_context
from faregate.upstream.transport_errors import ConnectionLost, ConnectTimeout, TotalTimeout

__all__ = [
    "Answer",
    "AnswerStream",
    "Limits",
    "Proxies",
    "Timeouts",
    "TlsOptions",
    "Transport",
    "shared",
]

_STALE_SECONDS = 5.0
"""An idle connection that its peer had closed shows within a round trip. One that dies later died
with our request in hand, and sending that again could be billed twice."""
_DEFAULT = Timeouts()
_NEVER = float("inf")


class Transport:
    """Connections to upstreams, pooled. One for each event loop is enough.

    ``clock`` (seconds, monotonic) decides the age of pooled connections; timeouts always follow
    the loop's own clock.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        tls: TlsOptions | None = None,
        proxies: Proxies | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._tls = tls or TlsOptions()
        self._proxies = proxies or Proxies()
        self._clock = clock
        self._context: ssl.SSLContext | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pool: Pool | None = None
        self._closer: AsyncGenerator[None, None] | None = None
        self._closed = False

    @property
    def stats(self) -> PoolStats:
        """Connections open, idle and in use, and callers waiting for one."""
        return self._pool.stats if self._pool is not None else PoolStats(0, 0, 0, 0)

    async def send(
        self,
        request: HttpRequest,
        timeouts: Timeouts = _DEFAULT,
        on_sent: Callable[[], None] | None = None,
    ) -> Answer:
        """Send a request and return the whole answer, decoded.

        ``on_sent`` is called once the request is on its way: from then on it may be billed.

        Raises ValueError for a request that must not be sent, and a TransportError (see
        ``transport_errors``) when no usable answer came back. An HTTP error status is an answer.
        """
        limit = self.limits.max_body_bytes
        pool, connection, exchange = await self._exchange(request, timeouts, limit, on_sent)
        headers = exchange.headers
        if exchange.complete and "content-encoding" not in headers:
            body = exchange.take()
            pool.release(connection)
            return Answer(exchange.status, headers, body)
        async with self._stream(pool, connection, exchange) as stream:
            return Answer(stream.status, stream.headers, await stream.read(limit))

    async def stream(
        self,
        request: HttpRequest,
        timeouts: Timeouts = _DEFAULT,
        on_sent: Callable[[], None] | None = None,
    ) -> AnswerStream:
        """Send a request and return once the head of its answer is here. As ``send`` otherwise."""
        return self._stream(*await self._exchange(request, timeouts, None, on_sent))

    async def aclose(self) -> None:
        """Close every connection at once; the transport cannot be used again."""
        self._closed = True
        closer, self._closer = self._closer, None
        if closer is not None and self._loop is asyncio.get_running_loop():
            await closer.aclose()

    # Inside

    async def _exchange(
        self,
        request: HttpRequest,
        timeouts: Timeouts,
        max_body: int | None,
        on_sent: Callable[[], None] | None = None,
    ) -> tuple[Pool, Connection, Exchange]:
        """Send a request on an idle or a new connection, until there is something to read."""
        address = split_url(request.url)
        loop = asyncio.get_running_loop()
        pool = self._pool
        if pool is None or loop is not self._loop or self._closed:
            pool = await self._attach(loop)
        origin = address.origin
        lane = pool.lane(origin) or pool.add_lane(origin, self._proxies.proxy_for(origin))
        body = request.body
        head = render_head(
            request.method,
            address,
            request.headers,
            len(body),
            absolute=lane.absolute,
            proxy_line=lane.proxy_line,
        )
        total_at = _NEVER if timeouts.total is None else loop.time() + timeouts.total
        connection = pool.take_idle(lane)
        if connection is None:
            connection = await self._acquire(pool, lane, timeouts, total_at, None)
        while True:
            is_head = request.method == "HEAD"
            exchange = Exchange(loop, self.limits, lane.peer, is_head=is_head, max_body=max_body)
            reused = connection.served > 0
            try:
                connection.begin(exchange, head, body, timeouts, total_at)
                if on_sent is not None:
                    on_sent()
                while not (exchange.head_done or exchange.error):
                    await exchange.wait()
            except BaseException:
                connection.abort()
                pool.release(connection)
                raise
            error = exchange.error
            if error is None or (exchange.head_done and max_body is None):
                return pool, connection, exchange
            if not reused or not _was_stale(exchange, loop):
                pool.release(connection)
                raise error
            connection = await self._acquire(pool, lane, timeouts, total_at, connection)

    async def _acquire(
        self,
        pool: Pool,
        lane: Lane,
        timeouts: Timeouts,
        total_at: float,
        dead: Connection | None,
    ) -> Connection:
        """A connection other than an idle one, within the connect and the total timeout."""
        seconds = timeouts.connect
        left = _NEVER
        if timeouts.total is not None:
            left = total_at - asyncio.get_running_loop().time()
        try:
            if dead is not None:
                return await pool.replace(lane, dead, min(seconds, left))
            return await pool.acquire(lane, min(seconds, left))
        except ConnectTimeout:
            if left < seconds:
                raise TotalTimeout(
                    f"{lane.peer}: not connected within the total of {timeouts.total:g} s"
                ) from None
            raise

    def _stream(self, pool: Pool, connection: Connection, exchange: Exchange) -> AnswerStream:
        exchange.collect = False
        decoder: Decoder | None = None
        headers = exchange.headers
        coding = headers.get("content-encoding")
        if coding is not None:
            try:
                decoder = decoder_for(coding)
            except Broken as problem:
                connection.abort()
                pool.release(connection)
                raise undecodable(exchange.peer, problem) from None
            if decoder is not None:
                del headers["content-encoding"]
                headers.pop("content-length", None)
        return AnswerStream(connection, exchange, decoder, pool.release)

    async def _open(self, lane: Lane) -> Connection:
        loop = asyncio.get_running_loop()
        context = self._ssl_context() if lane.origin.scheme == "https" else None
        most = self.limits.max_buffered

        def factory() -> Connection:
            return Connection(loop, lane.peer, most)

        return await dial(factory, lane.origin, lane.proxy, context)

    def _ssl_context(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = build_context(self._tls)
        return self._context

    async def _attach(self, loop: asyncio.AbstractEventLoop) -> Pool:
        """Belong to the running loop from now on."""
        if self._closed:
            raise RuntimeError("the transport is closed")
        old = self._loop
        if old is not None and old is not loop and not old.is_closed() and self._closer is not None:
            raise RuntimeError("the transport belongs to another event loop")
        pool = Pool(self.limits, self._clock or loop.time, self._open)
        self._loop, self._pool = loop, pool
        self._closer = closer = self._closing(pool)
        await anext(closer)
        return pool

    async def _closing(self, pool: Pool) -> AsyncGenerator[None, None]:
        """Suspended for as long as the loop lives.

        A loop that shuts down closes the asynchronous generators begun on it, and so this one:
        the only notice asyncio gives to those who hold sockets.
        """
        try:
            yield
        finally:
            if self._pool is pool:
                self._loop = self._pool = self._closer = None
            pool.close()
            for _ in range(3):  # aborted sockets are closed by callbacks of the next rounds
                await asyncio.sleep(0)


def _was_stale(exchange: Exchange, loop: asyncio.AbstractEventLoop) -> bool:
    """Whether a kept-alive connection had been closed by its peer before our request arrived."""
    return (
        isinstance(exchange.error, ConnectionLost)
        and not exchange.received
        and loop.time() - exchange.started < _STALE_SECONDS
    )


_Shared = WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[tuple[str, Any], ...], Transport]]
_shared: _Shared = WeakKeyDictionary()
_shared_pid = 0
_shared_lock = threading.Lock()


def shared(**options: Any) -> Transport:
    """The transport of the running loop for these options (those of ``Transport``).

    One for each loop, so that every caller uses the same connections; after a fork the child
    starts anew and never touches its parent's sockets. Raises RuntimeError outside of a loop.
    """
    loop = asyncio.get_running_loop()
    key = tuple(sorted(options.items()))
    global _shared, _shared_pid
    with _shared_lock:
        if _shared_pid != os.getpid():
            _shared, _shared_pid = WeakKeyDictionary(), os.getpid()
        transports = _shared.get(loop)
        if transports is None:
            for old in [one for one in _shared if one.is_closed()]:
                del _shared[old]
            transports = _shared[loop] = {}
        transport = transports.get(key)
        if transport is None:
            transport = transports[key] = Transport(**options)
        return transport
