"""The condition of one deployment: is it well, how busy is it, how quick, is it at a limit.

Clock-free: instants are arguments, in seconds of a clock that does not run backwards. One
:class:`Condition` lives for each deployment id and is shared by every request; its size is bounded.

Rules of health:

- A 5xx, a timeout (408) or a broken connection is a failure. More than ``allowed_fails`` in a row
  within a minute, or more than that and at least half of the outcomes since the first of them,
  puts the deployment aside for ``cooldown_time``; each further time without a success between
  doubles it, up to a minute.
- A 429 puts it aside at once, for as long as the upstream asked, up to a minute.
- 401, 403 and 404 are failures where the model has other deployments. Any other 4xx says nothing
  about health.
- After the cooldown one request at a time tries it; a success closes the matter.
"""

from typing import Literal, TypeAlias

from msgspec import Struct

from faregate.core.window import SPAN, Window
from faregate.types import ErrorFacts

LONGEST_COOLDOWN = 60.0
"""Seconds to which cooldowns double, unless ``cooldown_time`` itself is longer."""

STALE_AFTER = 300.0
"""Seconds after which a measured latency is no longer believed."""

MISCONFIGURED = (401, 403, 404)
"""What an endpoint answers that is set up wrongly; another one may do better."""

_NEWEST = 0.3
"""The share of the newest time to first byte in the running mean."""

State: TypeAlias = Literal["closed", "open", "half_open"]


class HealthRules(Struct, frozen=True, kw_only=True):
    """When a deployment is put aside, and for how long (seconds)."""

    allowed_fails: int = 3
    cooldown_time: float = 5.0
    disable_cooldowns: bool = False


class Limits(Struct, frozen=True, kw_only=True):
    """What a deployment may be asked for; None is no limit."""

    rpm: int | None = None
    tpm: int | None = None
    parallel: int | None = None


