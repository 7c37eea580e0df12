"""Model to ordered deployments; failure to the next attempt or stop.

Pure: the clock and the dice are arguments. ``now`` is in seconds of a clock that does not run
backwards, ``roll()`` a number from 0 up to, not including, 1. A process has one :class:`Router`::

    router = Router(settings.models, policy, find=settings.find, previous=old_router)
    attempts = router.attempts("my-model", deadline=now + 600, tokens=estimate)
    try:
        step = attempts.next(None, now, roll)
        while isinstance(step, Try):
            ...wait step.wait seconds, call step.deployment...
            attempts.answered(now)                  # at the first good byte
            step = attempts.next(error, now, roll)  # after a failure before that byte
        ...step.error, or step.limited when nothing was sent...
    finally:
        attempts.close(now, tokens=used)            # always; a hang-up included

``attempts.broke(error, now)`` tells of an upstream that died after its first byte. An error is
:class:`~faregate.types.ErrorFacts`; a timeout has status 408, a connection that failed 500 to 504.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from faregate.core.attempts import Attempts, Limited, Members, RetryRules, Stop, Try
from faregate.core.condition import Condition, HealthRules, Limits
from faregate.core.strategies import ORDERS, Facts, Roll, Strategy
from faregate.money import Usd
from faregate.types import Deployment

__all__ = [
    "Attempts",
    "Condition",
    "HealthRules",
    "Limited",
    "Policy",
    "RetryRules",
    "Roll",
    "Routable",
    "Router",
    "Stop",
    "Try",
]


class Routable(Protocol):
    """What routing has to know of a deployment; the configuration's entries are such."""

    @property
    def id(self) -> str:
        """Unique, and the same after a reload."""
        ...

    @property
    def deployment(self) -> Deployment:
        """For the price, where the price decides."""
        ...

    @property
    def rpm(self) -> int | None:
        """Requests a minute at most."""
        ...

    @property
    def tpm(self) -> int | None:
        """Tokens a minute at most."""
        ...

    @property
    def max_parallel_requests(self) -> int | None:
        """Requests at once at most."""
        ...

    @property
    def weight(self) -> float | None:
        """Its share of a shuffle; 1 where others state one and it does not."""
        ...

    @property
    def order(self) -> int:
        """Lower levels go first; a level is used when those before it cannot be."""
        ...

    @property
    def tags(self) -> tuple[str, ...]:
        """For requests that ask for a tag; ``default`` takes those that ask for none."""
        ...

    @property
    def max_retries(self) -> int | None:
        """How often it is tried again within one request."""
        ...


D = TypeVar("D", bound=Routable)


class Policy(Struct, frozen=True, kw_only=True):
    """How deployments are chosen, retried and put aside."""

    strategy: Strategy = "simple-shuffle"
    retry: RetryRules = RetryRules()
    health: HealthRules = HealthRules()
    tag_filtering: bool = False
    """Whether a request gets only deployments with the tags it asks for."""
    tags_match_any: bool = True
    """Whether one of the asked tags is enough; else a deployment needs all of them."""


class _Group(Generic[D]):
    """The deployments of one model with their conditions; built once, read for every request."""

    __slots__ = ("conditions", "everyone", "facts", "levels", "members", "retries", "sole")

    def __init__(
        self,
        members: tuple[D, ...],
        conditions: tuple[Condition, ...],
        price_of: Callable[[Deployment], Usd | None],
    ) -> None:
        self.members = members
        self.conditions = conditions
        self.everyone = tuple(range(len(members)))
        self.levels = tuple(sorted({member.order for member in members}))
        self.retries = tuple(member.max_retries for member in members)
        self.sole: Members[D] | None = None
        """The plan of a model whose one deployment has no limit; there is nothing to decide."""
        if len(members) == 1 and conditions[0].limits is None:
            self.sole = Members((0,), members, conditions, self.retries)
        self.facts = Facts(
            conditions, _weights(members), lambda index: price_of(members[index].deployment)
        )


