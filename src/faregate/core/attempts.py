"""The attempts of one request: which deployment next, after how long a wait, or stop.

The rules, which tests/core/test_routing_attempts.py proves:

- A model gets ``num_retries`` further attempts. Another deployment that was not tried yet comes
  before the same one again, and at once; the same one comes after a backoff that doubles from half
  a second to eight, or after what the upstream asked for where that is longer.
- 401, 403, 404 and a used-up quota go on to a deployment not tried yet without costing a retry, and
  that deployment is not tried again. A timeout is not repeated on the same deployment either: the
  provider may be generating, and billing, all the same.
- A prompt too long, and a refusal by content policy, go to their own fallback lists. Every other
  4xx stops: no deployment will like the request better.
- When a model has no attempt left, its fallbacks follow, each with attempts of its own; a model is
  never visited twice, and there are ``max_fallbacks`` changes at most. A fallback is taken rather
  than a wait of more than eight seconds.
- No wait reaches the deadline. The error a request ends with is the last real one.
"""

from collections.abc import Callable, Mapping
from typing import Generic, Literal, TypeAlias, TypeVar

from msgspec import Struct

from faregate.core.condition import MISCONFIGURED, Condition
from faregate.core.strategies import Roll
from faregate.core.window import SPAN
from faregate.types import ErrorFacts

LONGEST_BACKOFF = 8.0
LONGEST_WAIT = 60.0
"""Seconds an upstream's own delay is followed at most."""

_FIRST_BACKOFF = 0.5

FallbackLists: TypeAlias = Mapping[str, tuple[str, ...]]
"""Model to the models tried after it, in order. ``*`` stands for every model without a list."""

T = TypeVar("T")


class RetryRules(Struct, frozen=True, kw_only=True):
    """How often is tried, and what comes after."""

    num_retries: int = 2
    retry_after: float = 0.0
    """The least seconds before the same deployment is tried again."""
    fallbacks: FallbackLists = {}
    """Model to models; ``*`` stands for every model that has no list."""
    context_window_fallbacks: FallbackLists = {}
    content_policy_fallbacks: FallbackLists = {}
    default_fallbacks: tuple[str, ...] = ()
    """For models without a list in ``fallbacks``."""
    max_fallbacks: int = 5


class Members(Struct, Generic[T], frozen=True):
    """The deployments of a model and the order in which they are tried (indexes)."""

    order: tuple[int, ...]
    members: tuple[T, ...]
    conditions: tuple[Condition, ...]
    retries: tuple[int | None, ...]


class Limited(Struct, frozen=True):
    """No deployment takes a request now; ``wait`` is the seconds until one may."""

    wait: float
    reason: str


class Try(Struct, Generic[T], frozen=True):
    """Wait, then call this deployment."""

    deployment: T
    wait: float
    model: str
    """The model whose deployment it is: the one asked for, or a fallback."""
    number: int
    """Counts attempts of the request from 1."""
    why: Literal["first", "retry", "other", "fallback"]
    """``retry``: the same deployment again; ``other``: another one of the same model."""


class Stop(Struct, frozen=True):
    """No further attempt. ``error`` is the last upstream error; None when nothing was sent."""

    error: ErrorFacts | None
    limited: Limited | None = None
    """Why nothing was sent. None with no error: the model is unknown."""


Choose: TypeAlias = Callable[[str, float, Roll], Members[T] | Limited | None]
"""(model, now, roll) to its members; None for a model nobody knows."""


class _Round(Generic[T]):
    """What happened with the deployments of one model within one request."""

    __slots__ = ("found", "left", "out", "ready", "tried")

    def __init__(self, found: Members[T], left: int) -> None:
        self.found = found
        self.left = left
        count = len(found.members)
        self.tried = [0] * count
        self.ready = [0.0] * count
        self.out = [False] * count


