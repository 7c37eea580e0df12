"""Counters: budgets and limits as the gateway asks for them, in one process or shared by several.

:class:`MemoryCounters` is exact and never waits; ``RedisCounters`` (in its own module, as it needs
the extra ``redis``) keeps the same promises for several processes and machines. Both own the clock
their windows follow: the process's, or the Redis server's, so that machines whose clocks differ
share one window.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

from faregate.core.budget import (
    Account,
    Actual,
    Claim,
    Hold,
    Refused,
    SoftLimit,
    Spend,
    Standing,
    Unrestored,
)
from faregate.core.holds import HOLD_SECONDS, Accounts


class Unavailable(Struct, frozen=True):
    """The counters cannot be reached; whether the call may go out is the caller's policy.

    To let it go out, use ``hold`` as any other: when it is settled, it is charged as soon as the
    counters are back. To refuse it, give ``hold`` back with ``release``.
    """

    reason: str
    """For a person; never an address or a password."""
    hold: Hold


Admission: TypeAlias = Hold | Refused | Unrestored | Unavailable


class Counters(Protocol):
    """What a call may take, reserved before and settled after. No verb raises for an outage."""

    async def start(self) -> None:
        """Begin what must run in the background."""

    async def close(self) -> None:
        """End it, and let connections go."""

    async def reserve(self, call_id: str, claims: Sequence[Claim]) -> Admission:
        """Hold every claim or none, in one round trip."""

    async def settle(self, hold: Hold, actual: Actual) -> tuple[SoftLimit, ...]:
        """Replace a hold by what the call took, exactly once; the soft limits it reached."""

    async def release(self, hold: Hold) -> None:
        """Give a hold back whole, for a call that never went out."""

    async def restore(self, accounts: Iterable[Account], spends: Iterable[Spend]) -> bool:
        """Make budgets known, with what the ledger says was spent; the first one to do so counts.

        False where the counters cannot be reached.
        """

    def calm_in(self) -> float:
        """Seconds to wait before the ledger is read for :meth:`restore`, so that it has what other
        processes settled before the counters forgot."""

    async def charge(self, account: Account, amount: int, at: float) -> None:
        """Record an amount without a hold: a lost call, a price learnt later."""

    async def forget(self, account: Account) -> None:
        """Drop what is known of an account; a budget must then be restored again."""

    async def standings(self, accounts: Sequence[Account]) -> tuple[Standing, ...] | None:
        """How accounts stand, without those never restored; None where nobody answers."""


class MemoryCounters:
    """The counters of a single process: exact, and never waiting for anything."""

    def __init__(
        self,
        *,
        hold_seconds: float = HOLD_SECONDS,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """``clock`` gives Unix seconds for windows, ``steady`` those that holds expire by."""
        self._book = Accounts(hold_seconds)
        self._clock = clock
        self._steady = steady

    async def start(self) -> None:
        """Nothing runs in the background."""

    async def close(self) -> None:
        """Nothing is open."""

    async def reserve(self, call_id: str, claims: Sequence[Claim]) -> Admission:
        """Hold every claim or none."""
        return self.reserve_now(call_id, claims)

    def reserve_now(self, call_id: str, claims: Sequence[Claim]) -> Hold | Refused | Unrestored:
        """The same without a coroutine."""
        steady = self._steady()
        self._book.expire(steady)
        return self._book.reserve(call_id, claims, self._clock(), steady)

    async def settle(self, hold: Hold, actual: Actual) -> tuple[SoftLimit, ...]:
        """Replace a hold by what the call took, exactly once."""
        return self.settle_now(hold, actual)

    def settle_now(self, hold: Hold, actual: Actual) -> tuple[SoftLimit, ...]:
        """The same without a coroutine."""
        return self._book.settle(hold, actual) or ()

    async def release(self, hold: Hold) -> None:
        """Give a hold back whole."""
        self._book.release(hold)

    def release_now(self, hold: Hold) -> None:
        """The same without a coroutine."""
        self._book.release(hold)

    async def restore(self, accounts: Iterable[Account], spends: Iterable[Spend]) -> bool:
        """Make budgets known, with what the ledger says was spent."""
        self._book.restore(accounts, spends, self._clock())
        return True

    def calm_in(self) -> float:
        """There are no other processes."""
        return 0.0

    async def charge(self, account: Account, amount: int, at: float) -> None:
        """Record an amount without a hold."""
        self._book.charge(account, amount, at)

    def charge_now(self, account: Account, amount: int, at: float) -> None:
        """The same without a coroutine."""
        self._book.charge(account, amount, at)

    async def forget(self, account: Account) -> None:
        """Drop what is known of an account."""
        self._book.forget(account.id)

    async def standings(self, accounts: Sequence[Account]) -> tuple[Standing, ...]:
        """How accounts stand, without those never restored."""
        now = self._clock()
        found = (self._book.standing(account, now) for account in accounts)
        return tuple(each for each in found if each is not None)
