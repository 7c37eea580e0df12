"""In which order the deployments of a model are tried. Each strategy orders indexes of a group.

Randomness is an argument: ``roll()`` is a number from 0 up to, not including, 1.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

from faregate.core.condition import STALE_AFTER, Condition
from faregate.money import Usd

Roll: TypeAlias = Callable[[], float]
Strategy: TypeAlias = Literal[
    "simple-shuffle",
    "least-busy",
    "latency-based-routing",
    "cost-based-routing",
    "usage-based-routing",
]
Order: TypeAlias = Callable[[list[int], "Facts", float, Roll], list[int]]

NEAR = 1.2
"""Latencies up to this many times the best one count as equal."""


class Facts:
    """What the strategies look at; position ``i`` is deployment ``i`` of the group.

    ``weights`` is None where all are equal. ``prices`` are pico-dollars for an input token plus an
    output token; None where they are unknown.
    """

    __slots__ = ("conditions", "prices", "weights")

    def __init__(
        self,
        conditions: Sequence[Condition],
        weights: Sequence[float] | None,
        prices: Callable[[int], Usd | None],
    ) -> None:
        self.conditions = conditions
        self.weights = weights
        self.prices = prices


def shuffle(among: list[int], facts: Facts, _now: float, roll: Roll) -> list[int]:
    """A random order by weight: the first place goes to each with its share of the weights.

    Weight 0 comes last.
    """
    weights = facts.weights
    if weights is None:
        return _even(among, roll)
    left = list(among)
    ordered: list[int] = []
    total = sum(weights[index] for index in left)
    while len(left) > 1 and total > 0:
        point = roll() * total
        for place, index in enumerate(left):  # noqa: B007 - the last one stands in for rounding
            point -= weights[index]
            if point < 0:
                break
        chosen = left.pop(place)
        ordered.append(chosen)
        total -= weights[chosen]
    return ordered + _even(left, roll)


def least_busy(among: list[int], facts: Facts, _now: float, roll: Roll) -> list[int]:
    """Fewest requests in flight first; ties at random."""
    conditions = facts.conditions
    return sorted(_even(among, roll), key=lambda index: conditions[index].in_flight)


def quickest(among: list[int], facts: Facts, now: float, roll: Roll) -> list[int]:
    """Shortest time to the first byte first; those near the best in random order.

    One that was not measured lately goes first while nothing is under way there, so that it gets
    measured, and last while a request is measuring it.
    """
    conditions = facts.conditions
    mixed = _even(among, roll)
    known: dict[int, float] = {}
    for index in mixed:
        latency = conditions[index].latency
        if latency is not None and now - conditions[index].measured_at <= STALE_AFTER:
            known[index] = latency
    near = min(known.values(), default=0.0) * NEAR

    def rank(index: int) -> tuple[int, float]:
        latency = known.get(index)
        if latency is None:
            return (2 if known and conditions[index].in_flight else 0), 0.0
        return 1, max(latency, near)

    return sorted(mixed, key=rank)


def cheapest(among: list[int], facts: Facts, _now: float, roll: Roll) -> list[int]:
    """Lowest price first, unknown prices last; ties at random."""
    prices = facts.prices
    mixed = _even(among, roll)
    priced = {index: price for index in mixed if (price := prices(index)) is not None}
    return sorted(mixed, key=lambda index: (index not in priced, priced.get(index, 0)))


def least_used(among: list[int], facts: Facts, now: float, roll: Roll) -> list[int]:
    """Smallest share of its rpm and tpm limits used in the last minute first.

    Between equal shares, as where nothing is limited, the fewest tokens decide, then chance.
    """
    conditions = facts.conditions

    def rank(index: int) -> tuple[float, int]:
        condition = conditions[index]
        return condition.use(now), condition.tokens.used(now) if condition.tokens else 0

    return sorted(_even(among, roll), key=rank)


ORDERS: Mapping[Strategy, Order] = {
    "simple-shuffle": shuffle,
    "least-busy": least_busy,
    "latency-based-routing": quickest,
    "cost-based-routing": cheapest,
    "usage-based-routing": least_used,
}


def _even(among: list[int], roll: Roll) -> list[int]:
    """A random order, every order as likely as any other."""
    mixed = list(among)
    for last in range(len(mixed) - 1, 0, -1):
        other = int(roll() * (last + 1))
        mixed[last], mixed[other] = mixed[other], mixed[last]
    return mixed