class Attempts(Generic[T]):
    """The attempts of one request, and the only place that tells conditions what happened.

    ``model`` is the model whose deployments are being tried, ``count`` the attempts so far and
    ``switches`` the changes to a fallback.
    """

    __slots__ = (
        "_at",
        "_began",
        "_choose",
        "_deadline",
        "_held",
        "_last",
        "_limited",
        "_pending",
        "_probe",
        "_round",
        "_rules",
        "_tokens",
        "_visited",
        "count",
        "model",
        "switches",
    )

    def __init__(
        self,
        model: str,
        rules: RetryRules,
        choose: Choose[T],
        *,
        deadline: float | None = None,
        tokens: int = 0,
    ) -> None:
        self.model = model
        self.count = 0
        self.switches = 0
        self._rules = rules
        self._choose = choose
        self._deadline = deadline
        self._tokens = tokens
        self._round: _Round[T] | None = None
        self._at = 0
        self._began = 0.0
        self._held: Condition | None = None
        self._probe = False
        self._last: ErrorFacts | None = None
        self._limited: Limited | None = None
        self._pending: list[str] = []
        self._visited = {model}

    def next(self, error: ErrorFacts | None, now: float, roll: Roll) -> Try[T] | Stop:
        """The next attempt after ``error``, or the first one with None.

        A :class:`Try` holds its place in the deployment's limits from now on, its wait included.
        """
        if error is None:
            first = self._enter(self.model, now, roll, "first")
            if first is None and self._limited is not None:
                self._queue(self._general())
                first = self._fall_back(now, roll)
            return first or self._stop()
        self._failed(error, now, roll)
        if self._too_late(now):
            return self._stop()
        if error.kind in ("context_window", "content_filter"):
            self._queue(self._special(error.kind))
            return self._fall_back(now, roll) or self._stop()
        if _is_final(error):
            return self._stop()
        return self._onward(error, now, roll) or self._stop()

    def answered(self, now: float) -> None:
        """The first byte of a good answer is there; from now on there is no other attempt."""
        if self._held is not None:
            self._held.answered(now, self._began)

    def broke(self, error: ErrorFacts, now: float) -> None:
        """The upstream failed after its first byte: no other attempt, but its health suffers."""
        if self._held is not None and self._round is not None:
            self._held.failed(now, error, alone=len(self._round.found.members) == 1)

    def close(self, now: float, *, tokens: int | None = None) -> None:
        """The request is over, however it ended. Calling it again does nothing.

        ``tokens`` is what it really used, to put the estimate right; None when that is unknown.
        """
        self._release(now, 0 if tokens is None else tokens - self._tokens)

    def _failed(self, error: ErrorFacts, now: float, roll: Roll) -> None:
        """Note the failure of the attempt that is under way."""
        current = self._round
        held_back = error.kind == "held"
        if self._last is None or not held_back:
            self._last = error  # the last error of an upstream is what the caller is told
        if self._held is None or current is None:
            return
        if held_back:  # it was never asked, so this says nothing of its health
            self._release(now, -self._tokens)
            current.out[self._at] = True
            return
        self._held.failed(now, error, alone=len(current.found.members) == 1)
        self._release(now, -self._tokens)
        index = self._at
        current.out[index] = error.status == 408 or _passes_over(error)
        current.ready[index] = now + _delay(error, current.tried[index], self._rules, roll)

    def _release(self, now: float, correction: int = 0) -> None:
        held, self._held = self._held, None
        if held is not None:
            if now - self._began > SPAN:  # the estimate no longer counts
                correction = max(correction, 0)
            held.end(now, probe=self._probe, tokens=correction)

    def _onward(self, error: ErrorFacts, now: float, roll: Roll) -> Try[T] | None:
        """Another attempt at this model, or at a fallback."""
        current = self._round
        assert current is not None
        index = self._pick(current, now)
        wait = 0.0
        if index is not None:
            fresh = not current.tried[index]
            wait = 0.0 if fresh else max(current.ready[index] - now, 0.0)
            costs = not (fresh and _passes_over(error))
            if (costs and current.left <= 0) or self._too_late(now + wait):
                index = None
            else:
                current.left -= costs
        if index is None or wait > LONGEST_BACKOFF:
            self._queue(self._general())
            fallback = self._fall_back(now, roll)
            if fallback is not None or index is None:
                return fallback
        return self._go(current, index, now, wait)

    def _pick(self, current: _Round[T], now: float) -> int | None:
        """One not tried yet, else the one that may be tried again first, else one put aside."""
        found = current.found
        spare: int | None = None
        again: int | None = None
        for index in found.order:
            condition = found.conditions[index]
            if current.out[index]:
                continue
            if condition.limits is not None and condition.free_at(now, self._tokens) > now:
                continue
            if not current.tried[index]:
                if condition.available(now):
                    return index
                spare = index if spare is None else spare
                continue
            most = found.retries[index]
            if most is not None and current.tried[index] > most:
                continue
            if again is None or current.ready[index] < current.ready[again]:
                again = index
        return spare if again is None else again

    def _enter(
        self, model: str, now: float, roll: Roll, why: Literal["first", "fallback"]
    ) -> Try[T] | None:
        """The first attempt at a model; None where it has no deployment that takes one."""
        found = self._choose(model, now, roll)
        if found is None:
            return None
        if isinstance(found, Limited):
            if self._limited is None or found.wait < self._limited.wait:
                self._limited = found
            return None
        index = found.order[0]
        stated = found.retries[index]
        self.model = model
        self._round = _Round(found, self._rules.num_retries if stated is None else stated)
        return self._go(self._round, index, now, 0.0, why)

    def _go(
        self,
        current: _Round[T],
        index: int,
        now: float,
        wait: float,
        why: Literal["first", "fallback"] | None = None,
    ) -> Try[T]:
        tried = current.tried[index]
        current.tried[index] = tried + 1
        self.count += 1
        self._at = index
        self._began = now + wait
        self._held = current.found.conditions[index]
        self._probe = self._held.begin(now, self._tokens)
        chosen = current.found.members[index]
        return Try(chosen, wait, self.model, self.count, why or ("retry" if tried else "other"))

    def _fall_back(self, now: float, roll: Roll) -> Try[T] | None:
        while self._pending and self.switches < self._rules.max_fallbacks:
            model = self._pending.pop()
            if model in self._visited:
                continue
            self._visited.add(model)
            step = self._enter(model, now, roll, "fallback")
            if step is not None:
                self.switches += 1
                return step
        return None

    def _queue(self, models: tuple[str, ...]) -> None:
        """Put these models before those that wait already, the first one on top."""
        self._pending.extend(reversed(models))

    def _general(self) -> tuple[str, ...]:
        rules = self._rules
        found = rules.fallbacks.get(self.model) or rules.fallbacks.get("*")
        return rules.default_fallbacks if found is None else found

    def _special(self, kind: str) -> tuple[str, ...]:
        rules = self._rules
        lists = (
            rules.context_window_fallbacks
            if kind == "context_window"
            else rules.content_policy_fallbacks
        )
        return lists.get(self.model) or lists.get("*") or ()

    def _too_late(self, at: float) -> bool:
        return self._deadline is not None and at >= self._deadline

    def _stop(self) -> Stop:
        return Stop(self._last, self._limited if self._last is None else None)


def _passes_over(error: ErrorFacts) -> bool:
    """Whether the deployment cannot do better and another one may."""
    return error.status in MISCONFIGURED or error.kind in ("budget", "held")


def _is_final(error: ErrorFacts) -> bool:
    """Whether no deployment would like the request better."""
    if error.kind:
        return error.kind not in ("budget", "held")
    return error.status < 500 and error.status not in (*MISCONFIGURED, 408, 429)


def _delay(error: ErrorFacts, tried: int, rules: RetryRules, roll: Roll) -> float:
    """Seconds before the same deployment is tried again, after ``tried`` attempts at it."""
    if error.retry_after is not None:
        delay = min(max(error.retry_after, 0.0), LONGEST_WAIT)
    else:
        backoff = min(_FIRST_BACKOFF * 2.0 ** min(tried - 1, 10), LONGEST_BACKOFF)
        delay = backoff * (0.75 + 0.25 * roll())
    return max(delay, rules.retry_after)
