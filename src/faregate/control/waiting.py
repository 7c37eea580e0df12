"""Calls whose cost is not known because a price is missing, and what fills it in later."""

from collections.abc import Awaitable, Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from faregate import providers
from faregate.control.desk import Desk
from faregate.core import receipt as receipts
from faregate.core.pricebook import PriceBook
from faregate.errors import ConfigError
from faregate.store.protocol import Store
from faregate.store.repricing import Learnt, Refill, refill
from faregate.types import Charge, Deployment, Receipt, Row, Usage

_NOTHING = Usage()


class Waiting(Struct, frozen=True, kw_only=True):
    """Calls of one served model that wait for a price."""

    price_list: str
    """Where the price book would have it; empty where the provider is not known any more."""
    provider: str
    served_model: str
    deployment: str
    calls: int


class Filled(Struct, frozen=True, kw_only=True):
    """What became of rows that waited."""

    filled: int
    """Rows that have their whole price now."""
    waiting: int
    """Rows that were looked at and still lack one."""
    cursor: str | None = None
    """Where to go on, when there are more rows than are looked at in one go."""


async def waiting(store: Store) -> list[Waiting]:
    """The served models without a price, the one with the most calls first; from the roll-ups."""
    lines = await store.spend(("provider", "served_model", "deployment"))
    found = [
        Waiting(
            price_list=price_list(provider),
            provider=provider,
            served_model=served,
            deployment=deployment,
            calls=line.unpriced,
        )
        for line in lines
        if line.unpriced
        for provider, served, deployment in (line.group,)
    ]
    return sorted(found, key=lambda each: (-each.calls, each.served_model, each.deployment))


async def fill(
    desk: Desk,
    book: PriceBook,
    deployments: Mapping[str, Deployment],
    learnt: Callable[[Learnt], Awaitable[None]] | None = None,
    cursor: str | None = None,
) -> Filled:
    """Give unpriced rows the prices that were in force when they were made, where there are any.

    Each gets an adjustment that keeps what was known before. ``deployments`` are those of the
    configuration, by id: their discounts and own prices apply.
    """

    def rate(row: Row) -> Receipt | None:
        return None if row.receipt is None else repriced(row.receipt, book, deployments)

    asked = Refill(at=desk.now, reason=f"price added by {desk.actor}", cursor=cursor)
    found = await refill(desk.store, rate, asked, learnt)
    return Filled(filled=found.filled, waiting=found.looked_at - found.filled, cursor=found.cursor)


def repriced(receipt: Receipt, book: PriceBook, deployments: Mapping[str, Deployment]) -> Receipt:
    """The receipt with what the book can price now; charges that have their price stay."""
    charges = tuple(
        _charge(each, book, deployments) if each.status == "unpriced" else each
        for each in receipt.charges
    )
    return receipts.total(receipt.call_id, charges)


def _charge(charge: Charge, book: PriceBook, deployments: Mapping[str, Deployment]) -> Charge:
    listed = price_list(charge.provider)
    if not listed or charge.usage == _NOTHING:  # what was used is not known, and never will be
        return charge
    outcome = receipts.Outcome(
        requested_model=charge.requested_model,
        served_model=charge.served_model,
        usage=charge.usage,
        tier=charge.tier,
        at=charge.at,
        trace=charge.trace,
    )
    return receipts.charge(book, listed, _deployment(charge, deployments), outcome)


def _deployment(charge: Charge, deployments: Mapping[str, Deployment]) -> Deployment:
    """The deployment as it was; what a charge does not tell is taken from the configuration."""
    plain = Deployment(
        id=charge.deployment,
        provider=charge.provider,
        route=charge.route,
        upstream_model=charge.sent_model,
        api_base="",
        scope=charge.scope,
    )
    known = deployments.get(charge.deployment)
    if known is None or (known.provider, known.route) != (charge.provider, charge.route):
        return plain
    return replace(
        plain,
        base_model=known.base_model,
        discount_bp=known.discount_bp,
        own_prices=known.own_prices,
        router_fee=known.router_fee,
    )


def price_list(provider: str) -> str:
    """The price list of a provider; empty for one that is not known."""
    try:
        return providers.get(provider).price_list
    except ConfigError:
        return ""
