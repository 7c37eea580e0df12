"""``/api/prices``: the book, rows of one's own in it, and the calls that wait for a price."""

import time
from collections.abc import Iterable
from typing import Annotated

from fastapi import Query
from pydantic import Field

from faregate.admin.desks import desk
from faregate.admin.receipts import Price, show_price
from faregate.admin.table import Table
from faregate.admin.wire import (
    Asked,
    Cursor,
    Limit,
    MoneySaid,
    PageQuery,
    Said,
    Shown,
    Who,
    page_by_place,
    question,
)
from faregate.control import prices as control
from faregate.control import waiting
from faregate.control.errors import FieldError, about
from faregate.errors import NotFoundError, PriceBookError
from faregate.types import Price as PriceRow
from faregate.types import Unit

table = Table("prices")


class PricePage(Shown):
    """Rows of the price book, the newest of each model first."""

    data: list[Price]
    next: str | None


class PriceQuery(PageQuery):
    """Which rows."""

    q: str = Field("", max_length=200)
    provider: str | None = None
    """The price list."""
    model: str | None = None
    scope: str | None = None
    tier: str | None = None
    unit: Unit | None = None
    added: bool | None = None
    """Only rows that somebody added, or only others."""
    history: bool = True
    """Superseded and coming rows, too."""


class PriceInput(Said):
    """A price to be added. It applies from `effective_from` on, before the bundled rows that apply
    from the same instant or earlier."""

    provider: str = Field(max_length=100, examples=["azure"])
    """The price list: `azure`, `openai`, `anthropic` …"""
    model: str = Field(max_length=100)
    """As providers name it in their answers."""
    unit: Unit
    usd_per_million: MoneySaid
    scope: str = Field("global", max_length=60)
    tier: str = Field("standard", max_length=20)
    context: str = Field("short", max_length=10)
    context_from: int = Field(0, ge=0)
    effective_from: str | None = Field(None, max_length=40)
    """A day or an instant; null: always, so that calls which wait for a price get this one."""
    effective_to: str | None = Field(None, max_length=40)
    source: str = Field("", max_length=500)
    """Where it is from."""


class PricesInput(Said):
    """Prices to be added; all are checked before any is written."""

    prices: list[PriceInput] = Field(min_length=1, max_length=50)


class Fill(Shown):
    """What became of calls that waited for a price."""

    filled: int
    """Calls that have their whole price now."""
    waiting: int
    """Calls that were looked at and still lack one."""
    next: str | None
    """Where to go on, when there are more calls than are looked at in one go."""


class PricesAdded(Shown):
    """Rows that were added, and the calls they priced."""

    data: list[Price]
    fill: Fill


class WaitingModel(Shown):
    """A served model without a price."""

    price_list: str
    """The `provider` to add its price under."""
    provider: str
    served_model: str
    deployment: str
    calls: int
    """Of all time."""


class WaitingPage(Shown):
    """Served models without a price, the one with the most calls first."""

    data: list[WaitingModel]
    next: str | None


@table.route("GET", "/api/prices", "read", "listPrices")
async def list_prices(who: Who, asked: Annotated[PriceQuery, Query()]) -> PricePage:
    """The price book. `q` is looked for in ids, models and sources."""
    book = who.office.book()
    found = [each for each in book.prices() if _fits(each, asked)]
    if not asked.history:
        found = in_force(found, time.time())
    found.sort(key=lambda each: (each.provider, each.model, -each.effective_from, each.id))
    cut = page_by_place(found, asked.cursor, asked.limit)
    return PricePage(data=[show_price(each) for each in cut.data], next=cut.next)


