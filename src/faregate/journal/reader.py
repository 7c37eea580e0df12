"""Settled rows, read again from the journal this process is writing."""

import asyncio
import logging
from collections.abc import Iterator

import msgspec

from faregate.journal.codec import HEADER_BYTES, SETTLEMENT, Damage, Found, decode_row, scan
from faregate.journal.errors import JournalError
from faregate.journal.journal import Journal
from faregate.journal.segment import Segment
from faregate.types import Row

_log = logging.getLogger("faregate.journal")


class Reader:
    """Goes through the settlements from a place on, in the order they were written."""

    def __init__(self, journal: Journal, place: tuple[Segment, int]) -> None:
        """``place`` is a :attr:`Journal.end` of earlier, with nothing behind it stored since."""
        self._journal = journal
        self._segment, self._read = place
        self._found: Iterator[Found] = iter(())
        self.at_end = False
        """Whether the last call of :meth:`rows` came to the end of what was written by then."""

    async def rows(self, most: int) -> list[tuple[int, Row]]:
        """The next settlements with their tickets; fewer than ``most`` at the end.

        Raises :class:`JournalError` when the disk fails.
        """
        rows: list[tuple[int, Row]] = []
        self.at_end = False
        while len(rows) < most:
            found = next(self._found, None)
            if found is not None:
                self._take(found, rows)
                continue
            try:
                self.at_end = not await self._more()
            except JournalError:
                if rows:
                    break  # these first; the disk is asked again after them
                raise
            if self.at_end:
                break
        return rows

    async def _more(self) -> bool:
        """Read on: what was added to this segment, else the next one. False at the end."""
        segment = self._segment
        if segment.used == self._read:
            if segment is self._journal.end[0]:
                return False
            self._segment = segment = self._after(segment)
            self._read = 0
        start = self._read
        content = await asyncio.to_thread(segment.read, start)
        self._read = start + len(content)
        self._found = scan(content, segment.salt, HEADER_BYTES if start == 0 else 0)
        return True

    def _after(self, segment: Segment) -> Segment:
        kept = self._journal.segments
        # One that was dropped was read and stored, and so was every older one.
        return kept[kept.index(segment) + 1] if segment in kept else kept[0]

    def _take(self, found: Found, rows: list[tuple[int, Row]]) -> None:
        if isinstance(found, Damage):
            _log.error(
                "journal: %s was damaged while in use: %d bytes of records cannot be read",
                self._segment.path,
                found.end - found.start,
            )
        elif found.kind == SETTLEMENT:
            try:
                rows.append((found.sequence, decode_row(found.payload)))
            except msgspec.MsgspecError:  # pragma: no cover - we wrote it and its checksum is right
                _log.exception("journal: %s holds a row we cannot read", self._segment.path)
