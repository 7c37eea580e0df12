"""The writer: settled rows from memory, or else from the journal, into the store, in batches.

It is the one consumer of the journal. Rows are stored in the order they were settled, so one
number, the ticket of the last row stored, says what the journal need no longer keep.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Sequence

from msgspec import Struct

from faregate.journal.errors import JournalError
from faregate.journal.journal import Journal
from faregate.journal.reader import Reader
from faregate.store.appender import Appender, AppenderOptions, RowSink
from faregate.store.aside import Aside
from faregate.types import Row

_log = logging.getLogger("faregate.ledger")


class WriterOptions(Struct, frozen=True, kw_only=True):
    """How rows are moved."""

    memory_rows: int = 10_000
    """Rows kept in memory; beyond them rows are read again from the journal."""
    batch_rows: int = 500
    linger: float = 0.2
    """Seconds a batch that is not full waits for more."""
    append: AppenderOptions = AppenderOptions()


class _Settled(Struct, frozen=True, gc=False):
    ticket: int
    """0: the disk would not take it, so it is in memory alone."""
    row: Row
    since: float


class Writer:
    """Moves rows to the store in the background. Used by one event loop.

    Every settlement goes through :meth:`settle`, and none to the journal directly.
    """

    def __init__(
        self, journal: Journal, sink: RowSink, options: WriterOptions | None = None
    ) -> None:
        """Does nothing before :meth:`start`; rows settled until then are kept."""
        self._journal = journal
        self._options = options or WriterOptions()
        self.appender = Appender(sink, Aside(journal.path.parent), self._options.append)
        """The way to the store: ``store_up``, ``failures``, ``last_error``, ``refused``."""
        self._rows: deque[_Settled] = deque()
        self._batch: Sequence[_Settled] = ()
        self._behind: Reader | None = None
        self._behind_since = 0.0
        self._settled = 0
        self._done = 0
        self._loose = 0
        self._loose_done = 0
        self._flushing = 0
        self._moved = asyncio.Event()
        self._wake = asyncio.Event()
        self._full = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    @property
    def pending(self) -> int:
        """Rows settled by this process and not in the store yet."""
        return self._settled - self._done

    @property
    def store_up(self) -> bool:
        """Whether the store took the last batch."""
        return self.appender.store_up

    @property
    def lag(self) -> float:
        """Seconds since the oldest pending row was settled; 0.0 when none is pending."""
        since = self._first_since()
        return 0.0 if since is None else max(time.monotonic() - since, 0.0)

    @property
    def oldest(self) -> Row | None:
        """The oldest pending row in memory; None when there is none."""
        first = self._batch[0] if self._batch else self._rows[0] if self._rows else None
        return first.row if first is not None else None

    def unstored(self) -> list[Row]:
        """Every row that is settled and not in the store, while :attr:`appender` is paused and
        nothing is :attr:`behind`."""
        return [each.row for each in self._batch] + [each.row for each in self._rows]

    @property
    def behind(self) -> bool:
        """Whether memory was too small and rows are being read again from the journal."""
        return self._behind is not None

    def settle(self, row: Row) -> int:
        """Write a call's end to the journal and see to it that the store gets it. Never raises.

        Returns the ticket for :meth:`Journal.durable`, or 0 when the disk refused the record:
        the row is in memory then, goes to the store all the same, and admissions are refused
        until the disk takes it.
        """
        place = self._journal.end
        try:
            ticket = self._journal.settle(row)
        except JournalError as error:
            _log.error("ledger: call %s is kept in memory only: %s", row.call_id, error)
            ticket = 0
            self._loose += 1
        self._settled += 1
        rows = self._rows
        if ticket and self._behind is not None:
            return ticket
        if ticket and len(rows) >= self._options.memory_rows:
            self._behind = Reader(self._journal, place)
            self._behind_since = time.monotonic()
            return ticket
        rows.append(_Settled(ticket, row, time.monotonic()))
        waiting = len(rows)
        if waiting == 1:
            self._wake.set()
        elif waiting >= self._options.batch_rows:
            self._full.set()
        return ticket

    def start(self) -> None:
        """Begin. Call it once, in the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="ledger-writer")

    async def flush(self, deadline: float) -> bool:
        """Wait until the store has every row settled before this call, ``deadline`` seconds at
        most. Returns whether it has; rows it refused for good, which are set aside, count as had.

        Nothing lingers meanwhile. Before :meth:`start` and after :meth:`close` it does not wait.
        """
        ticket, loose = self._journal.last_settled, self._loose
        self._flushing += 1
        self._full.set()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(deadline):
                    while not self._has(ticket, loose) and self._running:
                        self._moved.clear()
                        await self._moved.wait()
        finally:
            self._flushing -= 1
        return self._has(ticket, loose)

    def _has(self, ticket: int, loose: int) -> bool:
        """Whether the store has all up to a ticket, and so many of those that have none."""
        return self._journal.stored >= ticket and self._loose_done >= loose

    @property
    def _running(self) -> bool:
        return self._task is not None and not self._task.done()

    async def drain(self, deadline: float) -> int:
        """At the end: wait until nothing is pending, ``deadline`` seconds at most, and move no row
        that is settled after that. Returns what is left."""
        self._closing = True
        self._wake.set()
        self._full.set()
        if self._task is None:
            return self.pending
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline):
                await asyncio.shield(self._task)
        return self.pending

    async def close(self, deadline: float = 5.0) -> int:
        """Store what can be stored within ``deadline`` seconds and end.

        Returns how many rows are left; the journal has them for the next start. Close the journal
        after this.
        """
        await self.drain(deadline)
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        return self.pending

    async def _run(self) -> None:
        try:
            await self._move()
        finally:
            self._moved.set()

    async def _move(self) -> None:
        while True:
            try:
                batch = await self._next()
            except JournalError as error:
                _log.error("ledger: rows cannot be read again and wait for that: %s", error)
                await asyncio.sleep(1.0)
                continue
            if not batch:
                return
            self._batch = batch
            await self.appender.append([each.row for each in batch])
            self._done += len(batch)
            self._loose_done += sum(not each.ticket for each in batch)
            self._batch = ()
            ticket = max(each.ticket for each in batch)
            if not self._rows and self._behind is None:
                # Rows the disk took late have tickets we never saw, and the store has them.
                ticket = self._journal.last_settled
                self._done = self._settled
            self._journal.committed(ticket)
            self._moved.set()

    async def _next(self) -> Sequence[_Settled]:
        """The next batch, in the order the rows were settled; empty when all is done."""
        options = self._options
        while True:
            if not self._rows and self._behind is None:
                if self._closing:
                    return ()
                self._wake.clear()
                await self._wake.wait()
            hurry = self._closing or self._flushing or self._behind is not None
            if len(self._rows) < options.batch_rows and not hurry:
                self._full.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(options.linger):
                        await self._full.wait()
            if self._rows:
                count = min(len(self._rows), options.batch_rows)
                return [self._rows.popleft() for _ in range(count)]
            if self._behind is not None:
                batch = await self._read_again(self._behind)
                if batch:
                    return batch

    async def _read_again(self, reader: Reader) -> Sequence[_Settled]:
        found = await reader.rows(self._options.batch_rows)
        since = self._behind_since
        if reader.at_end:
            self._behind = None
        if found:
            self._behind_since = time.monotonic()
        return [_Settled(ticket, row, since) for ticket, row in found]

    def _first_since(self) -> float | None:
        if self._batch:
            return self._batch[0].since
        if self._rows:
            return self._rows[0].since
        return self._behind_since if self._behind is not None else None
