"""Deployments, errors and a router for the tests of routing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from msgspec import Struct

from faregate.core.routing import Attempts, Policy, RetryRules, Router, Stop, Try
from faregate.types import Deployment, ErrorFacts

T0 = 1_000.0
"""An instant of the tests' clock."""


class Member(Struct, frozen=True):
    """The least that routing asks of a deployment."""

    id: str
    rpm: int | None = None
    tpm: int | None = None
    max_parallel_requests: int | None = None
    weight: float | None = None
    order: int = 0
    tags: tuple[str, ...] = ()
    max_retries: int | None = None

    @property
    def deployment(self) -> Deployment:
        """A deployment of that id."""
        return Deployment(
            id=self.id, provider="openai", route="direct", upstream_model=self.id, api_base=""
        )


def members(names: str, **facts: Any) -> tuple[Member, ...]:
    """A deployment for every letter."""
    return tuple(Member(name, **facts) for name in names)


def error(status: int, kind: str = "", retry_after: float | None = None) -> ErrorFacts:
    """An upstream's error."""
    return ErrorFacts(
        status=status,
        message=f"status {status}",
        kind=kind,  # type: ignore[arg-type]
        retry_after=retry_after,
    )


def dice(seed: int = 7) -> Callable[[], float]:
    """Chance that is the same in every run."""
    return Random(seed).random


def first() -> float:
    """Chance that always says 0."""
    return 0.0


def router(
    models: Mapping[str, Sequence[Member]], policy: Policy | None = None, **retry: Any
) -> Router[Member]:
    """A router; keywords are retry rules."""
    chosen = policy or Policy(retry=RetryRules(**retry))
    return Router(models, chosen)


def run(
    attempts: Attempts[Member],
    answers: Callable[[Try[Member]], ErrorFacts | None],
    *,
    now: float = T0,
    roll: Callable[[], float] = first,
    took: float = 0.1,
) -> Iterator[Try[Member] | Stop]:
    """Every step of a request: ``answers`` says how each attempt ends, None is a good answer."""
    step = attempts.next(None, now, roll)
    while True:
        yield step
        if isinstance(step, Stop):
            break
        now += step.wait + took
        failed = answers(step)
        if failed is None:
            attempts.answered(now)
            break
        step = attempts.next(failed, now, roll)
    attempts.close(now)
