"""What was spent on budgets before now, from the ledger."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from faregate.core.budget import Account, Spend
from faregate.errors import FaregateError, ServiceUnavailableError
from faregate.gateway.ledger import Ledger
from faregate.gateway.worth import StandIns
from faregate.money import Usd
from faregate.store.account_spends import questions_of, spends_of
from faregate.store.counters import Counters
from faregate.store.errors import LedgerUnavailableError
from faregate.store.protocol import Filter, SpentBy

_PAGE = 1_000
_BESIDE = 4
"""How often the ledger is asked at the same time: a budget that takes long holds up few others."""
_TOGETHER = 500
"""Budgets asked for at once."""

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
        self._asking: dict[str, tuple[asyncio.Future[str], float]] = {}
        self._waiting: dict[str, Account] = {}
        self._reading: set[asyncio.Task[None]] = set()
        self._most = _TOGETHER

    async def restore(self, accounts: Iterable[Account]) -> str:
        """Restore these budgets. Why that cannot be done now; empty when it is done.

        Nobody waits longer than :data:`PATIENCE` after the first one asked or the last answer came,
        so that a database that is away does not hold up every call.
        """
        loop = asyncio.get_running_loop()
        answers: set[asyncio.Future[str]] = set()
        first = began = loop.time()
        for account in accounts:
            known = self._asking.get(account.id)
            if known is None:
                known = self._asking[account.id] = (loop.create_future(), loop.time())
                self._waiting[account.id] = account
            answers.add(known[0])
            first = min(first, known[1])
        self._read_on()
        pending = answers
        while pending:
            until = min(max(first, self._answered) + PATIENCE, began + LONGEST)
            if loop.time() >= until:
                return "the ledger's database does not answer in time"
            # Left to run in any case: another call may wait for the same.
            _, pending = await asyncio.wait(pending, timeout=until - loop.time())
        return next((problem for each in answers if (problem := each.result())), "")

    def _read_on(self) -> None:
        """Read what is waited for, all of it at once."""
        while self._waiting and len(self._reading) < _BESIDE:
            some = [self._waiting.pop(name) for name in list(self._waiting)[: self._most]]
            task = asyncio.get_running_loop().create_task(self._read(some))
            self._reading.add(task)
            task.add_done_callback(self._read_one_more)

    def _read_one_more(self, task: asyncio.Task[None]) -> None:
        self._reading.discard(task)
        if not task.cancelled():
            self._read_on()

    async def _read(self, accounts: Sequence[Account]) -> None:
        problem = "the ledger was not read"
        try:
            problem = await self._restore(accounts)
            if len(accounts) >= self._most:
                self._most = min(self._most * 2, _TOGETHER)
        except (ServiceUnavailableError, LedgerUnavailableError) as error:
            problem = str(error)
            # So many may be more than it can say in time.
            self._most = max(min(self._most, len(accounts) // 2), 1)
        except FaregateError as error:
            problem = str(error)
            if len(accounts) > 1:  # one may be at fault, and the others must not pay for it
                middle = len(accounts) // 2
                await self._read(accounts[:middle])
                await self._read(accounts[middle:])
        finally:
            self._answered = asyncio.get_running_loop().time()
            for account in accounts:
                answer, _ = self._asking.pop(account.id, (None, 0.0))
                if answer is not None and not answer.done():
                    answer.set_result(problem)

    async def _restore(self, accounts: Sequence[Account]) -> str:
        spends: list[Spend] = []
        if self._ledger is not None:
            await asyncio.sleep(self._counters.calm_in())
            spends = await self._spends(self._ledger, accounts)
        if not await self._counters.restore(accounts, spends):
            return "the counters do not answer"
        return ""

    async def _spends(self, ledger: Ledger, accounts: Sequence[Account]) -> list[Spend]:
        """Amounts by the instants they count at."""
        now = time.time()
        questions: list[SpentBy] = []
        whose: list[Account] = []
        spends: list[Spend] = []
        for account in accounts:
            asked = questions_of(account, self._names(account), now)
            questions += asked
            whose += [account] * len(asked)
            missing = await self._missing(ledger, account, asked)
            spends += spends_of(account, missing, now)
        # Last, and nothing is waited for after it: calls that end later are charged, not read.
        found = await ledger.spent(questions)
        for account, amounts in zip(whose, found, strict=True):
            spends += spends_of(account, amounts, now)
        return spends

    async def spends(self, accounts: Sequence[Account]) -> list[Spend]:
        """What the ledger says was spent on budgets, in their windows of now.

        Raises :class:`FaregateError` where it cannot be known, also where there is no ledger.
        """
        if self._ledger is None:
            raise ServiceUnavailableError("there is no ledger")
        return await self._spends(self._ledger, accounts)

    def _names(self, account: Account) -> tuple[str, ...]:
        if account.scope == "model":
            return (account.scope_id, *self._aliases(account.scope_id))
        return (account.scope_id,)

    async def _missing(
        self, ledger: Ledger, account: Account, asked: Sequence[SpentBy]
    ) -> list[tuple[float, Usd]]:
        """What stands in for costs that are not known, by the instants of the calls."""
        deployments = self.stand_ins.deployments() if self.stand_ins is not None else ()
        if self.stand_ins is None or not deployments:
            return []
        await ledger.replayed()
        store = ledger.store()
        names, since = tuple(each.payer_id for each in asked), asked[0].since
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
