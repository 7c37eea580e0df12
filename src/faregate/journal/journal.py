"""The journal: every admitted call is in a file of this process before anything is sent for it.

Writing is one ``pwrite`` of a few hundred bytes into blocks that were reserved beforehand, so it
neither waits nor runs out of room; what may take long is done in a thread. A segment is deleted
when the database has every call in it and in those before it.
"""

import contextlib
import functools
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import Struct

from faregate.journal.codec import (
    ADMISSION,
    HEADER_BYTES,
    LONGEST_PAYLOAD,
    SETTLEMENT,
    STORED,
    Admission,
    encode_payload,
    frame,
    mark,
)
from faregate.journal.errors import JournalError, JournalFull
from faregate.journal.home import Home, new_home
from faregate.journal.keeper import Keeper
from faregate.journal.segment import Segment, refused, write_all
from faregate.journal.sync import Sync
from faregate.types import Row

Fsync: TypeAlias = Literal["none", "group"]

_ROOM_TO_SETTLE = 4_096
"""Bytes kept free for the settlement of each open call; a row of one attempt takes 1,400."""
_SPARES = 2
_FEW_OPEN = 3
"""Beyond so many open calls the interpreter is wanted by others at every moment."""
_CARRIED_AT_ONCE = 256
_MARK_BYTES = 64


class JournalOptions(Struct, frozen=True, kw_only=True):
    """How a journal is kept."""

    segment_bytes: int = 8 << 20
    max_bytes: int = 1 << 30
    """The bound on all segments of one process; beyond it admissions raise :class:`JournalFull`."""
    fsync: Fsync = "none"
    """``none`` survives a killed process; ``group`` survives a power cut, for those who await
    :meth:`Journal.durable`, and loses at most ``group_seconds`` of rows for those who do not."""
    group_seconds: float = 0.002
    """How long records are gathered for one fsync."""
    retry_seconds: float = 0.25
    """After the disk refused a new segment: how long until it is asked again."""


