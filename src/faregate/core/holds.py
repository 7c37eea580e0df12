"""Reserve before, settle after: the accounts of one process, exact.

A call's claims are reserved all together or not at all, so what is spent and what is held never
exceed a limit while holds are worst cases. A settled call is charged to the window it was admitted
in, whenever it ends. Nothing here waits or reads a clock: instants are arguments. Windows follow
``now`` (Unix seconds); holds expire by ``steady``, seconds of a clock that is never set.
"""

from collections.abc import Callable, Iterable, Sequence

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
    settled_amount,
)
from faregate.core.tallies import Tally, tally_of

HOLD_SECONDS = 3600.0
"""How long a call may be under way before its hold is given back."""

_LAPSED = 10_000


class Accounts:
    """Everything this process has spent and holds, by account."""

    def __init__(self, hold_seconds: float = HOLD_SECONDS) -> None:
        self._tallies: dict[str, Tally] = {}
        self._open: dict[str, tuple[Hold, float]] = {}
        self._lapsed: dict[str, Hold] = {}
        self._hold_seconds = hold_seconds

    def reserve(
        self, call_id: str, claims: Sequence[Claim], now: float, steady: float = 0.0
    ) -> Hold | Refused | Unrestored:
        """Hold every claim, or none and say which does not fit (the first of them).

        :class:`Unrestored` names budgets whose spending was never given to :meth:`restore`.
        Raises ValueError for a negative amount, two claims on one account, and a call that has a
        hold already.
        """
        if call_id in self._open:
            raise ValueError(f"call {call_id} has a hold already")
        tallies = []
        unknown: list[str] = []
        refused: Refused | None = None
        for claim in checked(claims):
            account, amount = claim.account, claim.amount
            tally = self._tallies.get(account.id)
            if tally is None or tally.account is not account:
                tally = self._tally(account)
                if tally is None:
                    unknown.append(account.id)
                    continue
            tally.turn(now)
            if refused is None and tally.used + amount > account.limit:
                refused = Refused(
                    standing=_standing(tally, account), asked=amount, free_at=tally.free_at(amount)
                )
            tallies.append(tally)
        if unknown:
            return Unrestored(tuple(unknown))
        if refused is not None:
            return refused
        for tally, claim in zip(tallies, claims, strict=True):
            tally.put(tally.slot, claim.amount, claim.amount)
        hold = Hold(
            call_id=call_id,
            claims=tuple(claims),
            slots=tuple([tally.slot for tally in tallies]),
            used=tuple([tally.used for tally in tallies]),
            at=now,
        )
        self._open[call_id] = (hold, steady + self._hold_seconds)
        return hold

    def settle(self, hold: Hold, actual: Actual) -> tuple[SoftLimit, ...] | None:
        """Replace a hold by what the call took, once; None where that was done before.

        The amount is recorded as it is, above the hold or the limit too. Returns the soft limits
        that this call reached. A hold that has expired is charged all the same.
        """
        return self._close(hold, lambda claim: settled_amount(claim, actual))

    def release(self, hold: Hold) -> bool:
        """Give a hold back whole, for a call that never went out; False if there was none."""
        return self._close(hold, lambda _: 0) is not None

    def expire(self, steady: float) -> tuple[Hold, ...]:
        """Give back the holds of calls that never ended; they can still be settled."""
        expired = []
        for hold, deadline in self._open.values():
            if deadline > steady:
                break  # in order of admission, and all wait equally long
            expired.append(hold)
        for hold in expired:
            del self._open[hold.call_id]
            self._move(hold, lambda claim: _lapsed(claim) - claim.amount, held=True)
            self._lapsed[hold.call_id] = hold
            if len(self._lapsed) > _LAPSED:
                del self._lapsed[next(iter(self._lapsed))]
        return tuple(expired)

    def restore(self, accounts: Iterable[Account], spends: Iterable[Spend], now: float) -> None:
        """Make budgets known, with what the ledger says was spent on them.

        An account that is known already is left alone. Spends of other accounts are ignored.
        """
        fresh = {each.id: each for each in accounts if self._tally(each, known=True) is None}
        for account in fresh.values():
            tally = self._tallies[account.id] = tally_of(account)
            tally.turn(now)
        for spend in spends:
            if spend.account in fresh:
                tally = self._tallies[spend.account]
                tally.put(tally.slot_of(spend.at), spend.amount, 0)
        for hold, _ in self._open.values() if fresh else ():
            for claim in hold.claims:
                if claim.account.id in fresh:
                    tally = self._tallies[claim.account.id]
                    tally.put(tally.slot_of(hold.at), claim.amount, claim.amount)

    def charge(self, account: Account, amount: int, at: float) -> None:
        """Record an amount without a hold, such as a price learnt later (negative: given back)."""
        tally = self._tally(account)
        if tally is not None:
            tally.put(tally.slot_of(at), amount, 0)

    def forget(self, account_id: str) -> None:
        """Drop what is known of an account; a budget must then be restored again."""
        self._tallies.pop(account_id, None)

    def standing(self, account: Account, now: float) -> Standing | None:
        """How an account stands; None for a budget that was not restored."""
        tally = self._tally(account)
        if tally is None:
            return None
        tally.turn(now)
        return _standing(tally, account)

    def open_calls(self) -> tuple[str, ...]:
        """The calls that have a hold, oldest first."""
        return tuple(self._open)

    def _tally(self, account: Account, *, known: bool = False) -> Tally | None:
        """An account's tally. Only budgets need restoring; everything else starts at nothing."""
        tally = self._tallies.get(account.id)
        if tally is not None:
            if tally.account is account:
                return tally
            if tally.account.window == account.window and tally.account.zone == account.zone:
                tally.account = account  # a changed limit takes hold at once
                return tally
            del self._tallies[account.id]
        if account.measure == "usd" or known:
            return None
        tally = self._tallies[account.id] = tally_of(account)
        return tally

    def _close(self, hold: Hold, final: Callable[[Claim], int]) -> tuple[SoftLimit, ...] | None:
        if self._open.pop(hold.call_id, None) is not None:
            return self._move(hold, lambda claim: final(claim) - claim.amount, held=True)
        if self._lapsed.pop(hold.call_id, None) is not None:
            return self._move(hold, lambda claim: final(claim) - _lapsed(claim), held=False)
        return None

    def _move(
        self, hold: Hold, change: Callable[[Claim], int], *, held: bool
    ) -> tuple[SoftLimit, ...]:
        reached = []
        for claim, admitted in zip(hold.claims, hold.slots, strict=True):
            tally = self._tallies.get(claim.account.id)
            if tally is None:
                continue
            same = tally.account.window == claim.account.window
            slot = admitted if same else tally.slot_of(hold.at)
            before = tally.used - tally.held
            tally.put(slot, change(claim), -claim.amount if held else 0)
            soft, spent = tally.account.soft_limit, tally.used - tally.held
            if soft is not None and before < soft <= spent:
                reached.append(SoftLimit(tally.account, spent))
        return tuple(reached)


def checked(claims: Sequence[Claim]) -> Iterable[Claim]:
    """The claims of one call. Raises ValueError for two on one account and a negative amount."""
    if len(claims) > 1 and len({claim.account.id for claim in claims}) != len(claims):
        raise ValueError("two claims on one account: add them up")
    for claim in claims:
        if claim.amount < 0:
            raise ValueError(f"a claim on {claim.account.id} is negative: {claim.amount}")
    return claims


def _lapsed(claim: Claim) -> int:
    """What an expired hold still counts for: the request was made, the rest is given back."""
    return claim.amount if claim.account.measure == "requests" else 0


def _standing(tally: Tally, account: Account) -> Standing:
    return Standing(
        account=account,
        spent=tally.used - tally.held,
        held=tally.held,
        resets_at=tally.resets_at(),
    )
