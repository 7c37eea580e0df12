"""Finished calls after their answer: gathered for what counts them, and the last ones kept."""

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import TypeAlias

from faregate.types import Row

KEPT = 10_000
"""The last calls, in memory: what stands behind ``GET /v1/receipts/{call_id}``."""

GATHERED_SECONDS = 0.02
_MOST_GATHERED = 256

Sink: TypeAlias = Callable[[Row], None]
"""Takes a finished call; must neither block nor raise."""


class Gathered:
    """Rows on their way to the sinks, handed over a few at a time.

    Counting many calls in a row costs less than counting each within its request, where nothing of
    the code is in the processor's caches. Whoever shows what the sinks know calls
    :meth:`hand_over` first, so that nobody sees less than what is finished.
    """

    def __init__(self, sinks: tuple[Sink, ...]) -> None:
        self._sinks = sinks
        self._rows: list[Row] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, row: Row) -> None:
        """Take a row; the sinks have it within :data:`GATHERED_SECONDS`."""
        rows = self._rows
        rows.append(row)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(GATHERED_SECONDS, self.hand_over)
        elif len(rows) >= _MOST_GATHERED:
            self.hand_over()

    def hand_over(self) -> None:
        """Give the sinks what there is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        rows, self._rows = self._rows, []
        for sink in self._sinks:
            for row in rows:
                sink(row)


class Records:
    """The last ``kept`` rows of this process. Not safe across threads; not shared with siblings."""

    def __init__(self, kept: int = KEPT) -> None:
        """``kept`` is at least 1; about 1.5 kB a row. Raises :class:`ValueError` otherwise."""
        if kept < 1:
            raise ValueError(f"{kept} rows: keep at least one")
        self._kept = kept
        self._rows: dict[str, Row] = {}
        self._order: deque[str] = deque()
        self.total = 0
        """How many calls were ever recorded; a call recorded again counts once."""

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: Row) -> None:
        """Keep a row; the oldest makes room. A row with the call id of a kept one replaces it."""
        rows = self._rows
        call_id = row.call_id
        if call_id not in rows:
            self.total += 1
            order = self._order
            if len(order) >= self._kept:
                del rows[order.popleft()]
            order.append(call_id)
        rows[call_id] = row

    def get(self, call_id: str) -> Row | None:
        """The row of a call, or None when it was never here or has made room."""
        return self._rows.get(call_id)

    def recent(self, count: int) -> list[Row]:
        """At most ``count`` rows, the newest first."""
        return [self._rows[call_id] for call_id in islice(reversed(self._order), max(count, 0))]
