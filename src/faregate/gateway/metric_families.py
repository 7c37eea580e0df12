"""Every metric the gateway has: its name, what it means, and how it is labelled.

``docs/reference/metrics.md`` says the same to a person; a test holds the two together. A family
holds integers only: counts, pico-dollars or microseconds. They become decimals when they are
written out, so a sum of money or of time is exact however long a process lives.
"""

from bisect import bisect_left
from collections import defaultdict
from typing import Literal, TypeAlias

Labels: TypeAlias = tuple[str, ...]
"""The values of a family's labels, in the family's order. An empty value is no label at all."""

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]
Measure: TypeAlias = Literal["count", "usd", "seconds"]
"""What the integers are: a plain count, pico-dollars, or microseconds."""

OVERHEAD_US = (50, 100, 150, 250, 500, 1_000, 2_500, 5_000, 10_000)
"""Upper bounds for our own part of a call, in microseconds."""

WAIT_US = (
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
    300_000_000,
)
"""Upper bounds for what a provider or a whole call takes, in microseconds."""


class Family:
    """One metric and its label names; the kinds below hold its numbers."""

    __slots__ = ("help", "kind", "labels", "measure", "name")

    def __init__(
        self,
        name: str,
        explained: str,
        labels: tuple[str, ...] = (),
        *,
        kind: Kind = "counter",
        measure: Measure = "count",
    ) -> None:
        self.name = name
        self.help = explained
        self.labels = labels
        self.kind: Kind = kind
        self.measure: Measure = measure


class Counts(Family):
    """A counter or a gauge: one integer for each combination of label values.

    The hot path adds to ``at[labels]`` itself: a method call costs more than the addition.
    """

    __slots__ = ("at",)

    def __init__(
        self,
        name: str,
        explained: str,
        labels: tuple[str, ...] = (),
        *,
        kind: Kind = "counter",
        measure: Measure = "count",
    ) -> None:
        super().__init__(name, explained, labels, kind=kind, measure=measure)
        self.at: defaultdict[Labels, int] = defaultdict(int)


class Histogram(Family):
    """Durations in microseconds, sorted into buckets.

    ``at[labels]`` has one count for each bound, one for what is over the last, and the sum.
    """

    __slots__ = ("at", "bounds")

    def __init__(
        self, name: str, explained: str, labels: tuple[str, ...], bounds: tuple[int, ...]
    ) -> None:
        super().__init__(name, explained, labels, kind="histogram", measure="seconds")
        self.bounds = bounds
        self.at: dict[Labels, list[int]] = {}

    def observe(self, labels: Labels, microseconds: int) -> None:
        """Count one duration; a negative one (a clock was set back) counts as zero."""
        cell = self.at.get(labels)
        if cell is None:
            cell = self.at[labels] = [0] * (len(self.bounds) + 2)
        cell[bisect_left(self.bounds, microseconds)] += 1
        if microseconds > 0:
            cell[-1] += microseconds


class Families:
    """All of them, empty. Attributes are in the order they are written out."""

    def __init__(self) -> None:
        self._calls()
        self._deployments()
        self._money()
        self._durations()

    def _calls(self) -> None:
        self.requests = Counts(
            "faregate_requests_total",
            "Admitted calls that ended, by status class of the answer and by outcome.",
            ("model", "deployment", "key", "status", "outcome"),
        )
        self.refusals = Counts(
            "faregate_refusals_total",
            "Requests refused before admission: no or a wrong key, unknown model, bad input.",
            ("status", "code"),
        )
        self.in_flight = Counts(
            "faregate_in_flight_requests", "Admitted calls that have not ended.", kind="gauge"
        )

    def _deployments(self) -> None:
        self.attempts = Counts(
            "faregate_attempts_total",
            "Calls to a deployment, by error code; a success has error none.",
            ("deployment", "error"),
        )
        self.fallbacks = Counts(
            "faregate_fallbacks_total",
            "Deployments that were left for the next one.",
            ("model",),
        )
        self.state = Counts(
            "faregate_deployment_state",
            "0 healthy, 1 cooling after failures, 2 half-open (one call may try).",
            ("deployment",),
            kind="gauge",
        )

    def _money(self) -> None:
        self.tokens = Counts(
            "faregate_tokens_total",
            "Tokens of billed attempts by disjoint unit; the units add up to all tokens.",
            ("model", "deployment", "key", "served_model", "unit"),
        )
        self.reasoning = Counts(
            "faregate_reasoning_tokens_total",
            "Reasoning tokens; they are part of the unit output of faregate_tokens_total.",
            ("model", "deployment", "served_model"),
        )
        self.spend = Counts(
            "faregate_spend_usd_total",
            "What is known of the cost in USD, router fee included; exact.",
            ("model", "deployment", "key", "served_model"),
            measure="usd",
        )
        self.router_fee = Counts(
            "faregate_router_fee_usd_total",
            "The routing fee in USD; it is part of faregate_spend_usd_total.",
            ("model", "deployment"),
            measure="usd",
        )
        self.charges = Counts(
            "faregate_charges_total",
            "Billed attempts by what their total is worth.",
            ("deployment", "status"),
        )
        self.unpriced = Counts(
            "faregate_unpriced_calls_total",
            "Billed attempts whose served model has no price in force: their cost is not in spend.",
            ("deployment", "served_model"),
        )

    def _durations(self) -> None:
        self.overhead = Histogram(
            "faregate_overhead_seconds",
            "Our own part of a call before its first byte goes to the client.",
            (),
            OVERHEAD_US,
        )
        self.request_time = Histogram(
            "faregate_request_seconds",
            "A whole call, from its arrival to the last byte of the answer.",
            ("model",),
            WAIT_US,
        )
        self.upstream_time = Histogram(
            "faregate_upstream_seconds",
            "Time a call spent waiting for upstreams, by the deployment that answered.",
            ("deployment",),
            WAIT_US,
        )
        self.first_chunk = Histogram(
            "faregate_time_to_first_chunk_seconds",
            "From a streamed call's arrival to its first byte going to the client.",
            ("deployment",),
            WAIT_US,
        )

    def counts(self) -> list[Counts]:
        """The counters, without gauges: what outlives a worker."""
        return [f for f in vars(self).values() if isinstance(f, Counts) and f.kind == "counter"]

    def histograms(self) -> list[Histogram]:
        """The histograms."""
        return [family for family in vars(self).values() if isinstance(family, Histogram)]

    def all(self) -> list[Family]:
        """Every family, in order."""
        return list(vars(self).values())