class Condition:
    """Mutable facts about one deployment. Read the fields; change them by the methods only."""

    __slots__ = (
        "_failures",
        "_first_failure",
        "_in_a_row",
        "_successes",
        "cooldowns",
        "in_flight",
        "last_error",
        "latency",
        "limits",
        "measured_at",
        "opened_at",
        "probing",
        "requests",
        "rules",
        "tokens",
        "until",
    )

    def __init__(
        self, limits: Limits | None = None, rules: HealthRules | None = None, *, count: bool = False
    ) -> None:
        """``count`` keeps the last minute's figures even where nothing is limited."""
        self.in_flight = 0
        self.latency: float | None = None
        """Running mean of the seconds to the first byte; None before the first one."""
        self.measured_at = 0.0
        self.until = 0.0
        """When the cooldown ends; 0 while the deployment is well."""
        self.opened_at = 0.0
        self.cooldowns = 0
        """Cooldowns without a success between them."""
        self.probing = False
        """Whether a request is out that tries the deployment after its cooldown."""
        self.last_error = 0
        """Status of the last failure; 0 when there was none."""
        self.requests: Window | None = None
        self.tokens: Window | None = None
        self._in_a_row = self._failures = self._successes = 0
        self._first_failure = 0.0
        self.adopt(limits, rules, count=count)

    def adopt(
        self, limits: Limits | None, rules: HealthRules | None, *, count: bool = False
    ) -> None:
        """Take these limits and rules, as after a reload; what is known so far stays."""
        limits = limits or Limits()
        self.rules = rules or HealthRules()
        self.limits = None if limits == Limits() else limits
        counted = count or limits.rpm is not None or limits.tpm is not None
        self.requests = (self.requests or Window()) if counted else None
        self.tokens = (self.tokens or Window()) if counted else None

    def state(self, now: float) -> State:
        """``closed`` (well), ``open`` (put aside) or ``half_open`` (waiting for its trial)."""
        if not self.until:
            return "closed"
        return "open" if now < self.until else "half_open"

    def available(self, now: float) -> bool:
        """Whether a request may go there as far as health is concerned."""
        return not self.until or (now >= self.until and not self.probing)

    def free_at(self, now: float, tokens: int = 0) -> float:
        """``now`` where the limits let one more request of so many tokens in, else when they may.

        A request larger than the whole limit is let in once nothing else counts. When a place among
        the parallel ones comes free cannot be known; a second is said.
        """
        limits = self.limits
        if limits is None:
            return now
        at = now
        if limits.parallel is not None and self.in_flight >= limits.parallel:
            at = now + 1.0
        if self.requests is not None and limits.rpm is not None:
            at = max(at, self.requests.free_at(now, limits.rpm - 1))
        if self.tokens is not None and limits.tpm is not None:
            at = max(at, self.tokens.free_at(now, max(limits.tpm - max(tokens, 1), 0)))
        return at

    def use(self, now: float) -> float:
        """How much of its limits is used in the last minute, from 0 to 1.

        Without limits it is 0. Raises nothing.
        """
        limits = self.limits
        share = 0.0
        if limits is not None and self.requests is not None and self.tokens is not None:
            if limits.rpm:
                share = self.requests.used(now) / limits.rpm
            if limits.tpm:
                share = max(share, self.tokens.used(now) / limits.tpm)
        return share

    def begin(self, now: float, tokens: int = 0) -> bool:
        """A request goes there. True when it is the trial after a cooldown."""
        self.in_flight += 1
        if self.requests is not None and self.tokens is not None:
            self.requests.add(now)
            if tokens:
                self.tokens.add(now, tokens)
        if self.until and now >= self.until and not self.probing:
            self.probing = True
            return True
        return False

    def answered(self, now: float, began: float) -> None:
        """The first byte of a good answer is there, to a request that began at ``began``."""
        waited = max(now - began, 0.0)
        known = self.latency
        if known is None or now - self.measured_at > STALE_AFTER:
            self.latency = waited
        else:
            self.latency = known + (waited - known) * _NEWEST
        self.measured_at = now
        self._in_a_row = 0
        if self._failures:
            self._successes += 1
        if self.until and began >= self.opened_at:
            self.until = 0.0
            self.cooldowns = 0
            self._failures = self._successes = 0

    def failed(self, now: float, error: ErrorFacts, *, alone: bool = False) -> None:
        """A request failed. ``alone``: the model has no other deployment."""
        status = error.status
        if status == 429:
            self.last_error = status
            asked = error.retry_after
            base = self.rules.cooldown_time
            self._open(now, base if asked is None else min(asked, max(base, LONGEST_COOLDOWN)))
            return
        counts = status >= 500 or status == 408 or (status in MISCONFIGURED and not alone)
        if not counts or error.kind:
            return
        self.last_error = status
        if self._trips(now):
            base = self.rules.cooldown_time
            doubled = base * 2.0 ** min(self.cooldowns, 10)
            self.cooldowns += 1
            self._open(now, min(doubled, max(base, LONGEST_COOLDOWN)))

    def end(self, now: float, *, probe: bool = False, tokens: int = 0) -> None:
        """The request is over. ``tokens`` corrects the estimate it began with."""
        self.in_flight -= 1
        if probe:
            self.probing = False
        if tokens and self.tokens is not None:
            self.tokens.add(now, tokens)

    def _trips(self, now: float) -> bool:
        """Count a failure and tell whether it is one too many."""
        if self.until:  # the trial failed, or a request under way since before the cooldown
            return now >= self.until
        if now - self._first_failure > SPAN:
            self._first_failure = now
            self._in_a_row = self._failures = self._successes = 0
        self._in_a_row += 1
        self._failures += 1
        allowed = self.rules.allowed_fails
        if self._in_a_row > allowed:
            return True
        return self._failures > allowed and self._failures >= self._successes

    def _open(self, now: float, seconds: float) -> None:
        if self.rules.disable_cooldowns or seconds <= 0 or now + seconds <= self.until:
            return
        self.until = now + seconds
        self.opened_at = now
