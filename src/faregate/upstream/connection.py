"""One connection: bytes out, bytes in, one timer. Knows nothing of pools.

Two economies keep it cheap. The head and a small body leave in a single write. The timer is lazy:
it is set once for the nearest deadline and, when it fires, looks at what has happened since; most
exchanges never touch it.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

from faregate.core.outbox import outbox_of
from faregate.upstream.exchange import Exchange
from faregate.upstream.limits import Timeouts
from faregate.upstream.transport_errors import (
    FirstByteTimeout,
    ReadTimeout,
    TlsFailed,
    TotalTimeout,
    TransportError,
)

_ONE_WRITE = 64 * 1024
_SLICE = 256 * 1024
_NEVER = float("inf")


class Connection(asyncio.Protocol):
    """A connection to one upstream; at most one exchange at a time."""

    __slots__ = (
        "_loop",
        "_max_buffered",
        "_outbox",
        "_reading_paused",
        "_rest",
        "_timeouts",
        "_timer",
        "_timer_at",
        "_total_at",
        "_touched",
        "_transport",
        "_write_paused",
        "closed",
        "exchange",
        "idle_since",
        "on_closed",
        "opened_at",
        "peer",
        "served",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, peer: str, max_buffered: int) -> None:
        self._loop = loop
        self._outbox = outbox_of(loop)
        self._transport: asyncio.Transport | None = None
        self._max_buffered = max_buffered
        self._timeouts = Timeouts()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = _NEVER
        self._total_at = _NEVER
        self._touched = 0.0
        self._rest: memoryview | None = None
        self._write_paused = False
        self._reading_paused = False
        self.peer = peer
        self.exchange: Exchange | None = None
        self.closed = False
        self.served = 0
        self.opened_at = 0.0
        self.idle_since = 0.0
        self.on_closed: Callable[[Connection], None] | None = None

    def begin(
        self,
        exchange: Exchange,
        head: bytes,
        body: bytes,
        timeouts: Timeouts,
        total_at: float,
    ) -> None:
        """Send a request; its answer goes to ``exchange``. Never waits and never raises."""
        self.served += 1
        now = self._loop.time()
        exchange.started = self._touched = now
        transport = self._transport
        if self.closed or transport is None or transport.is_closing():
            exchange.lost("the connection closed", clean=False)
            return
        self.exchange = exchange
        exchange.sent = True
        self._timeouts = timeouts
        self._total_at = total_at
        self._watch(min(now + timeouts.first_byte, total_at))
        if len(body) <= _ONE_WRITE:
            self._outbox.write(transport, head + body if body else head)
        else:
            self._outbox.flush()
            transport.write(head + body[:_ONE_WRITE])
            self._rest = memoryview(body)[_ONE_WRITE:]
            self._pump()

    def end(self) -> bool:
        """Detach the exchange. True if the connection may carry another one."""
        exchange = self.exchange
        self.exchange = None
        transport = self._transport
        return (
            exchange is not None
            and exchange.complete
            and exchange.keep_alive
            and not self.closed
            and self._rest is None
            and not self._reading_paused
            and transport is not None
            and not transport.is_closing()
            and transport.get_write_buffer_size() == 0
            and not self._outbox.holds(transport)  # an answer to what was not asked yet
        )

    def resume(self) -> None:
        """The reader has taken what was buffered: read on."""
        if self._reading_paused:
            self._reading_paused = False
            self._touched = self._loop.time()
            transport = self._transport
            if transport is not None and not transport.is_closing():
                transport.resume_reading()

    def abort(self) -> None:
        """Close at once, without a word to the other side."""
        self.closed = True
        self._rest = None
        self._stop_timer()
        if self._transport is not None:
            try:
                self._transport.abort()
            except RuntimeError:
                if not self._loop.is_closed():
                    raise
                # Whoever lets go of a call after its loop was closed has nobody left to tell.

    def abandon(self, release: Callable[["Connection"], None]) -> None:
        """Abort from a finaliser, which may run in any thread and after the loop has closed."""
        self.closed = True
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._abandoned, release)

    # Called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            self.abort()  # nobody asked: whatever this is, it must not answer the next request
            return
        had_head = exchange.head_done
        exchange.feed(data)
        if exchange.complete:
            exchange.wake()
        elif exchange.error is not None:
            self._fail(exchange, exchange.error)
        elif exchange.head_done:
            self._touched = self._loop.time()
            if not had_head:
                self._watch(self._touched + self._timeouts.between)
            full = exchange.buffered > self._max_buffered
            if full and not self._reading_paused and self._transport is not None:
                self._reading_paused = True
                self._transport.pause_reading()
            if full or not exchange.collect:
                exchange.wake()

    def eof_received(self) -> bool:
        self._gone(None)
        if self._transport is not None:
            self._transport.abort()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone(exc)
        self._transport = None
        if self.on_closed is not None:
            self.on_closed(self)

    def pause_writing(self) -> None:
        self._write_paused = True

    def resume_writing(self) -> None:
        self._write_paused = False
        if self._rest is not None:
            self._pump()

    # Inside

    def _abandoned(self, release: Callable[["Connection"], None]) -> None:
        self.abort()
        release(self)

    def _pump(self) -> None:
        """Write the rest of a large body for as long as the socket takes it."""
        transport = self._transport
        while self._rest is not None and not self._write_paused and transport is not None:
            piece = self._rest[:_SLICE]
            self._rest = self._rest[_SLICE:] if len(self._rest) > _SLICE else None
            transport.write(piece)

    def _gone(self, exc: Exception | None) -> None:
        already = self.closed
        self.closed = True
        self._rest = None
        self._stop_timer()
        exchange = self.exchange
        if exchange is None:
            return
        if isinstance(exc, ssl.SSLError) and not exchange.received:
            # With TLS 1.3 the server judges our certificate after we have begun to send.
            exchange.fail(TlsFailed(f"{self.peer}: TLS: {exc.reason or 'failed'}", exchange.sent))
        elif exc is None:
            why = "we closed the connection" if already else "the connection was closed"
            exchange.lost(why, clean=not already)
        else:
            exchange.lost("the connection was reset", clean=False)
        exchange.wake()

    def _fail(self, exchange: Exchange, error: TransportError) -> None:
        exchange.fail(error)
        self.abort()
        exchange.wake()

    def _watch(self, deadline: float) -> None:
        if self._timer_at > deadline:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = deadline
            self._timer = self._loop.call_at(deadline, self._look)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._timer_at = _NEVER

    def _look(self) -> None:
        """The timer fired: is a deadline really over, or has something happened since?"""
        self._timer = None
        self._timer_at = _NEVER
        exchange = self.exchange
        if exchange is None or exchange.complete or exchange.error is not None:
            return
        now = self._loop.time()
        timeouts = self._timeouts
        peer = self.peer
        error: TransportError
        if not exchange.head_done:
            phase_at = exchange.started + timeouts.first_byte
            error = FirstByteTimeout(
                f"{peer}: no answer within {timeouts.first_byte:g} s", exchange.sent
            )
        else:
            silent_since = now if self._reading_paused else self._touched
            phase_at = silent_since + timeouts.between
            error = ReadTimeout(
                f"{peer}: silent for {timeouts.between:g} s within the body", exchange.sent
            )
        if self._total_at <= now:
            phase_at = now
            error = TotalTimeout(
                f"{peer}: not finished within {timeouts.total or 0:g} s", exchange.sent
            )
        if phase_at <= now:
            self._fail(exchange, error)
        else:
            self._watch(min(phase_at, self._total_at))
