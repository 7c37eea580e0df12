"""What was spent on budgets before now, from the ledger."""

import asyncio
import functools
import time
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from faregate.core.budget import Account, Spend
from faregate.core.windows import bounds, slotting
from faregate.errors import FaregateError
from faregate.gateway.ledger import Ledger
from faregate.gateway.worth import StandIns
from faregate.money import Usd
from faregate.store.counters import Counters
from faregate.store.protocol import Filter, Store

_PAGE = 1_000

PATIENCE = 2.0
"""Seconds a call waits for what its budgets have spent, while no budget's is found."""

LONGEST = 10.0
"""Seconds it waits at most, however many budgets are before its own."""


class Restorer:
    """Gives the counters what budgets have spent, each once, however many calls ask for it."""

    def __init__(
        self,
        counters: Counters,
        ledger: Ledger | None,
        aliases: Callable[[str], tuple[str, ...]] = lambda _: (),
    ) -> None:
        """Without a ledger nothing was kept, and every budget starts at nothing. ``aliases`` are
        the other names of a model: what was spent under them is the model's, too.
        """
        self.stand_ins: StandIns | None = None
        """What counts for calls whose price is missing, where anything does."""
        self._aliases = aliases
        self._counters = counters
        self._ledger = ledger
        self._answered = float("-inf")
        self._asking: dict[str, tuple[asyncio.Task[str], float]] = {}

    async def restore(self, accounts: Iterable[Account]) -> str:
        """Restore these budgets. Why that cannot be done now; empty when it is done.

        Nobody waits longer than :data:`PATIENCE` after the first one asked or the last answer came,
        so that a database that is away does not hold up every call.
        """
        loop = asyncio.get_running_loop()
        tasks: set[asyncio.Task[str]] = set()
        first = began = loop.time()
        for account in accounts:
            known = self._asking.get(account.id)
            if known is None:
                task = asyncio.create_task(self._restore(account))
                known = self._asking[account.id] = (task, loop.time())
                task.add_done_callback(functools.partial(self._done, account.id))
            tasks.add(known[0])
            first = min(first, known[1])
        pending = tasks
        while pending:
            until = min(max(first, self._answered) + PATIENCE, began + LONGEST)
            if loop.time() >= until:
                return "the ledger's database does not answer in time"
            # Left to run in any case: another call may wait for the same.
            _, pending = await asyncio.wait(pending, timeout=until - loop.time())
        return next((problem for task in tasks if (problem := task.result())), "")

    def _done(self, name: str, _task: asyncio.Task[str]) -> None:
        self._asking.pop(name, None)
        self._answered = asyncio.get_running_loop().time()

    async def _restore(self, account: Account) -> str:
        spends: list[Spend] = []
        if self._ledger is not None:
            await asyncio.sleep(self._counters.calm_in())
            try:
                spends = await self._spends(self._ledger, account)
            except FaregateError as error:
                return str(error)
        if not await self._counters.restore([account], spends):
            return "the counters do not answer"
        return ""

    async def _spends(self, ledger: Ledger, account: Account) -> list[Spend]:
        """Amounts by the instants they count at."""
        now = time.time()
        if account.window.rolling:
            width = slotting(account.window).width / 1000
            since = now - account.window.seconds - width
        else:
            width, since = None, bounds(account.window, now, account.zone).start
        names: tuple[str, ...] = (account.scope_id,)
        if account.scope == "model":
            names += self._aliases(account.scope_id)
        found = await ledger.spent(account.scope, names, since, width)
        found += await self._missing(ledger.store(), account, names, since)
        return [Spend(account.id, now if width is None else at, amount) for at, amount in found]

    async def _missing(
        self, store: Store, account: Account, names: tuple[str, ...], since: float
    ) -> list[tuple[float, Usd]]:
        """What stands in for costs that are not known, by the instants of the calls."""
        deployments = self.stand_ins.deployments() if self.stand_ins is not None else ()
        if self.stand_ins is None or not deployments:
            return []
        found: list[tuple[float, Usd]] = []
        for only in _filters(account, names, deployments, since):
            cursor: str | None = None
            while True:
                page = await store.rows(only, cursor=cursor, limit=_PAGE)
                for each in page.entries:
                    charges = each.row.receipt.charges if each.row.receipt is not None else ()
                    found += [
                        (each.row.started, self.stand_ins.of(charge))
                        for charge in charges
                        if account.scope != "deployment" or charge.deployment == account.scope_id
                    ]
                cursor = page.cursor
                if cursor is None:
                    break
        return [(at, amount) for at, amount in found if amount]


def _filters(
    account: Account, names: tuple[str, ...], deployments: tuple[str, ...], since: float
) -> list[Filter]:
    """The rows that an account pays for and that may lack a cost."""
    waiting = Filter(status=("unpriced",), deployment=deployments, since=since)
    if account.scope == "everything":
        return [waiting]
    if account.scope == "tag":
        return [replace(waiting, tag=account.scope_id)]
    if account.scope == "deployment":
        return [replace(waiting, deployment=names)] if account.scope_id in deployments else []
    return [replace(waiting, **{account.scope: names})]
