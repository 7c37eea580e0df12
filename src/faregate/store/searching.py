"""Looking for the calls a filter lets through where no index leads to them.

The log is looked through in slices of it, newest first, until a page is full, the log is at its
end, or the time for one answer is over: an answer says how far it came, and the next goes on from
there. So the first calls are there at once however long the log is, and nobody's question keeps a
database busy for a minute.
"""

import time

from msgspec import Struct
from msgspec.structs import asdict, replace

from faregate.store import reading
from faregate.store.protocol import Entry, Filter, Store
from faregate.store.text import seconds

PATIENCE = 0.06
"""Seconds after which no further slice is begun."""
SLICE = 5_000
"""Calls of the first slice. The next ones are as large as the time they take allows."""
_LARGEST = 640_000
_QUICK = 0.025
_SLOW = 0.1
_TIMES = ("since", "until")
_BY_ID = ("call_id", "request_id")
_RARE = ("error", "session", "end_user")
"""Fields whose indexes hold every call that has any value."""
_NAMED = ("key", "user", "team", "deployment", "served_model", "model")
"""Fields with an index, the narrowest first."""


class Found(Struct, frozen=True):
    """A part of the log, newest first."""

    entries: tuple[Entry, ...]
    cursor: str | None
    """Where it goes on. None: there is no more."""
    searched_to: float | None = None
    """The start, in Unix seconds, down to which was looked, where that ended the page. None: it is
    full, or the log is at its end."""


async def search(
    store: Store,
    only: Filter,
    *,
    cursor: str | None = None,
    limit: int = 100,
    patience: float = PATIENCE,
    slice_of: int = SLICE,
) -> Found:
    """A page of the calls a filter lets through, or as much of it as was found in time.

    Raises :class:`ValueError` as :meth:`Store.rows` does.
    """
    led = by_index(only)
    if led is None or led == only:
        page = await store.rows(only, cursor=cursor, limit=limit)
        return Found(page.entries, page.cursor)
    reading.check_limit(limit)
    began = last = time.perf_counter()
    found: list[Entry] = []
    while True:
        below = await store.mark(led, cursor=cursor, count=slice_of)
        down_to = None if below is None else seconds(reading.read_cursor(below)[0])
        part = only if down_to is None else replace(only, since=down_to)
        page = await store.rows(part, cursor=cursor, limit=limit - len(found))
        found += page.entries
        if page.cursor is not None:
            return Found(tuple(found), page.cursor)
        if below is None or len(found) == limit:
            return Found(tuple(found), below)
        now = time.perf_counter()
        if now - began >= patience:
            return Found(tuple(found), below, down_to)
        cursor = below
        slice_of, last = _next_slice(slice_of, now - last), now


def by_index(only: Filter) -> Filter | None:
    """The part of a filter that an index answers in the log's order, with its times.

    None where the filter itself names calls: those are found without looking.
    """
    if any(getattr(only, name) for name in _BY_ID):
        return None
    kept = {name: getattr(only, name) for name in _TIMES}
    asked = {name: value for name, value in asdict(only).items() if value not in ((), None, "")}
    for name in (*_RARE, *reading.COMMONEST):
        values = asked.get(name, ())
        if values and reading.COMMONEST.get(name, "") not in values:
            return Filter(**kept, **{name: values})
    if asked.get("tag"):
        return Filter(**kept, tag=only.tag)
    named = [name for name in _NAMED if name in asked]
    for name in sorted(named, key=lambda each: len(asked[each]) > 1):
        return Filter(**kept, **{name: asked[name]})
    return Filter(**kept)


def _next_slice(calls: int, took: float) -> int:
    if took < _QUICK:
        return min(calls * 4, _LARGEST)
    return max(calls // 2, SLICE) if took > _SLOW else calls
