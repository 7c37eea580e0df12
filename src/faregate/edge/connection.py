"""One client's connection: requests in turn, answers in order, time limits, and its end."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, cast

from faregate.core.outbox import outbox_of
from faregate.edge import refusals
from faregate.edge.cycle import Cycle, refuse_late
from faregate.edge.reader import RequestReader
from faregate.edge.refusals import Refusal, Refused
from faregate.edge.unsent import unsent

if TYPE_CHECKING:
    from faregate.edge.edge import Edge

_NEVER = float("inf")


class EdgeProtocol(RequestReader, asyncio.Protocol):
    """One connection, from its first byte to its end."""

    def __init__(self, edge: "Edge") -> None:
        super().__init__(edge)
        self.deadline = _NEVER
        """When :meth:`late` is due, on the loop's clock."""
        self.write_paused = False
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._outbox = outbox_of(self.loop)
        self._writable: asyncio.Future[None] | None = None
        self._unsent = 0
        self._current: Cycle | None = None
        """The request being answered, or whose body is awaited for that."""
        self._waiting: deque[Cycle] = deque()
        """Requests behind it that came in the same read."""
        self._ahead: list[bytes] = []
        """Bytes that came later still; nothing is parsed, or read, until the answer is out."""
        self._read_paused = False
        self._deaf = False
        """Nothing that still comes in counts."""
        self._eof = False
        self._fresh = True
        """Not a byte came in so far."""

    @property
    def closing(self) -> bool:
        """Whether the connection ends after what is being answered."""
        return not self._waiting and (self._deaf or self._eof or self.edge.draining)

    # -- the connection ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or refuse it when there are too many."""
        edge = self.edge
        self._transport = cast("asyncio.Transport", transport)
        self._client = _address(transport.get_extra_info("peername"))
        self._server = _address(transport.get_extra_info("sockname"))
        count = len(edge.connections)
        edge.connections.add(self)
        if count >= self._limits.max_connections and not edge.make_room():
            if count >= self._limits.max_connections + 256:
                self.abort()
            else:
                self._refuse(refusals.FULL)
            return
        self.deadline = self.loop.time() + (
            self._limits.drain_grace if edge.draining else self._limits.header_timeout
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: tell whoever works for it."""
        del exc
        self.edge.connections.discard(self)
        self.edge.idle.pop(self, None)
        self._deaf = True
        self.deadline = _NEVER
        self._parser = None
        self._ahead.clear()
        current, self._current, self._reading = self._current, None, None
        while self._waiting:
            self.release(self._waiting.pop())
        if current is not None:
            current.lose()
            if current.task is None:
                self.release(current)
        self.wake_writer()
        self.edge.note_end()

    def eof_received(self) -> bool:
        """The client's FIN. True keeps our side open for the answer it may still read."""
        self._outbox.flush()  # without True the loop closes the connection, and knows of no outbox
        self._eof = True
        if self._deaf:
            return False
        reading = self._reading
        if self._in_head or (reading is not None and not reading.complete):
            self._refuse(refusals.TRUNCATED)
            return not self._transport.is_closing()
        current = self._current
        if current is None:
            return False
        current.half_close()
        for waiting in self._waiting:
            waiting.half_close()
        return True

    def drain(self) -> None:
        """The server is stopping: close unless a request is being answered or has begun."""
        if self._current is None and not self._in_head and not self._deaf:
            if not self._fresh:
                self._close()
            else:  # just accepted: its request may be on the way
                self.deadline = min(self.deadline, self.loop.time() + self._limits.drain_grace)

    def give_way(self) -> None:
        """Close an idle connection, for a client that has none."""
        self._close()

    def abort(self) -> None:
        """Drop the connection and whatever is buffered."""
        self.edge.idle.pop(self, None)
        self._deaf = True
        self._outbox.flush()
        self._transport.abort()

    def late(self, now: float) -> None:
        """The deadline has passed: what it was for depends on where the connection is."""
        self.deadline = _NEVER
        current = self._current
        if self._deaf and (current is None or self._transport.is_closing()):
            self.abort()
        elif self.write_paused:
            self._judge_writing(now)
        elif self._in_head:
            self._refuse(refusals.SLOW_HEAD)
        elif current is not None and not current.complete:
            self._refuse(refusals.SLOW_BODY)
        elif current is None:
            self._close()

    def _judge_writing(self, now: float) -> None:
        left = unsent(self._transport)
        if left < self._unsent:
            self._unsent = left
            self.deadline = now + self._limits.send_timeout
        else:
            self.abort()

    # -- reading ----------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Bytes of a request, or, while one is answered, of those after it."""
        if self._deaf:
            return
        current = self._current
        if current is not None and current.complete:
            self._ahead.append(data)
            self._pause_reading()
            return
        self._feed(data)

    def _feed(self, data: bytes) -> None:
        self._fresh = False
        self.edge.idle.pop(self, None)
        try:
            self.parse(data)
        except Refused as refused:
            self._refuse(refused.refusal)
        current = self._current
        if current is not None and current.task is None:
            self._start(current)
        self._set_deadline()

    def _take(self, cycle: Cycle) -> None:
        cycle.protocol = self
        if self._current is None:
            self._current = cycle
        elif len(self._waiting) < self._limits.max_pipelined:
            self._waiting.append(cycle)
        else:
            raise Refused(refusals.NO_ROOM)  # said to nobody: earlier answers end it

    def want_body(self) -> None:
        """The application waits for more of the body: read on, and time the client again."""
        current = self._current
        if self._read_paused and current is not None and not current.complete:
            self._resume_reading()
            self._body_since = 0.0
            self._set_deadline()

    def _pause_reading(self) -> None:
        if not self._read_paused:
            self._read_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._read_paused and not self._transport.is_closing():
            self._read_paused = False
            self._transport.resume_reading()

    def _set_deadline(self) -> None:
        """What the client owes next, and by when."""
        if self.write_paused or self._transport.is_closing():
            return
        current = self._current
        if current is not None:
            self.deadline = _NEVER
            if not (current.complete or self._read_paused or self._deaf):
                self._time_body()
        elif self._in_head:
            self.deadline = self._head_deadline
        elif not self._deaf:
            self.edge.idle[self] = None
            self.deadline = self.loop.time() + self._limits.idle_timeout

    def _time_body(self) -> None:
        now = self.loop.time()
        limits = self._limits
        if not self._body_since:
            self._body_since = now
            self._rate_from = self._body_bytes
        elapsed = now - self._body_since
        self.deadline = now + limits.body_timeout
        arrived = self._body_bytes - self._rate_from
        if elapsed > limits.body_timeout and arrived < elapsed * limits.min_body_rate:
            self._refuse(refusals.SLOW_BODY)

    # -- answering --------------------------------------------------------------------------

    def _start(self, cycle: Cycle) -> None:
        self.edge.running.add(cycle)
        cycle.task = self.loop.create_task(cycle.run(self.edge.app))

    def release(self, cycle: Cycle) -> None:
        """The application is done with the request: its body no longer counts."""
        self.edge.running.discard(cycle)
        self.edge.held_bytes -= cycle.held
        cycle.held = 0
        cycle.forget()
        if self.edge.draining:
            self.edge.note_end()

    def write(self, data: bytes) -> None:
        """Bytes to the client; nothing once the connection is closing."""
        if data and not self._transport.is_closing():
            self._outbox.write(self._transport, data)

    def write_all(self, parts: list[bytes]) -> None:
        """Bytes in parts, without joining them first."""
        if not self._transport.is_closing():
            self._outbox.flush()
            self._transport.writelines(parts)

    def answered(self, cycle: Cycle) -> None:
        """The answer is out: close, go on with what waits, or be idle."""
        self.edge.requests += 1
        self._current = None
        if not cycle.keep_alive or self.closing:
            self._close(linger=not cycle.complete or self._deaf or bool(self._ahead))
            return
        if self._waiting:
            self._current = self._waiting.popleft()
            self._start(self._current)
        if self._current is None or not self._current.complete:
            self._read_ahead()
        self._set_deadline()

    def _read_ahead(self) -> None:
        """Parse what came in while an answer was under way."""
        self._resume_reading()
        if self._ahead and not self._deaf:
            data = b"".join(self._ahead)
            self._ahead.clear()
            self._feed(data)

    def cut(self, cycle: Cycle, refusal: Refusal) -> None:
        """The application gave up on an answer: say so if nothing of it went out, and close."""
        if cycle.finished:
            return
        self._say_instead(cycle, refusal)
        cycle.finished = True
        cycle.wake()

    def _refuse(self, refusal: Refusal) -> None:
        """No more is read from this connection. What was asked before is still answered."""
        if self._deaf:
            return
        self._deaf = True
        self._in_head = False
        current = self._current
        if self._waiting and not self._waiting[-1].complete:
            self.release(self._waiting.pop())
        if current is not None and current.complete:
            # An answer to what may have been smuggled would confuse whoever shares the connection.
            return
        if current is None:
            self.write(refusal.render(self.edge.date_line))
            self._close(linger=True)
            return
        self._say_instead(current, refusal)
        current.lose()
        if current.task is None:
            self.release(current)

    def _say_instead(self, cycle: Cycle, refusal: Refusal) -> None:
        """The refusal in place of the answer, or, once that has begun, a visible end of it."""
        said = refuse_late(cycle, refusal, self.edge.date_line)
        self.write(said)
        if said or cycle.ends_visibly:
            self._close(linger=True)
        else:
            self.abort()

    def _close(self, *, linger: bool = False) -> None:
        """End the connection once what was written is out.

        Lingering reads and drops what still comes in: closing with bytes unread resets the
        connection, and the client would never see the answer.
        """
        self.edge.idle.pop(self, None)
        self._deaf = True
        self._current = None
        self._ahead.clear()
        while self._waiting:
            self.release(self._waiting.pop())
        if self._transport.is_closing():
            return
        self._outbox.flush()
        if linger and not self._eof and self._transport.can_write_eof():
            self._transport.write_eof()
            self._resume_reading()
            self.deadline = self.loop.time() + self._limits.linger_timeout
        else:
            self._transport.close()
            self.deadline = self.loop.time() + self._limits.send_timeout

    # -- writing ----------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """The client does not keep up."""
        self.write_paused = True
        self._unsent = unsent(self._transport)
        self.deadline = self.loop.time() + self._limits.send_timeout

    def resume_writing(self) -> None:
        """The client caught up."""
        self.write_paused = False
        self.wake_writer()
        self._set_deadline()

    async def writable(self) -> None:
        """Wait until the client takes more, or is gone."""
        if self._writable is None or self._writable.done():
            self._writable = self.loop.create_future()
        await self._writable

    def wake_writer(self) -> None:
        """Let a waiting ``send`` go on."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)


def _address(found: Any) -> tuple[str, int] | None:
    return (str(found[0]), int(found[1])) if isinstance(found, tuple) else None
