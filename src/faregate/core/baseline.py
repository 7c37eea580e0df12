"""What the usage of a router would have cost on one fixed model."""

from collections.abc import Sequence
from typing import NamedTuple

from faregate.core.pricebook import PriceBook, Unpriced
from faregate.core.receipt import Outcome, charge
from faregate.money import Usd
from faregate.types import Deployment, OwnPrices, Scope, Usage

METHOD = (
    "The tokens of each day as they were used, at the list price of the model in the router's "
    "scope that was in force when the day began; standard tier, short context, no routing fee, no "
    "discount. Another model would have used other numbers of tokens; that is not guessed at."
)
"""For a person, beside the figures."""


class Day(NamedTuple):
    """What was used on a day, or a part of it."""

    at: float
    """When the day began (Unix seconds)."""
    usage: Usage


class Found(NamedTuple):
    """What it would have cost; None, and why, where that cannot be said."""

    total: Usd | None
    reason: str = ""


def baseline(
    book: PriceBook, price_list: str, scope: Scope, model: str, days: Sequence[Day]
) -> Found:
    """The cost of all ``days`` on ``model``.

    A day's usage is that of many calls, so it must not be taken for one long prompt: only the
    prices of short contexts are asked.
    """
    total = 0
    for day in days:
        rates = book.lookup(price_list, model, scope, at=day.at)
        if isinstance(rates, Unpriced):
            return Found(None, rates.reason)
        own = OwnPrices(per_token={unit: row.per_token for unit, row in rates.short.items()})
        found = charge(
            book,
            price_list,
            Deployment(
                id="baseline",
                provider=price_list,
                route="direct",
                upstream_model=model,
                api_base="",
                scope=scope,
                own_prices=own,
            ),
            Outcome(requested_model=model, served_model=model, usage=day.usage, at=day.at),
        )
        if found.total is None:
            return Found(
                None, f"{model}: {found.reason}".replace("the deployment states", "there is")
            )
        total += found.total
    return Found(total)
