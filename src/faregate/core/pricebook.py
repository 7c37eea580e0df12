"""The price book: (provider, model, scope, tier, instant) to the price rows in force.

The book is bi-temporal. ``effective_from`` says when a price applies, ``observed_at`` when it was
learnt; history is appended and never rewritten, so :meth:`PriceBook.as_known` can tell what a bill
computed on some day was based on. A question no row answers gets :class:`Unpriced` with the
reason, never zero and never a price of something similar.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from faregate.errors import PriceBookError
from faregate.types import Price, Scope, Tier, Unit

Vendor = Callable[[str, str], Iterable[Price]]
"""(provider, model as the caller spelled it) to list prices, asked once where the book has none."""

ROUTER_FEE_MODEL = "model-router"
"""The model name under which a provider's routing fee is kept."""

SCOPES = (
    "global",
    "data_zone_us",
    "data_zone_eu",
    "data_zone_apac",
    "regional",
    "gov_global",
    "gov_data_zone",
    "gov_regional",
)
"""Where a deployment is billed. A region can follow: ``regional:swedencentral``."""


def is_scope(name: str) -> bool:
    """Whether a scope can be priced at all, with or without a region."""
    family, _, region = name.partition(":")
    return family in SCOPES and (not region or region.isalnum()) and not name.endswith(":")


_MEMORY = 4096
"""How many spellings of (provider, model, scope, tier) are remembered; a bound, not a tuning."""


class Rates(Struct, frozen=True):
    """The prices in force for one model, scope and tier.

    ``short`` and ``long`` map units to rows; ``long`` is empty where there is no long-context
    price. ``long_from`` is the smallest prompt, in tokens, that is billed by ``long`` (0: never).
    With ``long_from`` and no ``long``, such prompts have no price: the standard tier has one of
    their own, and this tier does not.
    """

    short: Mapping[Unit, Price]
    long: Mapping[Unit, Price]
    long_from: int


class Unpriced(Struct, frozen=True):
    """No row answers the question; ``reason`` says what was asked and what the book does have."""

    reason: str


class _Timeline(Struct, frozen=True):
    """Segments of constant prices: ``rates[i]`` holds from ``starts[i - 1]`` to ``starts[i]``."""

    starts: list[float]
    rates: list[Rates | None]


