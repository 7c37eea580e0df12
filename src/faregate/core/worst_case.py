"""What a call may cost at most: the amount that is held before it goes out.

A bound, not a charge: it is the dearest answer the request allows, from the dearest model that may
give it, in the dearest of the units, tiers and contexts that may apply, routing fee included. Its
rates are read off the lines of :mod:`faregate.core.receipt`, so discounts, prices of a deployment's
own and long context are those of the charge to come.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from msgspec import Struct

from faregate.core.asking import Ask
from faregate.core.budget import OnUnpriced, Reserving
from faregate.core.model_limits import POOL, Limits, limits_of
from faregate.core.pricebook import PriceBook, Unpriced
from faregate.core.receipt import Outcome, charge
from faregate.money import Usd
from faregate.types import Deployment, Line, Usage

_Any = TypeVar("_Any")

_MINUTE = 60
_MEMORY = 1024
_VAST = 10**9
_BYTES_A_TOKEN = 4
_TEXT = frozenset({"input", "cache_read", "cache_write", "image_input", "image_cache_read"})
_TIERS = {
    "": ("standard",),
    "default": ("standard",),
    "standard": ("standard",),
    "auto": ("standard", "priority"),
}
"""The tiers an answer to a ``service_tier`` may be billed in; other names: theirs or standard."""


class Policy(Struct, frozen=True, kw_only=True):
    """How much is held."""

    reserve: Reserving = "worst_case"
    on_unpriced: OnUnpriced = "allow"
    typical_output: int = 1_000
    """Tokens an estimate assumes for an answer whose length the request does not limit."""


class Bound(Struct, frozen=True, kw_only=True):
    """An amount to hold, and what it is for."""

    amount: Usd
    model: str = ""
    """The model it assumes."""
    prompt: int = 0
    output: int = 0
    unknown: tuple[str, ...] = ()
    """Models that may answer and have no price; under ``worst_case`` the dearest stands in."""


class _Rates(Struct, frozen=True):
    """Pico-dollars a token of one model that may answer, the routing fee among them."""

    model: str
    limits: Limits
    read: Usd
    say: Usd
    long_read: Usd
    long_say: Usd
    long_from: int
    """From which prompt on the long rates apply; 0: never."""


class _Candidates(Struct, frozen=True):
    rates: tuple[_Rates, ...]
    unknown: tuple[str, ...]


class WorstCases:
    """The bounds of calls, by one price book. Remembers rates for a minute; safe to share."""

    def __init__(self, book: PriceBook, pool: tuple[str, ...] = POOL) -> None:
        """``pool`` are the models a router picks from where it has no subset."""
        self._book = book
        self._pool = pool
        self._kept: dict[tuple[object, ...], _Candidates] = {}
        self._of_model: dict[tuple[object, ...], tuple[_Rates, ...]] = {}

    def bound(
        self, price_list: str, deployment: Deployment, ask: Ask, at: float, policy: Policy
    ) -> Bound:
        """What a call to ``deployment`` may cost at the Unix instant ``at``.

        ``price_list`` is the provider's name in the book. Prices that change within a minute of
        ``at`` are taken into account. Retries and fallbacks that are billed as well are not in it.
        """
        found = self._candidates(price_list, deployment, ask, at, self._models(deployment, ask))
        rates = found.rates
        if found.unknown and policy.on_unpriced == "worst_case":
            every = self._pool_of(price_list)
            rates += self._candidates(price_list, deployment, ask, at, every).rates
        measure = _worst if policy.reserve == "worst_case" else _typical(policy)
        most, model, read, said = -1, "", 0, 0
        for each in rates:
            prompt, output = measure(ask, each.limits)
            amount = prompt * each.read + output * each.say
            if each.long_from and prompt >= each.long_from:
                amount = max(amount, prompt * each.long_read + output * each.long_say)
            if amount > most:
                most, model, read, said = amount, each.model, prompt, output
        return Bound(
            amount=max(most, 0), model=model, prompt=read, output=said, unknown=found.unknown
        )

    def _models(self, deployment: Deployment, ask: Ask) -> tuple[str, ...]:
        if deployment.base_model:
            return (deployment.base_model,)
        if deployment.route == "model_router":
            return ask.subset or self._pool
        return (deployment.upstream_model,)

    def _pool_of(self, price_list: str) -> tuple[str, ...]:
        if price_list == "azure":
            return self._pool
        return self._book.models(price_list)

    def _candidates(
        self,
        price_list: str,
        deployment: Deployment,
        ask: Ask,
        at: float,
        models: tuple[str, ...],
    ) -> _Candidates:
        minute = int(at) // _MINUTE
        facts = (
            price_list, deployment.id, minute, ask.audio_in, ask.audio_out, ask.hour_cache,
            ask.output == 0, ask.tier,
        )  # fmt: skip
        name = (models, *facts)
        known = self._kept.get(name)
        if known is not None:
            return known
        rates: list[_Rates] = []
        unknown = []
        for model in models:
            made = self._of_model.get((model, *facts))
            if made is None:
                made = tuple(
                    each
                    for tier in _tiers(ask.tier)
                    for instant in (minute * _MINUTE, (minute + 2) * _MINUTE)
                    if (each := self._rates(price_list, deployment, model, tier, instant, ask))
                )
                _keep(self._of_model, (model, *facts), made)
            rates += made
            if not made:
                unknown.append(model)
        found = _Candidates(_undominated(rates), tuple(unknown))
        _keep(self._kept, name, found)
        return found

    def _rates(
        self,
        price_list: str,
        deployment: Deployment,
        model: str,
        tier: str,
        at: float,
        ask: Ask,
    ) -> _Rates | None:
        def lines(quantity: int) -> tuple[Line, ...]:
            usage = Usage(
                input=quantity,
                cache_read=quantity,
                cache_write=quantity,
                cache_write_1h=quantity,
                output=1,
                audio_input=quantity,
                audio_cache_read=quantity,
                audio_output=1,
                image_input=quantity,
                image_cache_read=quantity,
            )
            outcome = Outcome(requested_model="", served_model=model, usage=usage, tier=tier, at=at)
            return charge(self._book, price_list, deployment, outcome).lines

        short = _sides(lines(1), ask)
        if short is None:
            return None
        found = self._book.lookup(
            price_list, deployment.base_model or model, deployment.scope, tier, at=at
        )
        long_from = 0 if isinstance(found, Unpriced) or not found.long else found.long_from
        if deployment.own_prices is not None:
            long_from = 0
        long = _sides(lines(_VAST), ask) if long_from else None
        read, say = short
        long_read, long_say = long or short
        limits = limits_of(model, price_list)
        return _Rates(model, limits, read, say, long_read, long_say, long_from)


def _sides(lines: Iterable[Line], ask: Ask) -> tuple[Usd, Usd] | None:
    """The dearest token read (with the fee) and said; None without a price for either."""
    read: list[Usd] = []
    say: list[Usd] = []
    fee = 0
    for line in lines:
        if line.kind == "router_fee":
            fee = line.per_token
        elif line.unit in ("output", "audio_output"):
            if line.unit == "output" or ask.audio_out:
                say.append(line.per_token)
        elif (
            line.unit in _TEXT
            or (line.unit == "cache_write_1h" and ask.hour_cache)
            or (line.unit.startswith("audio") and ask.audio_in)
        ):
            read.append(line.per_token)
    if not read or not (say or ask.output == 0):
        return None
    return max(read) + fee, max(say, default=0)


def _keep(memory: dict[tuple[object, ...], _Any], name: tuple[object, ...], found: _Any) -> None:
    if len(memory) >= _MEMORY:  # names come from clients, and minutes pass
        memory.clear()
    memory[name] = found


def _tiers(asked: str) -> tuple[str, ...]:
    return _TIERS.get(asked, ("standard", asked))


def _undominated(rates: list[_Rates]) -> tuple[_Rates, ...]:
    """Without the models that another one exceeds in everything."""
    kept: list[_Rates] = []
    for each in sorted(rates, key=lambda one: (one.say, one.read), reverse=True):
        if not any(_exceeds(other, each) for other in kept):
            kept.append(each)
    return tuple(kept)


def _exceeds(one: _Rates, other: _Rates) -> bool:
    return (
        one.read >= other.read
        and one.say >= other.say
        and (not other.long_from or 0 < one.long_from <= other.long_from)
        and one.long_read >= other.long_read
        and one.long_say >= other.long_say
        and one.limits.context >= other.limits.context
        and one.limits.output >= other.limits.output
        and one.limits.image >= other.limits.image
        and one.limits.thinks_beyond >= other.limits.thinks_beyond
    )


def _worst(ask: Ask, limits: Limits) -> tuple[int, int]:
    context, most = limits.context, limits.output
    prompt = context if ask.elsewhere else ask.size + ask.images * limits.image
    output = most if ask.output is None or ask.output > most else ask.output
    if limits.thinks_beyond and output:
        output = most
    return min(prompt, context), output * ask.choices


def _typical(policy: Policy) -> Callable[[Ask, Limits], tuple[int, int]]:
    def measure(ask: Ask, limits: Limits) -> tuple[int, int]:
        text = -(-ask.size // _BYTES_A_TOKEN) if ask.counted is None else ask.counted
        stated = policy.typical_output if ask.output is None else ask.output
        return min(text, limits.context), min(stated, limits.output) * ask.choices

    return measure
