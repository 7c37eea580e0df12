"""What is asked of a store for a budget's sake, and what the answers are to the budget."""

from collections.abc import Iterable

from faregate.core.budget import Account, Spend
from faregate.core.windows import bounds, slotting
from faregate.money import Usd
from faregate.store.protocol import SpentBy


def questions_of(account: Account, names: Iterable[str], now: float) -> list[SpentBy]:
    """One question for each of the payer's names: what counts in the window of ``now`` (Unix
    seconds)."""
    width: float | None = None
    if account.window.rolling:
        width = slotting(account.window).width / 1000
        since = now - account.window.seconds - width
    else:
        since = bounds(account.window, now, account.zone).start
    return [SpentBy(account.scope, name, since, width) for name in names]


def spends_of(account: Account, found: Iterable[tuple[float, Usd]], now: float) -> list[Spend]:
    """The answers as the budget takes them: a rolling window by their instants, another as one."""
    rolling = account.window.rolling
    return [Spend(account.id, at if rolling else now, amount) for at, amount in found]
