"""The last calls, in memory: what stands behind ``GET /v1/receipts/{call_id}``."""

from collections import deque
from itertools import islice

from faregate.types import Row

KEPT = 10_000


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
