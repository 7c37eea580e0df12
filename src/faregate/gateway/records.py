"""The last calls, in memory: what stands behind ``GET /v1/receipts/{call_id}``.

A row is kept encoded: a tenth of the memory of the objects, and nothing for the garbage collector
to walk through on every full collection.
"""

from collections import deque

import msgspec

from faregate.types import Row

KEPT = 10_000


class Records:
    """The last ``kept`` rows of this process. Not safe across threads; not shared with siblings."""

    def __init__(self, kept: int = KEPT) -> None:
        if kept < 1:
            raise ValueError("keep at least one row")
        self._kept = kept
        self._rows: dict[str, bytes] = {}
        self._order: deque[str] = deque()
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Row).decode
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
            self._order.append(call_id)
            if len(self._order) > self._kept:
                del rows[self._order.popleft()]
        rows[call_id] = self._encode(row)

    def get(self, call_id: str) -> Row | None:
        """The row of a call, or None when it was never here or has made room."""
        found = self._rows.get(call_id)
        return None if found is None else self._decode(found)

    def recent(self, count: int) -> list[Row]:
        """At most ``count`` rows, the newest first."""
        newest = reversed(self._order)
        return [self._decode(self._rows[call_id]) for call_id, _ in zip(newest, range(count))]