@table.route("POST", "/api/prices", "change", "addPrices", status_code=201)
async def add_prices(who: Who, body: PricesInput) -> PricesAdded:
    """Add rows to the book, and give the calls that waited their price."""
    at = desk(who)
    wanted = [_fields(each) for each in body.prices]
    seen: set[str] = set()
    for number, each in enumerate(wanted):
        with about(f"prices.{number}"):
            identity = control.of_fields(each, at.actor, at.now).id
            if identity in seen:
                raise FieldError("", "the same price is there twice")
        seen.add(identity)
    rows = [await control.add(at, each) for each in wanted]
    await who.office.prices_changed()
    await who.office.applied()
    return PricesAdded(data=[show_price(each) for each in rows], fill=await _fill(who, None))


@table.route("GET", "/api/prices/{price_id:path}", "read", "getPrice")
async def get_price(who: Who, price_id: str) -> Price:
    """One row, superseded ones included: what a receipt's line names."""
    try:
        return show_price(who.office.book().price(price_id))
    except PriceBookError as error:
        raise NotFoundError(str(error), code="not_found") from None


@table.route("DELETE", "/api/prices/{price_id:path}", "change", "removePrice", status_code=204)
async def remove_price(who: Who, price_id: str) -> None:
    """Take a row that was added out of the book. Receipts that name it stay as they are."""
    await control.remove(desk(who), price_id)
    await who.office.prices_changed()
    await who.office.applied()


@table.route("GET", "/api/unpriced", "read", "listUnpriced")
async def list_unpriced(who: Who, cursor: Cursor = None, limit: Limit = 100) -> WaitingPage:
    """Served models that have no price, and how many calls wait for one."""
    cut = page_by_place(await waiting.waiting(who.office.store()), cursor, limit)
    data = [
        WaitingModel(
            price_list=each.price_list,
            provider=each.provider,
            served_model=each.served_model,
            deployment=each.deployment,
            calls=each.calls,
        )
        for each in cut.data
    ]
    return WaitingPage(data=data, next=cut.next)


@table.route("POST", "/api/unpriced/fill", "change", "fillUnpriced")
async def fill_unpriced(who: Who, cursor: Cursor = None) -> Fill:
    """Ask the book again for the calls that wait. Go on with `next` until it is null."""
    return await _fill(who, cursor)


async def _fill(who: Asked, cursor: str | None) -> Fill:
    office = who.office
    idle = (each.entry for each in office.stored_models() if each.entry is not None)
    every = (*idle, *office.settings().deployments())
    deployments = {each.id: each.deployment for each in every}
    with question():
        found = await waiting.fill(
            desk(who), office.book(), deployments, office.price_learnt, cursor
        )
    return Fill(filled=found.filled, waiting=found.waiting, next=found.cursor)


def _fields(body: PriceInput) -> control.PriceFields:
    found = body.model_dump()
    for name in ("effective_from", "effective_to"):
        found[name] = found[name] or ""
    return control.PriceFields(**found)


def in_force(rows: Iterable[PriceRow], now: float) -> list[PriceRow]:
    """Of each unit the row that applies now."""
    best: dict[tuple[str, ...], PriceRow] = {}
    for row in rows:
        if row.effective_from > now or (row.effective_to is not None and now >= row.effective_to):
            continue
        place = (row.provider, row.model, row.scope, row.tier, row.context, row.unit)
        rival = best.get(place)
        if rival is None or _rank(row) >= _rank(rival):
            best[place] = row
    return list(best.values())


def _rank(row: PriceRow) -> tuple[float, float]:
    return row.effective_from, row.observed_at


def _fits(row: PriceRow, asked: PriceQuery) -> bool:
    wanted = asked.q.lower()
    return (
        (asked.provider is None or row.provider == asked.provider)
        and (asked.model is None or row.model == asked.model.lower())
        and (asked.scope is None or row.scope == asked.scope)
        and (asked.tier is None or row.tier == asked.tier)
        and (asked.unit is None or row.unit == asked.unit)
        and (asked.added is None or row.id.startswith(control.OWN) is asked.added)
        and (not wanted or any(wanted in e.lower() for e in (row.id, row.model, row.source)))
    )