class PriceBook:
    """Every price known, dated and sourced. Immutable to its callers; safe to share."""

    def __init__(
        self,
        prices: Iterable[Price],
        names: Mapping[tuple[str, str], str] | None = None,
        vendor: Vendor | None = None,
    ) -> None:
        """Index ``prices``; ``names`` maps (provider, alias in lower case) to the model's name.

        Raises :class:`~faregate.errors.PriceBookError` when two rows share an id.
        """
        self._names: Mapping[tuple[str, str], str] = names or {}
        self._vendor = vendor
        self._asked: set[tuple[str, str]] = set()
        self._by_id: dict[str, Price] = {}
        self._by_model: dict[tuple[str, str], list[Price]] = {}
        self._timelines: dict[tuple[str, str, Scope, Tier], _Timeline] = {}
        self._fees: dict[str, _Timeline] = {}
        for price in prices:
            self._add(price)

    def lookup(
        self,
        provider: str,
        model: str,
        scope: Scope = "global",
        tier: Tier = "standard",
        *,
        at: float,
    ) -> Rates | Unpriced:
        """The prices in force at the Unix instant ``at``, or why there are none.

        ``model`` matches in any case, and by the aliases of the names file. Of several rows for a
        unit one of a person's own wins, then the latest ``effective_from``, then the latest
        ``observed_at``. A region of a data zone (``data_zone_eu:polandcentral``) has its zone's
        price for every unit that has no price of its own there. ``model-router`` is never priced as
        a model: its row is a fee.
        """
        timeline = self._timelines.get((provider, model, scope, tier))
        if timeline is None:
            timeline = self._remember(provider, model, scope, tier)
        rates = timeline.rates[bisect_right(timeline.starts, at)]
        if rates is not None:
            return rates
        return Unpriced(self._reason(provider, model, scope, tier, at))

    def router_fee(self, provider: str, at: float) -> Price | None:
        """The routing fee a provider takes for one input token at ``at``; None where it has none.

        One row, under scope ``global``, serves every scope: no other rate is published.
        """
        timeline = self._fees.get(provider)
        if timeline is None:
            rows = self._by_model.get((provider, ROUTER_FEE_MODEL), [])
            timeline = self._fees[provider] = _timeline(rows)
        rates = timeline.rates[bisect_right(timeline.starts, at)]
        return None if rates is None else rates.short.get("input")

    def as_known(self, at: float) -> "PriceBook":
        """The book as it stood at ``at``: only the rows observed by then.

        A vendor's list says what is known today and not since when, so it is left out.
        """
        return PriceBook((row for row in self._kept() if row.observed_at <= at), self._names)

    def with_prices(self, more: Iterable[Price]) -> "PriceBook":
        """This book and further rows, which go before the others where they are people's own.

        Raises :class:`~faregate.errors.PriceBookError` for an id that is there already.
        """
        return PriceBook((*self._kept(), *more), self._names, self._vendor)

    def find(self, provider: str, model: str) -> tuple[Price, ...]:
        """Every row of a model, superseded ones included, in the order they were read."""
        return tuple(self._rows(provider, model))

    def models(self, provider: str | None = None) -> tuple[str, ...]:
        """The names of all models with rows, sorted; of one provider, or of all."""
        found = {name for owner, name in self._by_model if provider in (None, owner)}
        return tuple(sorted(found))

    def providers(self) -> tuple[str, ...]:
        """The providers with rows, sorted."""
        return tuple(sorted({owner for owner, _ in self._by_model}))

    def prices(self) -> tuple[Price, ...]:
        """Every row, in the order they were read."""
        return tuple(self._by_id.values())

    def price(self, price_id: str) -> Price:
        """The row with this id; :class:`~faregate.errors.PriceBookError` if there is none."""
        found = self._by_id.get(price_id)
        if found is None:
            raise PriceBookError(f"the price book has no row with the id {price_id!r}")
        return found

    def canonical(self, provider: str, model: str) -> str:
        """The name under which ``model`` is kept: its alias resolved, in lower case."""
        lower = model.strip().lower()
        return self._names.get((provider, lower), lower)

    def _kept(self) -> list[Price]:
        """The rows that are no vendor's."""
        return [
            row
            for row in self._by_id.values()
            if row.confidence == "own" or (row.provider, row.model) not in self._asked
        ]

    def _add(self, price: Price) -> None:
        if price.id in self._by_id:
            raise PriceBookError(f"two price rows share the id {price.id!r}; an id is used once")
        self._by_id[price.id] = price
        self._by_model.setdefault((price.provider, price.model), []).append(price)

    def _rows(self, provider: str, model: str) -> list[Price]:
        name = self.canonical(provider, model)
        key = (provider, name)
        found = self._by_model.get(key) or []
        # A price of somebody's own for one unit must not hide the vendor's for the others.
        bare = all(row.confidence == "own" for row in found)
        if bare and self._vendor is not None and key not in self._asked:
            if len(self._asked) >= _MEMORY:  # names come from upstreams: do not grow for ever
                return found
            for price in self._vendor(provider, name):
                if price.id not in self._by_id:  # another thread may have asked at the same time
                    self._add(price)
            self._asked.add(key)
            found = self._by_model.get(key) or []
        return found

    def _priced(self, provider: str, model: str) -> list[Price]:
        rows = self._rows(provider, model)
        return [row for row in rows if row.model != ROUTER_FEE_MODEL]

    def _remember(self, provider: str, model: str, scope: Scope, tier: Tier) -> _Timeline:
        rows = [row for row in self._priced(provider, model) if row.tier == tier]
        placed = [row for row in rows if row.scope in _scopes(scope)]
        usual: list[Price] = []
        if placed and tier != "standard":
            every = self._priced(provider, model)
            usual = [row for row in every if row.tier == "standard" and row.scope in _scopes(scope)]
        timeline = _timeline(placed, usual)
        if len(self._timelines) >= _MEMORY:
            self._timelines.clear()
        self._timelines[(provider, model, scope, tier)] = timeline
        return timeline

    def _reason(self, provider: str, model: str, scope: Scope, tier: Tier, at: float) -> str:
        asked = f"{model!r} of {provider} (scope {scope}, tier {tier}) on {_day(at)}"
        rows = self._priced(provider, model)
        if not rows:
            return f"no price for {asked}: the price book does not know this model"
        same = [row for row in rows if row.scope in _scopes(scope) and row.tier == tier]
        if same:
            days = sorted({_span(row) for row in same})
            return f"no price for {asked}: its prices there are in force {', '.join(days)}"
        others = sorted({f"{row.scope}/{row.tier}" for row in rows})
        more = f" and {len(others) - 6} more" if len(others) > 6 else ""
        return f"no price for {asked}: the price book has it for {', '.join(others[:6])}{more}"


def _timeline(rows: list[Price], usual: Sequence[Price] = ()) -> _Timeline:
    """``usual`` are the standard tier's rows, for a tier that is not: they say what is long."""
    edges = {row.effective_from for row in (*rows, *usual)}
    edges.update(row.effective_to for row in (*rows, *usual) if row.effective_to is not None)
    starts = sorted(edges)
    return _Timeline(starts, [None, *(_rates(rows, usual, start) for start in starts)])


def _rates(rows: Sequence[Price], usual: Sequence[Price], at: float) -> Rates | None:
    best: dict[tuple[str, Unit], Price] = {}
    for row in rows:
        if row.effective_from > at or (row.effective_to is not None and at >= row.effective_to):
            continue
        rival = best.get((row.context, row.unit))
        if rival is None or _rank(row) >= _rank(rival):
            best[(row.context, row.unit)] = row
    short = {unit: row for (context, unit), row in best.items() if context == "short"}
    long = {unit: row for (context, unit), row in best.items() if context == "long"}
    if not short:
        return None
    standard = _rates(usual, (), at) if usual else None
    unsaid = standard.long_from if standard is not None else 0
    return Rates(short, long, min((row.context_from for row in long.values()), default=unsaid))


def _rank(row: Price) -> tuple[bool, bool, float, float]:
    return ":" in row.scope, row.confidence == "own", row.effective_from, row.observed_at


def _scopes(scope: Scope) -> tuple[Scope, ...]:
    """The scopes whose rows answer for ``scope``: a region's own, then its data zone's."""
    zone, colon, _ = scope.partition(":")
    return (scope, zone) if colon and zone.startswith("data_zone") else (scope,)


def _day(at: float) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).date().isoformat()
    except (OverflowError, ValueError, OSError):
        return f"an instant outside the calendar ({at})"


def _span(row: Price) -> str:
    if row.effective_to is None:
        return f"from {_day(row.effective_from)}"
    return f"from {_day(row.effective_from)} until {_day(row.effective_to)}"
