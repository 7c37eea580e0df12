"""``faregate audit``: who changed what, and when."""

import json
from collections.abc import Mapping
from typing import Any

import click
import msgspec

from faregate.cli.entity_json import instant
from faregate.cli.entity_text import budget_text, clock, limit_text, usd
from faregate.cli.ledger import as_json
from faregate.cli.ledger_place import placed, stated
from faregate.cli.ledger_tables import shown
from faregate.cli.ledger_work import reading
from faregate.cli.noun_commands import JSON
from faregate.cli.price_tables import table
from faregate.core.budget import Budget, RateLimit
from faregate.core.windows import BudgetWindow
from faregate.money import format_price, format_usd
from faregate.store.protocol import Change, Store
from faregate.types import JsonObject

_SECRET = frozenset({"hash", "previous_hash", "sealed"})
_UNTOLD = frozenset({*_SECRET, "id", "shown", "created_at", "updated_at", "scope", "scope_id"})
_INSTANTS = frozenset({"expires_at", "previous_until", "effective_from", "effective_to"})
_LONGEST = 120
_AT_ONCE = 1_000


@click.command()
@click.option("--kind", help="Only changes of a kind: key, team, user, budget, limit, price …")
@click.option("--id", "identity", help="Only changes of this one.")
@click.option("--actor", help="Only changes by somebody: a key's id, master, cli:alice.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--cursor", help="Where to go on: the page before says it.")
@JSON
@placed
def audit(limit: int, cursor: str | None, as_json_: bool, **given: Any) -> None:
    """Who changed what, and when.

    Every change of keys, teams, users, budgets, limits and prices, newest first. The log is
    only ever added to. It says that a key's secret was replaced, and never more of it.
    """
    place = stated(given)
    wanted = {
        "kind": given["kind"],
        "id": given["identity"],
        "actor": given["actor"],
    }

    async def ask(store: Store) -> tuple[list[Change], str | None]:
        return await _page(store, wanted, limit, cursor)

    changes, further = reading(place, ask)
    if as_json_:
        click.echo(as_json({"data": [_json(each) for each in changes], "next": further}))
        return
    if changes:
        lines = [
            (clock(each.at), shown(each.actor), each.kind, shown(each.id), _told(each))
            for each in changes
        ]
        click.echo(table(("at (UTC)", "by", "what", "id", "change"), lines, left=5))
    else:
        click.echo("Nothing like that was changed.")
    if further is not None:
        click.echo(f"There are more: add --cursor {further}", err=True)


async def _page(
    store: Store, wanted: Mapping[str, str | None], limit: int, cursor: str | None
) -> tuple[list[Change], str | None]:
    found: list[Change] = []
    size = _AT_ONCE if any(wanted.values()) else limit
    while True:
        page = await store.audit(cursor=cursor, limit=size)
        for each in page.changes:
            if all(value is None or getattr(each, name) == value for name, value in wanted.items()):
                found.append(each)
                if len(found) == limit:
                    last = each is page.changes[-1] and page.cursor is None
                    return found, None if last else str(each.sequence)
        cursor = page.cursor
        if cursor is None:
            return found, None


def _told(change: Change) -> str:
    """What became of it, in a few words."""
    if change.after is None:
        return "deleted"
    before = None if change.before is None else _texts(change.kind, change.before)
    after = _texts(change.kind, change.after)
    if before is None:
        return _short("made", [f"{name} {text}" for name, text in after.items() if text != "–"])
    names = list(dict.fromkeys((*before, *after)))
    told = [
        f"{name} {before.get(name, '–')} → {after.get(name, '–')}"
        for name in names
        if before.get(name, "–") != after.get(name, "–")
    ]
    if change.before is not None and any(
        change.before.get(name) != change.after.get(name) for name in _SECRET - {"previous_hash"}
    ):
        told.insert(0, "secret replaced")
    return _short("changed", told)


def _short(head: str, told: list[str]) -> str:
    text = f"{head}: {', '.join(told)}" if told else head
    return shown(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")


def _texts(kind: str, document: JsonObject) -> dict[str, str]:
    """The fields of a document that somebody would ask about, as text; – for nothing."""
    found = {
        name: _text(kind, name, value) for name, value in document.items() if name not in _UNTOLD
    }
    if "scope_id" in document:
        found["for"] = f"{document['scope']} {document['scope_id']}".rstrip()
    return found


def _text(kind: str, name: str, value: Any) -> str:
    if value in (None, "", [], {}, False) or (name in _INSTANTS and not value):
        return "–"
    try:
        if name in _INSTANTS:
            return clock(value)
        if name == "window":
            return str(msgspec.convert(value, BudgetWindow))
        if name == "budgets":
            return " + ".join(budget_text(msgspec.convert(each, Budget)) for each in value)
        if name == "limits":
            return " + ".join(limit_text(msgspec.convert(each, RateLimit)) for each in value)
        if kind == "budget" and name in ("limit", "soft_limit"):
            return usd(value)
        if name == "per_token":
            return f"{format_price(value)} USD/M"
    except (msgspec.ValidationError, TypeError, ValueError):
        pass  # a document of another version: as it is
    if isinstance(value, list):
        return " + ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _json(change: Change) -> JsonObject:
    """In the fields of the admin API."""
    before, after = change.before or {}, change.after or {}
    action = "delete" if change.after is None else "update" if change.before else "create"
    names = {name for name in {**before, **after} if before.get(name) != after.get(name)}
    if names & _SECRET:
        names = names - _SECRET | {"secret"}
    return {
        "sequence": change.sequence,
        "at": instant(change.at),
        "actor": change.actor,
        "kind": change.kind,
        "id": change.id,
        "version": change.version,
        "action": action,
        "changed": sorted(names - {"created_at", "updated_at"}) if action == "update" else [],
        "before": None if change.before is None else _bare(change.kind, change.before),
        "after": None if change.after is None else _bare(change.kind, change.after),
    }


def _bare(kind: str, document: JsonObject) -> JsonObject:
    """Without hashes, and with money as text."""
    found = {name: value for name, value in document.items() if name not in _SECRET}
    if kind == "budget":
        return _budget(found)
    if kind == "price" and isinstance(found.get("per_token"), int):
        found["usd_per_million"] = format_price(found.pop("per_token"))
    if isinstance(found.get("budgets"), list):
        found["budgets"] = [_budget(each) for each in found["budgets"]]
    return found


def _budget(document: JsonObject) -> JsonObject:
    amounts = {
        name: format_usd(document[name])
        for name in ("limit", "soft_limit")
        if isinstance(document.get(name), int)
    }
    return {**document, **amounts}
