"""A receipt as it is shown: with the price rows its lines name."""

from typing import Literal

from faregate.admin.wire import Instant, Money, Shown, instant, maybe_money, money
from faregate.control.prices import OWN
from faregate.core.pricebook import PriceBook
from faregate.core.receipt_text import label
from faregate.errors import PriceBookError
from faregate.money import format_price
from faregate.types import UNITS, Context, RouterTrace, Status, Unit, Usage
from faregate.types import Charge as ChargeValue
from faregate.types import Line as LineValue
from faregate.types import Price as PriceValue
from faregate.types import Receipt as ReceiptValue

Tokens = dict[str, int]
"""By unit, and ``reasoning`` as a shown part of the output; only what is not zero."""


class Price(Shown):
    """A row of the price book."""

    id: str
    provider: str
    """The price list."""
    model: str
    scope: str
    tier: str
    context: Context
    context_from: int
    """For `long`: the smallest prompt, in tokens, that is billed so."""
    unit: Unit
    usd_per_million: Money
    effective_from: Instant
    effective_to: Instant | None
    source: str
    source_meter: str
    observed_at: Instant
    confidence: Literal["meter", "page", "vendor_list", "derived", "own"]
    added: bool
    """Whether somebody added it here; such a row can be removed again."""


class Line(Shown):
    """One line of a charge: quantity x unit price."""

    kind: Literal["model", "router_fee"]
    label: str
    unit: Unit
    priced_as: Unit
    context: Context
    quantity: int
    usd_per_million: Money
    amount: Money
    price_id: str
    price: Price | None
    """The row, where the book has it: a deployment's own price is none."""


class TriedModel(Shown):
    """One model the router tried."""

    model: str
    status: int | None
    error: str


class Trace(Shown):
    """What Azure's router says of its decision."""

    mode: str
    latency_ms: int | None
    affinity: str
    attempts: list[TriedModel]


class Charge(Shown):
    """What one attempt cost."""

    provider: str
    deployment: str
    route: Literal["direct", "model_router"]
    requested_model: str
    sent_model: str
    served_model: str
    scope: str
    tier: str
    at: Instant
    """The prices of this instant apply."""
    status: Status
    reason: str
    tokens: Tokens
    lines: list[Line]
    total: Money | None
    router: Trace | None


class Receipt(Shown):
    """All charges of a call."""

    call_id: str
    currency: Literal["USD"]
    status: Status
    total: Money | None
    """Null while it cannot be known; the lines that are known are still there."""
    router_fee: Money | None
    """A part of the total; null where no router was asked."""
    charges: list[Charge]


def show_receipt(receipt: ReceiptValue, book: PriceBook) -> Receipt:
    """A receipt as it is shown."""
    return Receipt(
        call_id=receipt.call_id,
        currency="USD",
        status=receipt.status,
        total=maybe_money(receipt.total),
        router_fee=maybe_money(receipt.router_fee),
        charges=[_charge(each, book) for each in receipt.charges],
    )


def show_price(price: PriceValue) -> Price:
    """A price row as it is shown."""
    return Price(
        id=price.id,
        provider=price.provider,
        model=price.model,
        scope=price.scope,
        tier=price.tier,
        context=price.context,
        context_from=price.context_from,
        unit=price.unit,
        usd_per_million=format_price(price.per_token),
        effective_from=instant(price.effective_from),
        effective_to=None if price.effective_to is None else instant(price.effective_to),
        source=price.source,
        source_meter=price.source_meter,
        observed_at=instant(price.observed_at),
        confidence=price.confidence,
        added=price.id.startswith(OWN),
    )


def tokens_of(usage: Usage) -> Tokens:
    """Counts that are not zero, by unit."""
    return {unit: n for unit in (*UNITS, "reasoning") if (n := getattr(usage, unit))}


def add_up(counts: list[Tokens]) -> Tokens:
    """Counts of several charges."""
    total: dict[str, int] = {}
    for each in counts:
        for unit, count in each.items():
            total[unit] = total.get(unit, 0) + count
    return total


def _charge(charge: ChargeValue, book: PriceBook) -> Charge:
    return Charge(
        provider=charge.provider,
        deployment=charge.deployment,
        route=charge.route,
        requested_model=charge.requested_model,
        sent_model=charge.sent_model,
        served_model=charge.served_model,
        scope=charge.scope,
        tier=charge.tier,
        at=instant(charge.at),
        status=charge.status,
        reason=charge.reason,
        tokens=tokens_of(charge.usage),
        lines=[_line(each, book) for each in charge.lines],
        total=maybe_money(charge.total),
        router=None if charge.trace is None else _trace(charge.trace),
    )


def _line(line: LineValue, book: PriceBook) -> Line:
    try:
        price = show_price(book.price(line.price_id))
    except PriceBookError:
        price = None
    return Line(
        kind=line.kind,
        label=label(line),
        unit=line.unit,
        priced_as=line.priced_as,
        context=line.context,
        quantity=line.quantity,
        usd_per_million=format_price(line.per_token),
        amount=money(line.amount),
        price_id=line.price_id,
        price=price,
    )


def _trace(trace: RouterTrace) -> Trace:
    return Trace(
        mode=trace.mode,
        latency_ms=trace.latency_ms,
        affinity=trace.affinity,
        attempts=[
            TriedModel(model=each.model, status=each.status, error=each.error)
            for each in trace.attempts
        ],
    )
