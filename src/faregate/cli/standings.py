"""How budgets stand by the ledger. What calls hold that are under way, only the gateway knows."""

import time
from collections.abc import Iterable, Mapping

from faregate.control.fields import find_zone
from faregate.core.budget import Account, Budget, Spend, Standing, check
from faregate.core.holds import Accounts
from faregate.core.windows import bounds, slotting
from faregate.store.protocol import Store

Standings = Mapping[str, Standing]
"""By the budget's id."""

NOT_KNOWN: Standings = {}


async def standings(store: Store, budgets: Iterable[Budget]) -> Standings:
    """What was spent on budgets in their windows of now, what is left, when they reset."""
    now = time.time()
    accounts = {each.id: check(each, find_zone(each.zone)) for each in budgets}
    book = Accounts()
    for account in accounts.values():
        book.restore([account], await _spends(store, account, now), now)
    found = {name: book.standing(account, now) for name, account in accounts.items()}
    return {name: each for name, each in found.items() if each is not None}


async def _spends(store: Store, account: Account, now: float) -> list[Spend]:
    width: float | None = None
    if account.window.rolling:
        width = slotting(account.window).width / 1000
        since = now - account.window.seconds - width
    else:
        since = bounds(account.window, now, account.zone).start
    found = await store.spent(account.scope, account.scope_id, since, width)
    return [Spend(account.id, now if width is None else at, amount) for at, amount in found]
