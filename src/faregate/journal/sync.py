"""Group fsync: records of a few milliseconds are made durable together, in the keeper's thread."""

import asyncio
import contextlib
import os
import time
from collections import deque

from faregate.journal.errors import JournalError
from faregate.journal.keeper import Keeper
from faregate.journal.segment import Segment


class Sync:
    """Makes written records durable, and tells those who wait for one."""

    def __init__(self, keeper: Keeper, gather: float) -> None:
        """``gather``: seconds that records are collected before they are synced."""
        self._keeper = keeper
        self._gather = gather
        self._written = 0
        self._synced = 0
        self._asked = False
        self._files: deque[Segment] = deque()
        self._directory_synced = False
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def use(self, segment: Segment) -> None:
        """Records go to this segment from now on; called before the first one does."""
        self._files.append(segment)
        self._directory_synced = False

    def wrote(self, ticket: int) -> None:
        """A record was written; it is synced within the time that records are gathered."""
        self._written = ticket
        if not self._asked:
            self._asked = True
            self._keeper.do(self._later)

    async def reached(self, ticket: int) -> None:
        """Return when the record of ``ticket`` is durable. Raises :class:`JournalError`."""
        if ticket <= self._synced:
            return
        self._loop = asyncio.get_running_loop()
        waiter = self._loop.create_future()
        self._waiters.append((ticket, waiter))
        if not self._asked:
            self._asked = True
            self._keeper.do(self._later)
        await waiter

    def now(self) -> None:
        """Make everything written so far durable. Blocks; raises :class:`OSError`."""
        self._asked = False
        # In this order: whatever is written meanwhile is synced by the next round.
        written, files = self._written, list(self._files)
        for segment in files:
            if segment.fd >= 0:
                os.fdatasync(segment.fd)
        if not self._directory_synced and files:
            self._directory_synced = True
            handle = os.open(files[-1].path.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        for _ in files[:-1]:
            self._files.popleft()
        self._synced = max(self._synced, written)

    def _later(self) -> None:
        time.sleep(self._gather)
        error = None
        try:
            self.now()
        except OSError as failure:
            error = failure
            # What a failed sync left unwritten cannot be told: go on in another file.
            self._files[-1].size = 0
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                self._loop.call_soon_threadsafe(self._wake, error)

    def _wake(self, error: OSError | None) -> None:
        """In the loop: tell those who waited."""
        waiters, self._waiters = self._waiters, []
        for ticket, waiter in waiters:
            if waiter.done():
                continue
            if ticket <= self._synced:
                waiter.set_result(None)
            elif error is None:
                self._waiters.append((ticket, waiter))
            else:
                reason = error.strerror or type(error).__name__
                waiter.set_exception(JournalError(f"the disk did not sync the journal: {reason}"))
