"""How accounts, claims and holds are written for the scripts, and under which keys."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from faregate.core.budget import Account, Claim, Hold, Spend
from faregate.core.windows import Bounds, bounds, slotting
from faregate.store.redis_scripts import encode

_WEEK_MS = 7 * 86_400_000
_FOR_EVER_MS = 10 * 366 * 86_400_000
_REMEMBERED = 10_000


def slot_of(account: Account, at: float) -> float:
    """The slot an instant is charged to: a window's start in milliseconds, or a slot's number."""
    if account.window.rolling:
        return float(slotting(account.window).slot(at))
    return bounds(account.window, at, account.zone).start * 1000


class Later(NamedTuple):
    """Something the server has still to be told."""

    script: str
    keys: list[str]
    args: list[str]
    again: str = ""
    """The last argument from the second time on, where that differs."""

    def repeated(self) -> "Later":
        """The same, said once more."""
        return self._replace(args=[*self.args[:-1], self.again]) if self.again else self


class Forms:
    """The keys and arguments of one process."""

    def __init__(self, prefix: str, owner: str) -> None:
        # The braces keep all keys together on one node of a cluster.
        self._prefix = f"{{{prefix}}}:"
        self.owner = owner
        self.era = self._prefix + "era"
        self.owners = self._prefix + "owners"
        self.lapsed = self._prefix + "lapsed"
        self.untold = self._prefix + "untold"
        self.holds_of = self._prefix + "holds:"
        self.holds = self.holds_of + owner
        self._windows: dict[str, tuple[Account, Bounds]] = {}

    def key(self, account: Account) -> str:
        """Where an account is kept; another window is another account."""
        return f"{self._prefix}a:{account.id}@{account.window}@{account.zone}".replace(" ", "-")

    def done(self, call_id: str) -> str:
        """The mark of a call that was closed without its hold being there, or known to be."""
        return f"{self._prefix}done:{call_id}"

    def reserving(self, call_id: str, claims: Sequence[Claim]) -> list[str]:
        """The keys of an admission."""
        own = [self.era, self.owners, self.holds, self.done(call_id)]
        return own + [self.key(each.account) for each in claims]

    def asking(self, claim: Claim, now: float) -> list[str]:
        """The arguments of one claim."""
        account = claim.account
        if account.window.rolling:
            width, back = slotting(account.window)
            kind, first, second = "r", str(width), str(back)
        else:
            start, end = self.window(account, now)
            kind, first = "c", _ms(start)
            second = "-1" if end is None else _ms(end)
        amounts = encode(claim.amount), encode(account.limit)
        return [kind, account.measure, *amounts, first, second, _life(account)]

    def restoring(self, account: Account, spends: Iterable[Spend]) -> list[str]:
        """The arguments that restore an account, or raise it."""
        rolling = account.window.rolling
        width, back = slotting(account.window) if rolling else (0, 0)
        args = ["r" if rolling else "c", str(width), str(back), _life(account), self.holds_of]
        sums: dict[float, int] = {}
        for spend in spends:
            slot = slot_of(account, spend.at)
            sums[slot] = sums.get(slot, 0) + spend.amount
        for slot, amount in sorted(sums.items()):
            args += [f"{slot:.0f}", encode(amount)]
        return args

    def record(self, hold: Hold) -> str:
        """A hold as the scripts keep it."""
        return "\x1e".join(
            "\x1f".join(self._claim(claim, slot))
            for claim, slot in zip(hold.claims, hold.slots, strict=True)
        )

    def window(self, account: Account, now: float) -> Bounds:
        """The calendar window of ``now``, remembered as long as it lasts."""
        known = self._windows.get(account.id)
        if known is not None and known[0] is account:
            start, end = known[1]
            if now >= start and (end is None or now < end):
                return known[1]
        if len(self._windows) > _REMEMBERED:
            self._windows.clear()
        found = bounds(account.window, now, account.zone)
        self._windows[account.id] = (account, found)
        return found

    def _claim(self, claim: Claim, slot: float) -> list[str]:
        account = claim.account
        rolling = account.window.rolling
        back = str(slotting(account.window).back) if rolling else "0"
        return [
            self.key(account),
            "r" if rolling else "c",
            account.measure,
            f"{slot:.0f}",
            encode(claim.amount),
            "0",
            back,
            _life(account),
        ]


def _ms(at: float) -> str:
    return f"{at * 1000:.0f}"


def _life(account: Account) -> str:
    """How long an account nobody touches is kept, in milliseconds."""
    if account.window.unit == "total":
        return str(_FOR_EVER_MS)
    return str(max(_WEEK_MS, 3 * account.window.seconds * 1000))
