"""The store's twin in memory: for tests, and for a gateway that keeps no ledger.

It answers as the databases do, and nothing of it outlives the process.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date

import msgspec
from msgspec.structs import replace

from faregate.core.zones import find_zone
from faregate.money import Usd
from faregate.store import contents, reading, spending
from faregate.store.calendar import Calendar
from faregate.store.calls import COLUMNS, PRICED_COLUMNS, Record, entry_of, priced_values, record
from faregate.store.day_moves import moves
from faregate.store.documents import New, check, check_version, page_of, read_cursor
from faregate.store.errors import LedgerError, UnknownCallError
from faregate.store.memory_filters import matches, paid_by
from faregate.store.periods import day_number, day_text
from faregate.store.protocol import (
    Adjustment,
    Change,
    ChangePage,
    Content,
    Dimension,
    Duration,
    Entity,
    Entry,
    Filter,
    Moved,
    Page,
    SpendLine,
    SpentBy,
    Traffic,
)
from faregate.store.rollup import Amounts, Series, add, minus, shares
from faregate.store.spent import Asked, Part, asked, in_slots, to_read
from faregate.store.text import as_json, clean, microseconds, seconds
from faregate.types import JsonObject, Receipt, Row

_read_receipt = msgspec.json.Decoder(Receipt).decode


class MemoryStore:
    """A :class:`~faregate.store.protocol.Store` that forgets."""

    def __init__(self) -> None:
        self._open = False
        self._records: dict[str, Record] = {}
        self._entries: dict[str, Entry] = {}
        self._rollup: dict[tuple[int, Series], Amounts] = {}
        self._by_tag: dict[tuple[int, Series], Amounts] = {}
        self._entities: dict[tuple[str, str], Entity] = {}
        self._audit: list[Change] = []
        self._contents: dict[str, Content] = {}
        self._calendar = Calendar()

    async def open(self) -> None:
        """Answer from now on. What was there before a close is there again."""
        self._open = True

    async def close(self) -> None:
        """Answer no more."""
        self._open = False

    async def ping(self) -> None:
        """Return when open."""
        self._check()

    async def append(self, rows: Sequence[Row]) -> int:
        """Keep rows and count them once."""
        self._check()
        records = [record(row) for row in rows]
        new = 0
        for each in records:
            if each.call_id in self._records:
                continue
            new += 1
            self._records[each.call_id] = each
            found = dict(zip(COLUMNS, each.values, strict=True))
            self._entries[each.call_id] = entry_of(found)
            day = self._calendar.day(each.started)
            _add_all(self._rollup, day, each.shares)
            _add_all(self._by_tag, day, each.tag_shares)
        return new

    async def adjust(self, call_id: str, receipt: Receipt, *, reason: str, at: float) -> bool:
        """Replace the receipt of a call, keep the one before, and let the roll-ups follow."""
        self._check()
        entry = self._entries.get(call_id)
        if entry is None:
            raise UnknownCallError(f"there is no call {call_id[:64]!r} in the ledger")
        receipt = _read_receipt(as_json(receipt))
        before = entry.row
        if receipt == before.receipt:
            return False
        after = replace(before, receipt=receipt)
        note = Adjustment(
            at=seconds(microseconds(at)), reason=reason, before=before.receipt, after=receipt
        )
        values = dict(zip(PRICED_COLUMNS, priced_values(after), strict=True))
        self._entries[call_id] = replace(
            entry,
            row=after,
            status=values["status"],
            total=values["total_pico"],
            spend=values["spend_pico"],
            adjustments=(*entry.adjustments, note),
        )
        day = self._calendar.day(self._records[call_id].started)
        for into, new, old in zip(
            (self._rollup, self._by_tag), shares(after), shares(before), strict=True
        ):
            _add_all(into, day, minus(new, old))
        return True

    async def rows(self, only: Filter, *, cursor: str | None = None, limit: int = 100) -> Page:
        """A page of the log, newest first."""
        self._check()
        reading.check_limit(limit)
        found = self._below(only, cursor)
        entries = tuple(self._entries[call_id] for _at, call_id in found[:limit])
        return Page(entries, reading.cursor_of(entries) if len(found) > limit else None)

    async def mark(self, only: Filter, *, cursor: str | None = None, count: int) -> str | None:
        """The cursor above which so many calls are."""
        self._check()
        found = self._below(only, cursor)
        return reading.cursor_below(found[count][0]) if len(found) > count else None

    def _below(self, only: Filter, cursor: str | None) -> list[tuple[int, str]]:
        below = None if cursor is None else reading.read_cursor(cursor)
        found = [
            (each.started, each.call_id)
            for each in self._records.values()
            if matches(self._entries[each.call_id], each, only)
        ]
        return sorted((at for at in found if below is None or at < below), reverse=True)

    async def durations(self, only: Filter, *, limit: int = 1000) -> list[Duration]:
        """How long the newest calls took."""
        found = (entry.row for entry in (await self.rows(only, limit=limit)).entries)
        return [Duration(row.started, row.first_byte, row.ended) for row in found]

    async def row(self, call_id: str) -> Entry | None:
        """The row of a call."""
        self._check()
        return self._entries.get(call_id)

    async def spend(
        self,
        by: Sequence[Dimension],
        *,
        only: Filter | None = None,
        since: date | None = None,
        until: date | None = None,
        skip: int = 0,
        limit: int | None = None,
    ) -> list[SpendLine]:
        """Spend by any dimensions."""
        self._check()
        only = only or Filter()
        spending.check(by, only)
        groups: dict[tuple[str, ...], Amounts] = {}
        for day, series, amounts in self._lines(by, only):
            if since is not None and day < day_number(since):
                continue
            if until is not None and day >= day_number(until):
                continue
            named = dict(zip(_SERIES_FIELDS, series, strict=True)) | {"day": day_text(day)}
            if all(
                named[field] in [clean(each) for each in getattr(only, field)]
                for field in spending.COLUMN_OF
                if field != "tag" and getattr(only, field)
            ):
                group = tuple(str(named[name]) for name in by)
                add(groups.setdefault(group, [0] * len(amounts)), amounts)
        return spending.lines(groups, by)[skip:][:limit]

    def _lines(
        self, by: Sequence[Dimension], only: Filter
    ) -> Iterator[tuple[int, Series, Amounts]]:
        """The lines of the roll-ups that answer."""
        tagged = only.tag is not None or "tag" in by
        if tagged:
            for (day, series), amounts in self._by_tag.items():
                if only.tag is None or series.tag == clean(only.tag):
                    yield day, series, amounts
        if not only.tag:
            for (day, series), amounts in self._rollup.items():
                if not (tagged and series.tagged):
                    yield day, series, amounts

    async def spent(self, questions: Sequence[SpentBy]) -> list[list[tuple[float, Usd]]]:
        """What budgets have spent from an instant on, by slots."""
        self._check()
        return [await self._spent(asked(each)) for each in questions]

    async def _spent(self, question: Asked) -> list[tuple[float, Usd]]:
        by: list[Dimension] = ["day"]
        if question.payer != "everything":
            by.append(question.payer)
        first = day_text(self._calendar.first_day(question.since))
        days = {
            day_number(date.fromisoformat(line.group[0])): line.spend
            for line in await self.spend(by)
            if line.group[0] >= first and line.group[1:] in ((), (question.name,))
        }
        ranges = to_read(question, days, self._calendar)
        parts = [
            Part(
                self._calendar.day(each.started),
                question.slot(each.started),
                each.started >= question.since,
                self._entries[each.call_id].spend,
            )
            for each in self._records.values()
            if any(since <= each.started < until for _day, since, until in ranges)
            and paid_by(self._entries[each.call_id].row, each, question)
        ]
        return in_slots(question, days, parts, self._calendar)

    async def traffic(self, deployments: Sequence[str], since: float) -> list[Traffic]:
        """How many calls deployments had, and what these cost."""
        self._check()
        found: dict[str, list[Usd]] = {}
        for entry in self._entries.values():
            if microseconds(entry.row.started) >= microseconds(since):
                found.setdefault(clean(entry.row.deployment), []).append(entry.spend)
        spends = [found.get(clean(each), []) for each in deployments]
        both = zip(deployments, spends, strict=True)
        return [Traffic(name, len(each), sum(each)) for name, each in both]

    async def calendar(self) -> Calendar:
        """Which instants days begin at."""
        self._check()
        return self._calendar

    async def keep_days_in(self, zone: str) -> bool:
        """From now on days are those of a zone."""
        self._check()
        find_zone(zone)
        before, self._calendar = self._calendar, self._calendar.changed(zone)
        return before.pieces != self._calendar.pieces

    async def move_days(self, *, batch: int = 1000) -> Moved:
        """Move the newest rows to their days in the zone."""
        self._check()
        reading.check_limit(batch)
        calendar = self._calendar
        first = calendar.pieces[-1].since
        older = [each for each in self._records.values() if each.started < first]
        stretch = calendar.to_move(max(each.started for each in older)) if older else None
        if stretch is None:
            self._calendar = calendar.settled(
                [day for (day, _), a in self._rollup.items() if any(a)]
            )
            return Moved(rows=0, left=False)
        ids = [each.call_id for each in older if each.started >= stretch.since]
        if stretch.before == stretch.after:
            ids = []
        both = moves([self._entries[each].row for each in ids], stretch)
        for into, lines in zip((self._rollup, self._by_tag), both, strict=True):
            for (day, series), amounts in lines.items():
                _add_all(into, day, [(series, amounts)])
        self._calendar = calendar.moved(stretch.since)
        return Moved(rows=len(ids), left=True)

    async def put(
        self,
        kind: str,
        identity: str,
        document: JsonObject | None,
        *,
        actor: str,
        at: float,
        expected_version: int | None = None,
    ) -> Entity:
        """Write the next version of an entity and its audit entry."""
        self._check()
        new = New(kind, identity, document, actor, microseconds(at))
        check(new)
        found = self._entities.get((kind, identity))
        there = None if found is None or found.document is None else found
        check_version(new, there.version if there else None, expected_version)
        copy = None if document is None else msgspec.json.decode(as_json(document))
        changed = Entity(
            kind=kind,
            id=identity,
            version=found.version + 1 if found else 1,
            document=copy,
            changed_at=seconds(new.at),
        )
        self._entities[(kind, identity)] = changed
        self._audit.append(
            Change(
                sequence=len(self._audit) + 1,
                at=seconds(new.at),
                actor=actor,
                kind=kind,
                id=identity,
                version=changed.version,
                before=there.document if there else None,
                after=copy,
            )
        )
        return changed

    async def get(self, kind: str, identity: str) -> Entity | None:
        """The entity, or None."""
        self._check()
        found = self._entities.get((kind, identity))
        return None if found is None or found.document is None else found

    async def entities(self, kind: str, only: Collection[str] | None = None) -> list[Entity]:
        """The entities of a kind, by id."""
        self._check()
        found = [
            each
            for each in self._entities.values()
            if each.kind == kind and (only is None or each.id in only)
        ]
        return sorted((each for each in found if each.document is not None), key=lambda e: e.id)

    async def changes(self, since: int = 0, *, limit: int = 1000) -> list[Change]:
        """Changes after a sequence number, oldest first."""
        self._check()
        return self._audit[max(since, 0) :][: reading.check_limit(limit)]

    async def audit(self, *, cursor: str | None = None, limit: int = 100) -> ChangePage:
        """A page of the audit log, newest first."""
        self._check()
        below = len(self._audit) + 1 if cursor is None else read_cursor(cursor)
        found = [each for each in reversed(self._audit) if each.sequence < below]
        return page_of(found, reading.check_limit(limit))

    async def purge(self, before: float, *, batch: int = 5000) -> int:
        """Forget rows of calls that started before an instant, the oldest first."""
        self._check()
        instant = microseconds(before)
        found = sorted(
            (each.started, each.call_id)
            for each in self._records.values()
            if each.started < instant
        )[: reading.check_limit(batch)]
        for _started, call_id in found:
            del self._records[call_id], self._entries[call_id]
        return len(found)

    async def put_contents(self, batch: Sequence[Content]) -> None:
        """Keep prompts and answers."""
        self._check()
        for each in [contents.bounded(each) for each in batch]:
            self._contents.setdefault(each.call_id, each)

    async def contents(self, call_id: str) -> Content | None:
        """What was asked and answered in a call."""
        self._check()
        return self._contents.get(call_id)

    async def purge_contents(self, before: float, *, batch: int = 500) -> int:
        """Forget contents of calls that started before an instant, the oldest first."""
        self._check()
        instant = microseconds(before)
        found = sorted(
            (each.at, each.call_id)
            for each in self._contents.values()
            if microseconds(each.at) < instant
        )[: reading.check_limit(batch)]
        for _at, call_id in found:
            del self._contents[call_id]
        return len(found)

    def _check(self) -> None:
        if not self._open:
            raise LedgerError("the ledger in memory is not open")


_SERIES_FIELDS = (
    "key",
    "team",
    "user",
    "model",
    "served_model",
    "deployment",
    "provider",
    "tag",
    "tagged",
)


def _add_all(
    into: dict[tuple[int, Series], Amounts], day: int, found: Sequence[tuple[Series, Amounts]]
) -> None:
    for series, amounts in found:
        kept = into.setdefault((day, series), [0] * len(amounts))
        add(kept, amounts)
