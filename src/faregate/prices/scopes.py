"""Where a metered price applies: from the meter's scope and its regions to the book's scopes.

The API has an item for each region. A Global price is the same everywhere; a data-zone price
depends on the region's zone; a regional price on the region. See docs/adr/0003.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from faregate.money import format_price
from faregate.providers.azure_regions import zone_of

ZONES = ("us", "eu", "apac")
_NO_REGION = frozenset({"global", "Global", ""})

# APAC costs 1.2 times Global where the US costs 1.1: 1.0909 times, but for the meters' rounding.
_DEARER = (1.06, 1.13)


class Quote(Struct, frozen=True, kw_only=True):
    """One price of a meter: pico-dollars a token, since when, and where as far as it is said."""

    per_token: int
    since: float
    regions: tuple[str, ...]
    count: int
    meter: str


class Placed(Struct, frozen=True, kw_only=True):
    """A price with the scope it has in the book."""

    scope: str
    per_token: int
    since: float
    meter: str


class Conflict(Struct, frozen=True):
    """A price that cannot be placed, for a person to look at."""

    problem: str


Answer: TypeAlias = Iterator[Placed | Conflict]


def place(model: str, family: str, quotes: Sequence[Quote], reference: int | None) -> Answer:
    """The scopes of one unit's quotes. ``reference`` is its Global price, where there is one."""
    named, unnamed = _split(quotes)
    gov = {region: named.pop(region) for region in list(named) if zone_of(region) == "gov"}
    yield from _gov(family, gov)
    if family == "data_zone":
        yield from _data_zones(model, named, unnamed, reference)
    elif family == "global":
        yield from _one_price("global", unnamed + [q for found in named.values() for q in found])
    else:
        yield from _regions(named, unnamed)


def _split(quotes: Sequence[Quote]) -> tuple[dict[str, list[Quote]], list[Quote]]:
    named: dict[str, list[Quote]] = defaultdict(list)
    unnamed: list[Quote] = []
    for quote in quotes:
        regions = [region for region in quote.regions if region not in _NO_REGION]
        if not regions:
            unnamed.append(quote)
        for region in regions:
            named[region].append(
                Quote(
                    per_token=quote.per_token,
                    since=quote.since,
                    regions=(region,),
                    count=1,
                    meter=quote.meter,
                )
            )
    return named, unnamed


def _by_price(quotes: Sequence[Quote]) -> list[list[Quote]]:
    """Quotes of the same price together, the commonest price first."""
    groups: dict[int, list[Quote]] = defaultdict(list)
    for quote in quotes:
        groups[quote.per_token].append(quote)
    return sorted(groups.values(), key=lambda found: (-sum(q.count for q in found), found[0].since))


def _placed(scope: str, quotes: Sequence[Quote]) -> Placed:
    first = min(quotes, key=lambda quote: quote.since)
    return Placed(scope=scope, per_token=first.per_token, since=first.since, meter=first.meter)


def _one_price(scope: str, quotes: Sequence[Quote]) -> Answer:
    groups = _by_price(quotes)
    if not groups:
        return
    yield _placed(scope, groups[0])
    for other in groups[1:]:
        where = sorted({region for quote in other for region in quote.regions})
        yield Conflict(
            f"{_usd(other[0])} in {', '.join(where) or f'{other[0].count} unnamed regions'} "
            f"beside {_usd(groups[0][0])}; only the commoner price was taken"
        )


def _gov(family: str, named: Mapping[str, list[Quote]]) -> Answer:
    """Government clouds are a scope of their own: about a quarter dearer, and never routed to."""
    yield from _one_price(f"gov_{family}", [quote for found in named.values() for quote in found])


def _regions(named: Mapping[str, list[Quote]], unnamed: Sequence[Quote]) -> Answer:
    for region, quotes in sorted(named.items()):
        yield from _one_price(f"regional:{region}", quotes)
    yield from _one_price("regional", unnamed)


def _data_zones(
    model: str, named: Mapping[str, list[Quote]], unnamed: Sequence[Quote], reference: int | None
) -> Answer:
    zones: dict[str, list[Quote]] = {zone: [] for zone in ZONES}
    for quotes in sorted(_by_price(unnamed), key=lambda found: found[0].per_token):
        where = _zones_of_unnamed(model, quotes[0].per_token, zones["us"], reference)
        if not where:
            yield Conflict(f"{_usd(quotes[0])} in {quotes[0].count} unnamed regions fits no zone")
        for zone in where:
            zones[zone] += quotes
    prices: dict[str, int] = {}
    for zone, inferred in zones.items():
        local = [q for region, found in named.items() if zone_of(region) == zone for q in found]
        groups = _by_price(inferred) or _by_price(local)
        if not groups:
            continue
        prices[zone] = price = groups[0][0].per_token
        yield _placed(f"data_zone_{zone}", groups[0] + [q for q in local if q.per_token == price])
    for region, quotes in sorted(named.items()):
        zone = zone_of(region)
        ordinary = {prices[zone]} if zone in prices else set(prices.values())
        odd = [quote for quote in quotes if quote.per_token not in ordinary]
        yield from _one_price(f"data_zone_{zone}:{region}", odd)


def _zones_of_unnamed(
    model: str, price: int, ordinary: Sequence[Quote], reference: int | None
) -> tuple[str, ...]:
    """The zones a price belongs to when a list of meters does not name its regions.

    The cheapest is the price of the US zone, and of the EU zone up to gpt-5.6; a tenth of Global
    more than that is the price of APAC, and from gpt-6 on of the EU too.
    """
    later = model.startswith("gpt-6")
    if not ordinary:
        absurd = reference is not None and not reference <= price <= 2 * reference
        return () if absurd else (("us",) if later else ("us", "eu"))
    low, high = _DEARER
    if low <= price / ordinary[0].per_token <= high:
        return ("eu", "apac") if later else ("apac",)
    return ()


def _usd(quote: Quote) -> str:
    return f"{format_price(quote.per_token)} USD"