class Router(Generic[D]):
    """The models a process serves and the condition of every deployment."""

    def __init__(
        self,
        models: Mapping[str, Sequence[D]],
        policy: Policy | None = None,
        *,
        price_of: Callable[[Deployment], Usd | None] | None = None,
        find: Callable[[str], Sequence[D]] | None = None,
        previous: "Router[D] | None" = None,
    ) -> None:
        """``price_of`` serves ``cost-based-routing``: pico-dollars for one input and one output
        token together; for a router, whose model is not known beforehand, what the caller holds
        to be likely plus the fee, or None. ``find`` answers for names that ``models`` lacks, such
        as aliases and wildcards. ``previous`` hands on what was learnt about deployments that are
        still there.
        """
        self.policy = policy or Policy()
        self._price_of = price_of or _unpriced
        self._find = find
        self._conditions: dict[str, Condition] = {}
        self._former = previous.conditions if previous is not None else {}
        self._order = ORDERS[self.policy.strategy]
        self._groups = {name: self._group(members) for name, members in models.items()}

    @property
    def conditions(self) -> Mapping[str, Condition]:
        """By deployment id; those of wildcard entries appear with their first request."""
        return self._conditions

    def attempts(
        self,
        model: str,
        *,
        deadline: float | None = None,
        tokens: int = 0,
        tags: Sequence[str] = (),
    ) -> Attempts[D]:
        """The attempts of one request; nothing is chosen yet.

        ``tokens`` is an estimate of what the request will count against tpm limits, ``tags`` what
        it asks for. ``deadline`` is an instant of the same clock as ``now``.
        """

        # No nested function: its annotations would be worked out again for every request.
        return Attempts(
            model,
            self.policy.retry,
            lambda name, now, roll: self._members(name, now, roll, tokens, tags),
            deadline=deadline,
            tokens=tokens,
        )

    def plan(
        self, model: str, now: float, roll: Roll, *, tokens: int = 0, tags: Sequence[str] = ()
    ) -> tuple[D, ...] | Limited | None:
        """The deployments of a model in the order they would be tried now; None: no such model.

        Those in a cooldown come last, those at a limit not at all; :class:`Limited` when all are.
        """
        found = self._members(model, now, roll, tokens, tags)
        if found is None or isinstance(found, Limited):
            return found
        return tuple(found.members[index] for index in found.order)

    def _members(
        self, name: str, now: float, roll: Roll, tokens: int, tags: Sequence[str]
    ) -> Members[D] | Limited | None:
        group = self._groups.get(name)
        if group is None:
            found = self._find(name) if self._find is not None else ()
            if not found:
                return None
            group = self._group(found)
        among = group.everyone
        if self.policy.tag_filtering:
            among = self._tagged(group, tags)
            if not among:
                return Limited(0.0, f"no deployment of {name!r} has the tags asked for")
        elif group.sole is not None:
            return group.sole
        order = self._ordered(group, among, now, roll, tokens)
        if isinstance(order, Limited):
            return order
        return Members(order, group.members, group.conditions, group.retries)

    def _ordered(
        self, group: _Group[D], among: tuple[int, ...], now: float, roll: Roll, tokens: int
    ) -> tuple[int, ...] | Limited:
        conditions = group.conditions
        ready: list[int] = []
        cooling: list[int] = []
        soonest = 0.0
        for index in among:
            condition = conditions[index]
            if condition.limits is not None:
                free = condition.free_at(now, tokens)
                if free > now:
                    soonest = min(soonest or free, free)
                    continue
            if condition.until and not condition.available(now):
                cooling.append(index)
            else:
                ready.append(index)
        if len(ready) > 1:
            ready = self._arranged(group, ready, now, roll)
        if cooling:
            ready += sorted(cooling, key=lambda index: conditions[index].until)
        if not ready:
            return Limited(soonest - now, "every deployment is at its limit")
        return tuple(ready)

    def _arranged(self, group: _Group[D], ready: list[int], now: float, roll: Roll) -> list[int]:
        if len(group.levels) == 1:
            return self._order(ready, group.facts, now, roll)
        ordered: list[int] = []
        for level in group.levels:
            same = [index for index in ready if group.members[index].order == level]
            ordered += self._order(same, group.facts, now, roll)
        return ordered

    def _tagged(self, group: _Group[D], tags: Sequence[str]) -> tuple[int, ...]:
        """Those with the tags asked for, else the ``default`` ones; all where none is asked for
        and none is a default. Never an untagged one for a request that asks for a tag."""
        wanted = set(tags)
        match = wanted.intersection if self.policy.tags_match_any else wanted.issubset
        owned = [member.tags for member in group.members]
        chosen = [i for i in group.everyone if wanted and match(owned[i])]
        if not chosen:
            chosen = [i for i in group.everyone if "default" in owned[i]]
        return tuple(chosen) if chosen or wanted else group.everyone

    def _group(self, members: Sequence[D]) -> _Group[D]:
        conditions = tuple(self._condition(member) for member in members)
        return _Group(tuple(members), conditions, self._price_of)

    def _condition(self, member: D) -> Condition:
        known = self._conditions.get(member.id)
        if known is not None:
            return known
        limits = Limits(rpm=member.rpm, tpm=member.tpm, parallel=member.max_parallel_requests)
        count = self.policy.strategy == "usage-based-routing"
        condition = self._former.get(member.id)
        if condition is None:
            condition = Condition(limits, self.policy.health, count=count)
        else:
            condition.adopt(limits, self.policy.health, count=count)
        self._conditions[member.id] = condition
        return condition


def _unpriced(_deployment: Deployment) -> Usd | None:
    return None


def _weights(members: Sequence[Routable]) -> tuple[float, ...] | None:
    """By weight where any states one, else by rpm or tpm where all state it, else equal."""
    stated = [member.weight for member in members]
    if any(weight is not None for weight in stated):
        found = tuple(1.0 if weight is None else weight for weight in stated)
    else:
        found = _limits([member.rpm for member in members]) or _limits(
            [member.tpm for member in members]
        )
    return None if len(set(found)) < 2 else found


def _limits(stated: Sequence[int | None]) -> tuple[float, ...]:
    known = tuple(float(limit) for limit in stated if limit is not None)
    return known if len(known) == len(stated) else ()