class Journal:
    """The journal of this process. Used by one thread, that of the event loop."""

    def __init__(
        self, home: Home, options: JournalOptions, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Use :meth:`open`."""
        if options.segment_bytes < 4_096 or options.max_bytes < 4 * options.segment_bytes:
            raise ValueError("a segment has at least 4,096 bytes and a journal room for four")
        self.path = home.path
        self.options = options
        self.last_settled = 0
        """Sequence number of the last settlement written."""
        self.stored = 0
        """The database has every settlement up to this one."""
        self._home = home
        self._clock = clock
        self._numbers = count(1)
        self._sequence = 0
        self._open: dict[str, tuple[Segment, bytes]] = {}
        self._owed: dict[str, bytes] = {}
        self._spares: deque[Segment] = deque()
        self._covered = 0
        self._retry_at = float("-inf")
        self._no_room = ""
        self._fault = ""
        self._segments: deque[Segment] = deque()
        self._segment = self._create(options.segment_bytes)
        self._segments.append(self._segment)
        self._reserve(1)
        self._keeper = Keeper()
        self._sync = Sync(self._keeper, options.group_seconds) if options.fsync == "group" else None
        if self._sync is not None:
            self._sync.use(self._segment)
        self._keeper.do(self._refill)
        self._closed = False

    @classmethod
    def open(cls, root: Path, options: JournalOptions | None = None) -> "Journal":
        """A new journal in a directory of its own under ``root``.

        Call it in the process that serves, after any fork. Raises :class:`JournalError` when the
        disk has no room or may not be written.
        """
        home = new_home(root)
        try:
            return cls(home, options or JournalOptions())
        except BaseException:
            home.remove()
            raise

    @property
    def open_calls(self) -> int:
        """Calls admitted and not settled."""
        return len(self._open)

    @property
    def size(self) -> int:
        """Bytes written in segments that are still kept."""
        return sum(segment.used for segment in self._segments)

    @property
    def problem(self) -> str:
        """Why the disk takes no records now; empty when it does."""
        return self._fault or self._no_room

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments kept, the oldest first; the last one is being written."""
        return tuple(self._segments)

    @property
    def end(self) -> tuple[Segment, int]:
        """Where the next record goes, or right before it: a place to read from later."""
        return self._segment, self._segment.used

    def admit(self, admission: Admission) -> int:
        """Record a call before anything is sent for it. Returns its ticket.

        Raises :class:`JournalFull` beyond the bound and :class:`JournalError` when the disk has no
        room or fails: the call must then be refused, and is not in the journal. ValueError for a
        call id that is open.
        """
        call_id = admission.call_id
        if call_id in self._open:
            raise ValueError(f"call {call_id} was admitted already")
        if self._owed:
            self._pay()
        if len(self._open) >= self._covered:
            self._reserve(len(self._open) + 1)
        payload = _encoded(admission)
        ticket = self._append(ADMISSION, call_id, payload)
        segment = self._segment
        segment.waiting += 1
        self._open[call_id] = (segment, payload)
        if self._no_room:
            self._no_room, self._retry_at = "", float("-inf")
        return ticket

    def admit_again(self, admission: Admission) -> int:
        """Record that a call that is open may cost more than was written. Returns its ticket.

        Raises as :meth:`admit` does; then what was written before holds. ValueError for a call that
        is not open.
        """
        call_id = admission.call_id
        if call_id not in self._open:
            raise ValueError(f"call {call_id} is not open")
        if len(self._open) >= self._covered:
            self._reserve(len(self._open) + 1)
        payload = _encoded(admission)
        ticket = self._append(ADMISSION, call_id, payload)
        self._reopened(call_id, payload)
        return ticket

    def settle(self, row: Row) -> int:
        """Record how a call ended, before its last byte goes to the client. Returns its ticket.

        Raises :class:`JournalError` when the disk fails. The journal then keeps the row in memory,
        writes it as soon as it can and takes no admission before that.
        """
        payload = _encoded(row)
        try:
            if self._owed:
                self._pay()
            return self._settle(row.call_id, payload)
        except JournalError:
            self._owed[row.call_id] = payload
            raise

    async def durable(self, ticket: int) -> None:
        """Return when the record survives a power cut; at once without ``fsync: group``.

        Raises :class:`JournalError` when the disk could not say that it does.
        """
        if self._sync is not None:
            await self._sync.reached(ticket)

    def committed(self, ticket: int) -> None:
        """The database has every settlement up to ``ticket``: segments may go. Never raises."""
        if ticket <= self.stored or self._closed:
            return
        self.stored = ticket
        with contextlib.suppress(JournalError):
            if self._owed:
                self._pay()
            segment = self._segment
            if segment.used + _MARK_BYTES <= segment.size:
                self._append(STORED, "", mark(ticket))
            self._drop()

    def close(self) -> None:
        """Write what is owed and end. Nothing is left behind when the database has every call;
        otherwise the next start finds it. Never raises; closing again does nothing."""
        if self._closed:
            return
        with contextlib.suppress(JournalError):
            self._pay()
        self._closed = True
        finished = not self._open and not self._owed and self.stored >= self.last_settled
        self._keeper.close()
        with contextlib.suppress(OSError, JournalError):
            if not finished:
                self._segment.trim()
                if self._sync is not None:
                    self._sync.now()
        for spare in self._spares:
            with contextlib.suppress(OSError):
                spare.remove()
        for segment in self._segments:
            segment.close()
        if finished:
            with contextlib.suppress(JournalError):
                self._home.remove()
        self._home.release()

    def _settle(self, call_id: str, payload: bytes) -> int:
        ticket = self._append(SETTLEMENT, call_id, payload)
        self._segment.settled = self.last_settled = ticket
        admitted = self._open.pop(call_id, None)
        if admitted is not None:
            admitted[0].waiting -= 1
        return ticket

    def _pay(self) -> None:
        """Write the settlements the disk would not take."""
        for call_id in list(self._owed):
            self._settle(call_id, self._owed[call_id])
            del self._owed[call_id]

    def _append(self, kind: int, call_id: str, payload: bytes) -> int:
        if self._closed:
            raise JournalError(f"the journal {self.path} is closed")
        self._sequence = ticket = self._sequence + 1
        name = call_id.encode()
        segment = self._segment
        content = frame(kind, ticket, name, payload, segment.salt)
        end = segment.used + len(content)
        if end > segment.size:
            segment = self._roll(len(content))
            content = frame(kind, ticket, name, payload, segment.salt)
            end = segment.used + len(content)
        try:
            holding = len(self._open) > _FEW_OPEN
            write_all(segment.fd, content, segment.used, holding=holding)
        except OSError as error:
            segment.size = segment.used  # a disk that fails here is not asked here again
            failure = refused(segment.path, error)
            self._fault = str(failure)
            raise failure from error
        segment.used = end
        if self._sync is not None:
            self._sync.wrote(ticket)
        if self._fault:
            self._fault = ""
        return ticket

    def _roll(self, needed: int) -> Segment:
        """Go on in the next segment."""
        size = self.options.segment_bytes
        if needed + HEADER_BYTES > size:
            segment = self._create(needed + HEADER_BYTES)
        elif self._spares:
            segment = self._spares.popleft()
        else:
            segment = self._create(size)
        before, self._segment = self._segment, segment
        self._segments.append(segment)
        self._covered = len(self._spares) * size // _ROOM_TO_SETTLE
        if self._sync is not None:
            self._sync.use(segment)
        self._keeper.do(before.trim)
        self._keeper.do(self._refill)
        return segment

    def _reserve(self, calls: int) -> None:
        """Have spare segments enough to settle ``calls``, so that no settlement finds no room."""
        size = self.options.segment_bytes
        needed = -(-calls * _ROOM_TO_SETTLE // size)
        while len(self._spares) < needed:
            if self._allocated() + size > self.options.max_bytes:
                raise JournalFull(
                    f"the journal {self.path} has grown to its bound of {self.options.max_bytes} "
                    "bytes, because the database does not take its rows"
                )
            self._spares.append(self._create(size))
        self._covered = len(self._spares) * size // _ROOM_TO_SETTLE

    def _allocated(self) -> int:
        # A copy: the keeper's thread asks, too.
        kept = sum(segment.size for segment in list(self._segments))
        return kept + len(self._spares) * self.options.segment_bytes

    def _create(self, size: int) -> Segment:
        now = self._clock()
        if now < self._retry_at:
            raise JournalError(self._no_room)
        try:
            segment = Segment.create(self.path, next(self._numbers), size)
        except JournalError as error:
            self._retry_at = now + self.options.retry_seconds
            self._no_room = str(error)
            raise
        self._retry_at = float("-inf")
        self._no_room = ""
        return segment

    def _refill(self) -> None:
        """In the keeper's thread: have the next segment ready before it is needed."""
        size = self.options.segment_bytes
        if len(self._spares) < _SPARES and self._allocated() + size <= self.options.max_bytes:
            self._spares.append(Segment.create(self.path, next(self._numbers), size))

    def _drop(self) -> None:
        """Delete segments from the oldest on, while nothing in them is needed.

        A call that stays open for long must not keep every segment since: its admission is
        written again, into the current one.
        """
        carried = 0
        while len(self._segments) > 1 and self._segments[0].settled <= self.stored:
            oldest = self._segments[0]
            if oldest.waiting:
                if len(self._segments) == 2 or carried >= _CARRIED_AT_ONCE:
                    return
                carried += self._carry(oldest, _CARRIED_AT_ONCE - carried)
                continue
            self._segments.popleft()
            self._keeper.do(functools.partial(self._remove, oldest))

    def _remove(self, segment: Segment) -> None:
        """In the keeper's thread: what was carried out of it must be durable first."""
        if self._sync is not None:
            self._sync.now()
        segment.remove()

    def _carry(self, oldest: Segment, most: int) -> int:
        waiting = []
        for call_id, (segment, _) in self._open.items():
            if segment is oldest:
                waiting.append(call_id)
            if len(waiting) >= min(oldest.waiting, most):
                break
        for call_id in waiting:
            payload = self._open[call_id][1]
            self._append(ADMISSION, call_id, payload)
            self._reopened(call_id, payload)
        return len(waiting)

    def _reopened(self, call_id: str, payload: bytes) -> None:
        """A call's admission stands in the segment of now, and the one before does not count."""
        # Behind the others: the oldest are found at the front.
        before, _ = self._open.pop(call_id)
        before.waiting -= 1
        self._segment.waiting += 1
        self._open[call_id] = (self._segment, payload)


def _encoded(value: Row | Admission) -> bytes:
    try:
        payload = encode_payload(value)
    except (ValueError, OverflowError, TypeError) as error:
        kind = type(error).__name__
        raise JournalError(f"call {value.call_id!r} cannot be written down: {kind}") from error
    if len(payload) > LONGEST_PAYLOAD - 256 or len(value.call_id.encode()) > 255:
        raise JournalError(f"call {value.call_id[:64]!r} is too large to be written down")
    return payload
