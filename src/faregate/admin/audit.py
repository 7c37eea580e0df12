"""``/api/audit``: every change, who made it and when."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query

from faregate.admin.table import Table
from faregate.admin.wire import Instant, PageQuery, Shown, Who, instant, question
from faregate.money import format_price, format_usd
from faregate.store.protocol import Change
from faregate.types import JsonObject

table = Table("audit")

_SECRET = frozenset({"hash", "previous_hash", "sealed"})
_AT_ONCE = 1_000
_MOST_LOOKED_AT = 20_000


class AuditEntry(Shown):
    """One change."""

    sequence: int
    """Rises by one with each change."""
    at: Instant
    actor: str
    """A key's id, `master`, or `cli`."""
    kind: str
    """`key`, `team`, `user`, `budget`, `limit`, `price` …"""
    id: str
    version: int
    action: str
    """`create`, `update` or `delete`."""
    changed: list[str]
    """The fields that changed; of a secret only that it did (`secret`)."""
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    """Without anything secret. Money is text in USD; instants are Unix seconds here."""


class AuditPage(Shown):
    """Changes, newest first."""

    data: list[AuditEntry]
    next: str | None


class AuditQuery(PageQuery):
    """Which changes."""

    kind: str | None = None
    id: str | None = None
    actor: str | None = None


@table.route("GET", "/api/audit", "read", "listAudit")
async def list_audit(who: Who, asked: Annotated[AuditQuery, Query()]) -> AuditPage:
    """The audit log, newest first."""
    store = who.office.store()
    narrowed = any((asked.kind, asked.id, asked.actor))
    size = _AT_ONCE if narrowed else asked.limit
    found: list[Change] = []
    cursor, looked_at = asked.cursor, 0
    while True:
        with question():
            page = await store.audit(cursor=cursor, limit=size)
        cursor = page.cursor
        for each in page.changes:
            looked_at += 1
            if _fits(each, asked):
                found.append(each)
                if len(found) == asked.limit:
                    last = each is page.changes[-1] and cursor is None
                    return _page(found, None if last else str(each.sequence))
        if cursor is None or looked_at >= _MOST_LOOKED_AT:
            return _page(found, cursor)


def _page(found: list[Change], cursor: str | None) -> AuditPage:
    return AuditPage(data=[show(each) for each in found], next=cursor)


def show(change: Change) -> AuditEntry:
    """A change as it is shown: without hashes."""
    before, after = _bare(change.kind, change.before), _bare(change.kind, change.after)
    action = "delete" if after is None else "update" if before is not None else "create"
    changed = _changed(change.before or {}, change.after or {}) if action == "update" else []
    return AuditEntry(
        sequence=change.sequence,
        at=instant(change.at),
        actor=change.actor,
        kind=change.kind,
        id=change.id,
        version=change.version,
        action=action,
        changed=changed,
        before=before,
        after=after,
    )


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    names = {name for name in {**before, **after} if before.get(name) != after.get(name)}
    if names & _SECRET:
        names = names - _SECRET | {"secret"}
    return sorted(names - {"updated_at", "created_at"})


def _bare(kind: str, document: JsonObject | None) -> JsonObject | None:
    if document is None:
        return None
    if kind == "budget":
        return _budget(document)
    if kind == "price":
        found = dict(document)
        found["usd_per_million"] = format_price(found.pop("per_token"))
        return found
    return {name: _shown(name, each) for name, each in document.items() if name not in _SECRET}


def _shown(name: str, value: Any) -> Any:
    """Budgets with their amounts as text. Limits are counts, and stay numbers."""
    if name == "budgets" and isinstance(value, list):
        return [_budget(each) for each in value]
    return value


def _budget(document: JsonObject) -> JsonObject:
    found = dict(document)
    for name in ("limit", "soft_limit"):
        if isinstance(found.get(name), int):
            found[name] = format_usd(found[name])
    return found


def _fits(change: Change, asked: AuditQuery) -> bool:
    return (
        (not asked.kind or change.kind == asked.kind)
        and (not asked.id or change.id == asked.id)
        and (not asked.actor or change.actor == asked.actor)
    )
