"""What is too old goes: in small batches, with a rest after each, so that writers get through."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from msgspec import Struct

from faregate.store.protocol import Store

_MOST = 10_000


class Kept(Struct, frozen=True, kw_only=True):
    """How long things are kept: what started before these instants (Unix seconds) goes."""

    rows_before: float | None = None
    """None: rows are kept for ever."""
    contents_before: float | None = None
    """None: prompts and answers that are there are kept for ever."""
    batch_rows: int = 1_000
    batch_contents: int = 200
    share: float = 0.25
    """The part of the time that deleting may take; the rest is the writers'."""


class Purged(Struct, frozen=True, kw_only=True):
    """What a run deleted."""

    rows: int = 0
    contents: int = 0


async def keep_days(
    store: Store, kept: Kept, *, rest: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> Purged:
    """Delete everything that is too old, and return when nothing of it is left.

    Contents go first. Roll-ups and the audit log stay, so spend is still known. It may be broken
    off at any time, and run in several processes. Raises :class:`ValueError` for a batch or a share
    that makes no sense, and what the store raises.
    """
    if not 0 < kept.share <= 1:
        raise ValueError("a share of the time is above 0 and at most 1")
    for size in (kept.batch_rows, kept.batch_contents):
        if not 1 <= size <= _MOST:
            raise ValueError(f"a batch has 1 to {_MOST:,} rows, not {size}")

    async def emptied(purge: Callable[[], Awaitable[int]]) -> int:
        gone = 0
        while True:
            started = monotonic()
            count = await purge()
            if not count:
                return gone
            gone += count
            await rest((monotonic() - started) * (1 / kept.share - 1))

    rows = contents = 0
    instant, row_instant = kept.contents_before, kept.rows_before
    if instant is not None:
        contents = await emptied(lambda: store.purge_contents(instant, batch=kept.batch_contents))
    if row_instant is not None:
        rows = await emptied(lambda: store.purge(row_instant, batch=kept.batch_rows))
    return Purged(rows=rows, contents=contents)
