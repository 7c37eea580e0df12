"""The store's twin in memory: for tests, and for a gateway that keeps no ledger.

It answers as the databases do, and nothing of it outlives the process.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date

import msgspec
from msgspec.structs import replace

from faregate.core.budget import Payer
from faregate.money import Usd
from faregate.store import contents, reading, spending, spent
from faregate.store.calls import COLUMNS, PRICED_COLUMNS, Record, entry_of, priced_values, record
from faregate.store.documents import New, check, check_version, page_of, read_cursor
from faregate.store.errors import LedgerError, UnknownCallError
from faregate.store.periods import day_number, day_text
from faregate.store.protocol import (
    Adjustment,
    Change,
    ChangePage,
    Content,
    Dimension,
    Entity,
    Entry,
    Filter,
    Page,
    SpendLine,
)
from faregate.store.rollup import Amounts, Series, add, minus, shares
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
            _add_all(self._rollup, each.rollup_day, each.shares)
            _add_all(self._by_tag, each.rollup_day, each.tag_shares)
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
        day = self._records[call_id].rollup_day
        for into, new, old in zip(
            (self._rollup, self._by_tag), shares(after), shares(before), strict=True
        ):
            _add_all(into, day, minus(new, old))
        return True

    async def rows(self, only: Filter, *, cursor: str | None = None, limit: int = 100) -> Page:
        """A page of the log, newest first."""
        self._check()
        reading.check_limit(limit)
        below = None if cursor is None else reading.read_cursor(cursor)
        found = [
            (each.started, each.call_id)
            for each in self._records.values()
            if _matches(self._entries[each.call_id], each, only)
        ]
        found = sorted((at for at in found if below is None or at < below), reverse=True)
        entries = tuple(self._entries[call_id] for _at, call_id in found[:limit])
        return Page(entries, reading.cursor_of(entries) if len(found) > limit else None)

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
        return spending.lines(groups, by)

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

    async def spent(
        self, payer: Payer, payer_id: str, since: float, slot_seconds: float | None = None
    ) -> list[tuple[float, Usd]]:
        """What a budget has spent from an instant on, by slots."""
        question = spent.asked(payer, payer_id, since, slot_seconds)
        by: list[Dimension] = ["day"] if payer == "everything" else ["day", payer]
        first = day_text(question.first_day)
        days = {
            day_number(date.fromisoformat(line.group[0])): line.spend
            for line in await self.spend(by)
            if line.group[0] >= first and line.group[1:] in ((), (question.name,))
        }
        ranges = spent.to_read(question, days)
        parts = [
            spent.Part(
                each.rollup_day,
                question.slot(each.started),
                each.started >= question.since,
                self._entries[each.call_id].spend,
            )
            for each in self._records.values()
            if any(start <= each.rollup_day < end for start, end in ranges)
            and _paid_by(self._entries[each.call_id].row, each, question)
        ]
        return spent.in_slots(question, days, parts)

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


def _paid_by(row: Row, kept: Record, question: spent.Asked) -> bool:
    names = {
        "key": row.key,
        "team": row.team,
        "user": row.user,
        "model": row.requested_model,
        "deployment": row.deployment,
        "everything": "",
    }
    if question.payer == "tag":
        return question.name in (kept.tags or ("",))
    return names[question.payer] == question.name


def _matches(entry: Entry, kept: Record, only: Filter) -> bool:
    row = entry.row
    columns = dict(zip(COLUMNS, kept.values, strict=True))
    columns |= dict(zip(PRICED_COLUMNS, priced_values(row), strict=True))
    for field, column in reading.COLUMN_OF.items():
        values = getattr(only, field)
        fit = [clean(each) if isinstance(each, str) else each for each in values]
        if fit and columns[column] not in fit:
            return False
    return (
        (only.tag is None or (clean(only.tag) in kept.tags if only.tag else not kept.tags))
        and (not only.request_id or row.request_id in [clean(each) for each in only.request_id])
        and (only.stream is None or row.stream is only.stream)
        and (only.adjusted is None or bool(entry.adjustments) is only.adjusted)
        and (only.min_cost is None or entry.spend >= only.min_cost)
        and (only.max_cost is None or entry.spend <= only.max_cost)
        and (only.since is None or kept.started >= microseconds(only.since))
        and (only.until is None or kept.started < microseconds(only.until))
        and row.call_id.startswith(clean(only.call_id))
    )
