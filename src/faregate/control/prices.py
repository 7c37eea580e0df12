"""Prices that people add to the book: rows of their own, kept in the ledger's database."""

from datetime import UTC, datetime
from typing import get_args

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from faregate.control import fields
from faregate.control.desk import Desk
from faregate.control.errors import ConflictError, FieldError, UnknownEntityError, about
from faregate.core.pricebook import SCOPES, is_scope
from faregate.errors import ConfigError
from faregate.money import parse_price
from faregate.prices.load import TIERS
from faregate.store.errors import VersionConflictError
from faregate.store.protocol import Entity, Store
from faregate.types import UNITS, Context, Price, Unit

OWN = "added/"
"""How the ids of added rows begin."""

NOUN = "price"
"""The kind of entity."""

_CONTEXTS: tuple[Context, ...] = get_args(Context)
_MOST_PER_MILLION = 10**6  # USD; a dollar a token
_LONGEST = 256


class PriceFields(Struct, frozen=True, kw_only=True):
    """A price as it is asked for."""

    provider: str
    """The price list: ``azure``, ``openai``, ``anthropic`` …"""
    model: str
    unit: str
    usd_per_million: str
    """USD for a million tokens, exact: ``"0.05"``."""
    scope: str = "global"
    tier: str = "standard"
    context: str = "short"
    context_from: int = 0
    effective_from: str = ""
    """An instant in ISO 8601; empty: from 1970 on, so calls that wait for a price have it."""
    effective_to: str = ""
    source: str = ""
    """Where it is from, for whoever reads a receipt."""


async def add(desk: Desk, wanted: PriceFields) -> Price:
    """Add a row to the book. Raises :class:`FieldError`, and :class:`ConflictError` for one that is
    there: a price is never changed, a later one replaces it."""
    price = of_fields(wanted, desk.actor, desk.now)
    for mark in ("", _text(desk.now)[:11].rstrip("T"), _text(desk.now)):
        row = replace(price, id=f"{price.id}@{mark}") if mark else price
        if await _written(desk, row):
            return row
        # Receipts may name the row that once had this id, so it is never that of another price.
        await desk.store.put(NOUN, row.id, None, actor=desk.actor, at=desk.now)
    raise ConflictError(f"the price {price.id!r} was added and removed just now; try again")


async def _written(desk: Desk, row: Price) -> bool:
    """Write a row; False when there once was one of its id."""
    try:
        made = await desk.store.put(
            NOUN,
            row.id,
            msgspec.to_builtins(row),
            actor=desk.actor,
            at=desk.now,
            expected_version=0,
        )
    except VersionConflictError:
        raise ConflictError(
            f"the price {row.id!r} was added before; give the new one another effective_from"
        ) from None
    return made.version == 1


async def remove(desk: Desk, identity: str) -> None:
    """Take an added row out of the book; receipts that name it stay as they are.

    Raises :class:`UnknownEntityError` for a row that nobody added.
    """
    if await desk.store.get(NOUN, identity[:_LONGEST] or "-") is None:
        raise UnknownEntityError(
            f"there is no added price {identity[:_LONGEST]!r}; those that come with Faregate stay, "
            "and one that is added goes before them"
        )
    await desk.store.put(NOUN, identity, None, actor=desk.actor, at=desk.now)


async def added(store: Store) -> list[Price]:
    """Every row that was added, by id: what goes into the book beside the bundled rows."""
    return [_price(each) for each in await store.entities(NOUN)]


def of_fields(wanted: PriceFields, actor: str, now: float) -> Price:
    """The row of what is asked for. Raises :class:`FieldError`."""
    provider = _word("provider", wanted.provider, 40).lower()
    model = _word("model", wanted.model, 100).lower()
    _one_of("unit", wanted.unit, UNITS)
    _one_of("tier", wanted.tier, TIERS)
    _one_of("context", wanted.context, _CONTEXTS)
    if not is_scope(wanted.scope) or len(wanted.scope) > 40:
        raise FieldError("scope", f"{wanted.scope[:40]!r} is none of {', '.join(SCOPES)}")
    if (wanted.context == "long") != (wanted.context_from > 0):
        raise FieldError(
            "context_from", "says from which prompt on a long context begins, and is 0 for short"
        )
    with about("usd_per_million"):
        per_token = parse_price(wanted.usd_per_million)
        if per_token > parse_price(str(_MOST_PER_MILLION)):
            raise ConfigError("is more than a dollar a token; state USD for a million tokens")
    start = fields.instant("effective_from", wanted.effective_from or "1970-01-01")
    end = fields.instant("effective_to", wanted.effective_to) if wanted.effective_to else None
    if end is not None and end <= start:
        raise FieldError("effective_to", "is not after effective_from")
    day = _text(start).replace("T00:00:00Z", "")
    parts = (provider, model, wanted.scope, wanted.tier, wanted.context, wanted.unit)
    return Price(
        id=f"{OWN}{'/'.join(parts)}/{day}",
        provider=provider,
        model=model,
        scope=wanted.scope,
        tier=wanted.tier,
        context="long" if wanted.context == "long" else "short",
        context_from=wanted.context_from,
        unit=_unit(wanted.unit),
        per_token=per_token,
        effective_from=start,
        effective_to=end,
        source=_source(wanted.source) or f"added by {actor}",
        observed_at=now,
        confidence="own",
    )


def _price(found: Entity) -> Price:
    try:
        return msgspec.convert(found.document, Price)
    except msgspec.ValidationError as error:
        raise ConfigError(f"the stored price {found.id!r} cannot be read: {error}") from None


def _text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _unit(name: str) -> Unit:
    return next(each for each in UNITS if each == name)


def _word(field: str, text: str, most: int) -> str:
    found = text.strip()
    if not 1 <= len(found) <= most or not found.isprintable() or " " in found:
        raise FieldError(field, f"{text[:40]!r} is no name: 1 to {most} characters, no blank")
    return found


def _source(text: str) -> str:
    if len(text) > 500 or not text.isprintable():
        raise FieldError("source", "is at most 500 printable characters")
    return text.strip()


def _one_of(field: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise FieldError(field, f"{value[:40]!r} is none of {', '.join(allowed)}")
