"""usage × prices → a receipt with line items. The only place where money is multiplied."""

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter

from msgspec import Struct

from faregate.core.pricebook import PriceBook, Rates, Unpriced
from faregate.money import Usd
from faregate.types import (
    UNITS,
    Charge,
    Context,
    Deployment,
    Line,
    Price,
    Receipt,
    RouterTrace,
    Status,
    Unit,
    Usage,
)

_FALLBACK: Mapping[Unit, Unit] = {
    # Without a price of its own a cached token is an input token: no discount was offered.
    "cache_read": "input",
    "cache_write": "input",
    "audio_cache_read": "audio_input",
    "image_cache_read": "image_input",
    # Vision models count a picture as prompt tokens at the text price.
    "image_input": "input",
}
_WEAKNESS: tuple[Status, ...] = ("priced", "estimated", "unsettled", "unpriced", "inconsistent")
_BASIS = 10_000
_quantities: Callable[[Usage], tuple[int, ...]] = attrgetter(*UNITS)


class Outcome(Struct, frozen=True, kw_only=True):
    """What one attempt turned out to be: the facts a charge is computed from."""

    requested_model: str
    """As the caller named it."""
    served_model: str
    """As the provider named it, without our prefix; empty when it never said."""
    usage: Usage | None
    """None when nothing is known of it."""
    tier: str = "standard"
    at: float = 0.0
    """Unix seconds; the prices of that instant apply."""
    trace: RouterTrace | None = None


class _Tally(Struct):
    """Lines as they are added up, and the first unit found without a price."""

    lines: list[Line]
    total: Usd = 0
    missing: str = ""

    def add(self, line: Line) -> None:
        self.lines.append(line)
        self.total += line.amount


def charge(book: PriceBook, price_list: str, deployment: Deployment, outcome: Outcome) -> Charge:
    """The charge of one attempt.

    ``price_list`` is the provider's name in the book. The result is ``unpriced`` (total None) when
    a unit that was used has no price in force, ``inconsistent`` when the provider's counts
    contradict one another, ``estimated`` when the counts are ours; else ``priced``.
    """
    usage = outcome.usage
    tally = _Tally(lines=[])
    served = outcome.served_model or (
        "" if deployment.route == "model_router" else _own(deployment)
    )
    reason = ""
    if usage is None:
        reason = "the provider's usage is unknown"
    else:
        if deployment.own_prices is not None:
            _own_lines(tally, deployment, usage)
        elif served:
            # A router's deployment is named for none of the models behind it.
            name = (deployment.base_model or served) if deployment.route == "direct" else served
            rates = book.lookup(price_list, name, deployment.scope, outcome.tier, at=outcome.at)
            if isinstance(rates, Unpriced):
                tally.missing = rates.reason
            else:
                _model_lines(tally, rates, usage, deployment.discount_bp)
        else:
            tally.missing = "the router did not say which model it served"
        if deployment.route == "model_router":
            _fee_line(tally, book, price_list, deployment, usage, outcome.at)
        reason = usage.problem or tally.missing
    known = usage is not None and not tally.missing and not (usage.problem and not tally.lines)
    return Charge(
        provider=deployment.provider,
        deployment=deployment.id,
        route=deployment.route,
        requested_model=outcome.requested_model,
        sent_model=deployment.upstream_model,
        served_model=served,
        scope=deployment.scope,
        tier=outcome.tier,
        usage=usage or Usage(),
        lines=tuple(tally.lines),
        total=tally.total if known else None,
        status=_status(usage, tally),
        reason=reason or ("counted by Faregate" if usage and usage.estimated else ""),
        at=outcome.at,
        trace=outcome.trace,
    )


def total(call_id: str, charges: Iterable[Charge]) -> Receipt:
    """The receipt of a call: its charges added up. The weakest charge decides the status."""
    kept = tuple(charges)
    if not kept:
        raise ValueError(f"call {call_id} has no charge, so it has no receipt")
    if len(kept) == 1:
        only = kept[0]
        return Receipt(call_id=call_id, charges=kept, total=only.total, status=only.status)
    amounts = [each.total for each in kept]
    return Receipt(
        call_id=call_id,
        charges=kept,
        total=None if None in amounts else sum(amount for amount in amounts if amount is not None),
        status=max((each.status for each in kept), key=_WEAKNESS.index),
    )


def _own(deployment: Deployment) -> str:
    return deployment.base_model or deployment.upstream_model


def _status(usage: Usage | None, tally: _Tally) -> Status:
    if usage is not None and usage.problem:
        return "inconsistent"
    if usage is None or tally.missing:
        return "unpriced"
    return "estimated" if usage.estimated else "priced"


def _model_lines(tally: _Tally, rates: Rates, usage: Usage, discount_bp: int) -> None:
    long = bool(rates.long_from) and usage.prompt >= rates.long_from
    prices = rates.long if long else rates.short
    if long and not prices:
        tally.missing = f"no price in this tier for a prompt of {usage.prompt:,} tokens"
        return
    context: Context = "long" if long else "short"
    for unit, quantity in zip(UNITS, _quantities(usage), strict=True):
        if not quantity:
            continue
        price = prices.get(unit) or _price_of(unit, prices)
        if price is None:
            tally.missing = tally.missing or f"no price for {unit} tokens"
            continue
        per_token = price.per_token
        if discount_bp:
            # Half up, to a whole pico-dollar a token; exact for every published price at 1 %.
            per_token = (per_token * (_BASIS - discount_bp) + _BASIS // 2) // _BASIS
        tally.add(
            Line(
                kind="model",
                unit=unit,
                priced_as=price.unit,
                quantity=quantity,
                per_token=per_token,
                amount=quantity * per_token,
                price_id=price.id,
                context=context,
            )
        )


def _price_of(unit: Unit, prices: Mapping[Unit, Price]) -> Price | None:
    found = prices.get(unit)
    if found is not None or unit not in _FALLBACK:
        return found
    return _price_of(_FALLBACK[unit], prices)


def _own_lines(tally: _Tally, deployment: Deployment, usage: Usage) -> None:
    assert deployment.own_prices is not None
    prices = deployment.own_prices.per_token
    for unit in UNITS:
        quantity: int = getattr(usage, unit)
        if not quantity:
            continue
        priced_as: Unit | None = unit
        while priced_as is not None and priced_as not in prices:
            priced_as = _FALLBACK.get(priced_as)
        if priced_as is None:
            tally.missing = tally.missing or f"the deployment states no price for {unit} tokens"
            continue
        per_token = prices[priced_as]
        tally.add(
            Line(
                kind="model",
                unit=unit,
                priced_as=priced_as,
                quantity=quantity,
                per_token=per_token,
                amount=quantity * per_token,
                price_id=f"deployment/{deployment.id}/{priced_as}",
            )
        )


def _fee_line(
    tally: _Tally,
    book: PriceBook,
    price_list: str,
    deployment: Deployment,
    usage: Usage,
    at: float,
) -> None:
    """The routing fee: once, over every input token, cached and cache-written included."""
    per_token = deployment.router_fee
    if per_token is None:
        price = book.router_fee(price_list, at)
        if price is None:
            return
        per_token, price_id = price.per_token, price.id
    else:
        price_id = f"deployment/{deployment.id}/router_fee"
    prompt = usage.prompt
    if not prompt or not per_token:
        return
    tally.add(
        Line(
            kind="router_fee",
            unit="input",
            priced_as="input",
            quantity=prompt,
            per_token=per_token,
            amount=prompt * per_token,
            price_id=price_id,
        )
    )
