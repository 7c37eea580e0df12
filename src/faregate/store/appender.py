"""Rows into a store that may be away: again and again, and never out of order."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from msgspec import Struct

from faregate.errors import FaregateError
from faregate.store.errors import RefusedValueError
from faregate.types import Row

_log = logging.getLogger("faregate.ledger")

LONGEST_PAUSE = 0.25
"""Seconds after which nobody joins those who pause, so that rows go on."""

_ABOUT_THE_ROWS = ("DataError", "IntegrityError", "IntegrityConstraintViolationError")


class RowSink(Protocol):
    """Where rows go in the end."""

    async def append(self, rows: Sequence[Row], /) -> object:
        """Keep the rows, all or none; a row whose call id is kept already is passed over.

        Whatever it raises means that none is kept for certain; the same rows are given again.
        """


class AppenderOptions(Struct, frozen=True, kw_only=True):
    """How long to wait for a store."""

    timeout: float = 30.0
    """Seconds an ``append`` may take."""
    backoff: float = 0.1
    """Seconds before the second try; each further wait is twice as long."""
    longest_backoff: float = 5.0
    tries_of_a_row: int = 3
    """How often a row is given alone before it is set aside as one the store cannot hold."""


class Appender:
    """Appends until it has succeeded. One store; any number of callers, one batch at a time."""

    def __init__(
        self,
        sink: RowSink,
        set_aside: Callable[[Row, str], None],
        options: AppenderOptions | None = None,
        *,
        refuses: Callable[[BaseException], bool] | None = None,
    ) -> None:
        """``set_aside`` keeps a row the store can never hold, and is told the error's type.

        ``refuses`` tells from an exception that the rows are at fault and not the store.
        """
        self._sink = sink
        self._set_aside = set_aside
        self._options = options or AppenderOptions()
        self._refuses = refuses or about_the_rows
        self._turn = asyncio.Lock()
        self._joining = asyncio.Lock()
        self._going = asyncio.Event()
        self._pauses = 0
        self._paused_at = 0.0
        self.store_up = True
        """Whether the last append reached the store."""
        self.stored = 0
        """Rows appended, those the store had already included."""
        self.refused = 0
        """Rows set aside."""
        self.failures = 0
        """Appends that failed."""
        self.down_since: float | None = None
        """``time.monotonic`` of the first failure since the last success."""
        self._told = ""
        self.last_error = ""
        """The type of the last failure; its text may hold an address with a password."""

    async def append(self, rows: Sequence[Row]) -> None:
        """Return when every row is stored or set aside. Retries for ever; may be cancelled."""
        async with self._turn:
            tries = 0
            waiting = [rows] if rows else []
            while waiting:
                part = waiting.pop()
                error = await self._try(part)
                if error is None:
                    tries = 0
                elif not self._refuses(error):
                    tries += 1
                    waiting.append(part)
                    await self._pause(tries)
                elif len(part) > 1:
                    # Which rows are at fault shows by halves: a few tries, not one for each row.
                    middle = len(part) // 2
                    waiting += [part[middle:], part[:middle]]
                elif left := await self._alone(part[0]):
                    waiting.append(left)

    @asynccontextmanager
    async def paused(self, deadline: float) -> AsyncIterator[None]:
        """While this lasts, no row reaches the store from here. Any number may pause it together.

        Raises :class:`TimeoutError` where rows are under way for longer than ``deadline`` seconds.
        """
        clock = asyncio.get_running_loop().time
        async with asyncio.timeout(deadline), self._joining:
            if self._pauses and clock() - self._paused_at > LONGEST_PAUSE:
                await self._going.wait()  # a batch first
            if not self._pauses:
                await self._turn.acquire()
                self._going.clear()
                self._paused_at = clock()
            self._pauses += 1
        try:
            yield
        finally:
            self._pauses -= 1
            if not self._pauses:
                self._turn.release()
                self._going.set()

    async def _alone(self, row: Row) -> Sequence[Row]:
        """Give a row that was refused once more, and set it aside when it stays refused."""
        error: BaseException | None = None
        for attempt in range(1, self._options.tries_of_a_row):
            await self._pause(attempt)
            error = await self._try((row,))
            if error is None:
                return ()
            if not self._refuses(error):
                return (row,)
        kind = type([*_causes(error)][-1]).__name__ if error is not None else "refused"
        reason = _reason(error) if error is not None else kind
        try:
            self._set_aside(row, kind)
        except OSError as failure:
            _log.error(
                "ledger: call %s can never be stored (%s), and cannot be set aside in"
                " refused/rows.jsonl beside the journals: %s. It holds up the others until it is:"
                " free space or fix the disk there",
                row.call_id, reason, failure.strerror,
            )  # fmt: skip
            await self._pause(self._options.tries_of_a_row)
            return (row,)
        self.refused += 1
        _log.error(
            "ledger: call %s can never be stored (%s) and is set aside in refused/rows.jsonl beside"
            " the journals; no sum has it, so somebody has to look at it",
            row.call_id, reason,
        )  # fmt: skip
        return ()

    async def _try(self, rows: Sequence[Row]) -> BaseException | None:
        try:
            async with asyncio.timeout(self._options.timeout):
                await self._sink.append(rows)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, the rows stay ours
            self._failed(error, len(rows))
            return error
        if self.down_since is not None:
            away = time.monotonic() - self.down_since
            _log.warning("ledger: the database takes rows again, after %.0f s", away)
        self.store_up, self.down_since, self._told = True, None, ""
        self.stored += len(rows)
        return None

    def _failed(self, error: Exception, count: int) -> None:
        self.failures += 1
        self.last_error = type(error).__name__
        if self._refuses(error):
            return  # it answered
        reason = _reason(error) or f"no answer within {self._options.timeout:.0f} s"
        if reason != self._told:
            self._told = reason
            _log.error(
                "ledger: the database does not take %d rows: %s. They stay in the journal and are"
                " given again every %.0f s; check that it runs, can be reached and has room",
                count, reason, self._options.longest_backoff,
            )  # fmt: skip
        if self.store_up:
            self.down_since = time.monotonic()
        self.store_up = False

    async def _pause(self, tries: int) -> None:
        options = self._options
        longest = min(options.backoff * 2 ** min(tries - 1, 30), options.longest_backoff)
        await asyncio.sleep(longest * random.uniform(0.5, 1.0))  # noqa: S311 - no secret


def about_the_rows(error: BaseException) -> bool:
    """Whether an error says that a value does not fit, rather than that the store is away."""
    causes = list(_causes(error))
    if any(isinstance(each, OSError) for each in causes):
        return False
    return any(
        isinstance(each, RefusedValueError | OverflowError | UnicodeEncodeError)
        or any(kind.__name__ in _ABOUT_THE_ROWS for kind in type(each).__mro__)
        for each in causes
    )


def _reason(error: BaseException) -> str:
    """What went wrong and where, without what a driver says: that may hold an address with its
    password, or what is in the rows. Empty for nothing but time that ran out."""
    if isinstance(error, FaregateError):
        return str(error)  # written to be shown
    if isinstance(error, TimeoutError):
        return ""
    said = error.strerror if isinstance(error, OSError) else None
    return f"{type(error).__name__}, {said}" if said else type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None:
            return
        yield seen
        # A store that names errors anew may hide the driver's from tracebacks; it is there still.
        seen = seen.__cause__ or getattr(seen, "orig", None) or seen.__context__
