"""``/api/priced-models``: who was served under a price, as answers name the model.

Answers carry names with versions (``gpt-5-mini-2025-08-07``) where the book has one name for all of
them, so that the log cannot be asked for the calls of a price without these.
"""

from datetime import timedelta
from typing import Annotated

from fastapi import Query

from faregate.admin.table import Table
from faregate.admin.wire import Shown, Who
from faregate.control.waiting import price_list
from faregate.core.pricebook import ROUTER_FEE_MODEL
from faregate.errors import NotFoundError, PriceBookError

table = Table("prices")


class PricedModel(Shown):
    """A served model that the book has under the price's model."""

    served_model: str
    provider: str
    calls: int
    """Calls of the days the price was in force on: of its unit, scope and tier, or of others."""


class PricedModels(Shown):
    """The models a price is for, the one with the most calls first."""

    price_id: str
    since: str | None
    """The first day the price was in force on; null: always."""
    until: str | None
    """The day after the last one; null: it still is, or will be."""
    router: bool
    """Whether it is the routing fee, which is charged whatever model served."""
    data: list[PricedModel]


@table.route("GET", "/api/priced-models", "read", "getPricedModels")
async def get_priced_models(
    who: Who, price_id: Annotated[str, Query(max_length=400)]
) -> PricedModels:
    """Which served models a price is for, and how many calls they had while it was in force. Which
    row a call was charged by is on its receipt."""
    book = who.office.book()
    try:
        price = book.price(price_id)
    except PriceBookError:
        raise NotFoundError(f"there is no price row {price_id[:80]!r}", code="not_found") from None
    store = who.office.store()
    calendar = await store.calendar()
    since = calendar.today(price.effective_from) if price.effective_from > 0 else None
    ends = price.effective_to
    # What ends at midnight is not in force on the day that begins then.
    until = None if ends is None else calendar.today(ends - 1e-6) + timedelta(days=1)
    lines = await store.spend(("provider", "served_model"), since=since, until=until)
    data = [
        PricedModel(provider=provider, served_model=served, calls=line.calls)
        for line in lines
        for provider, served in [line.group]
        if served
        and price_list(provider) == price.provider
        and book.canonical(price.provider, served) == book.canonical(price.provider, price.model)
    ]
    data.sort(key=lambda each: (-each.calls, each.served_model))
    return PricedModels(
        price_id=price_id,
        since=None if since is None else since.isoformat(),
        until=None if until is None else until.isoformat(),
        router=price.model == ROUTER_FEE_MODEL,
        data=data,
    )
