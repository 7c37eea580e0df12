"""Looking for the calls a filter lets through where no index leads to them.

The log is looked through in slices of it, newest first, until a page is full, the log is at its
end, or the time for one answer is over: an answer says how far it came, and the next goes on from
there. So the first calls are there at once however long the log is, and nobody's question keeps a
database busy for a minute.
"""

import time
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace

from faregate.store import reading
from faregate.store.protocol import Entry, Filter, Page, Store
from faregate.store.text import microseconds, seconds

PATIENCE = 0.06
"""Seconds after which no further slice is begun."""
SLICE = 5_000
"""Calls of the first slice. The next ones are as large as the time they take allows."""
_LARGEST = 640_000
_QUICK = 0.025
_SLOW = 0.1
_TIMES = ("since", "until")
_RARE = ("error", "session", "end_user")
"""Fields whose indexes hold every call that has any value."""
_NAMED = ("key", "user", "team", "deployment", "served_model", "model")
"""Fields with an index of every call, the narrowest first."""
_MOST_MERGED = 8


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
    if led == only or only.request_id or len(only.call_id) >= reading.NAMES_A_CALL:
        page = await store.rows(only, cursor=cursor, limit=limit)
        return Found(page.entries, page.cursor)
    values = _each_value(only)
    if values:
        return await _merged(store, values, cursor, limit)
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


async def whole_page(
    store: Store, only: Filter, *, cursor: str | None = None, limit: int = 100
) -> Page:
    """A page of what is looked for, however many parts of the log that takes.

    Raises :class:`ValueError` as :meth:`Store.rows` does.
    """
    entries: list[Entry] = []
    while True:
        found = await search(store, only, cursor=cursor, limit=limit - len(entries))
        entries += found.entries
        cursor = found.cursor
        if cursor is None or len(entries) >= limit:
            return Page(tuple(entries), cursor)


def by_index(only: Filter) -> Filter:
    """The part of a filter that one walk through an index answers, newest first: a single value of
    a single field, and the times. Of several values the calls would have to be sorted."""
    times = {name: getattr(only, name) for name in _TIMES}
    asked = _asked(only)
    for name in (*_RARE, *reading.COMMONEST):
        values = asked.get(name, ())
        if len(values) == 1 and reading.COMMONEST.get(name, "") not in values:
            return Filter(**times, **{name: values})
    if only.tag:
        return Filter(**times, tag=only.tag)
    for name in _NAMED:
        if len(asked.get(name, ())) == 1:
            return Filter(**times, **{name: asked[name]})
    return Filter(**times)


def _asked(only: Filter) -> dict[str, Any]:
    found = {name: value for name, value in asdict(only).items() if value not in ((), None, "")}
    return {name: value for name, value in found.items() if name not in _TIMES}


def _each_value(only: Filter) -> list[Filter]:
    """For a filter that is several values of one field with an index: one for each of them."""
    asked = list(_asked(only).items())
    if len(asked) != 1 or only.tag == "":
        return []
    ((name, values),) = asked
    if not isinstance(values, tuple) or not 1 < len(values) <= _MOST_MERGED:
        return []
    found = [replace(only, **{name: (value,)}) for value in dict.fromkeys(values)]
    return found if all(by_index(each) == each for each in found) else []


async def _merged(store: Store, each: list[Filter], cursor: str | None, limit: int) -> Found:
    """A page of the calls that any of the filters lets through; no call may fit two of them."""
    pages = [await store.rows(only, cursor=cursor, limit=limit) for only in each]
    found = [entry for page in pages for entry in page.entries]
    found.sort(key=_place, reverse=True)
    more = len(found) > limit or any(page.cursor is not None for page in pages)
    entries = tuple(found[:limit])
    return Found(entries, reading.cursor_of(entries) if more and entries else None)


def _place(entry: Entry) -> tuple[int, str]:
    return microseconds(entry.row.started), entry.row.call_id


def _next_slice(calls: int, took: float) -> int:
    if took < _QUICK:
        return min(calls * 4, _LARGEST)
    return max(calls // 2, SLICE) if took > _SLOW else calls
