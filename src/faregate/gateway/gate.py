"""Budgets and limits on the data path: a hold before, the charge after.

A call's worst case is held in every budget and limit it touches before anything is sent, and
replaced by what it took when it has ended. In one process that takes no waiting; with shared
counters it is one round trip.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any, Literal

from msgspec import structs

from faregate.config.settings import ModelDeployment
from faregate.core.budget import (
    Account,
    Actual,
    Claim,
    Hold,
    Refused,
    SoftLimit,
    Standing,
    unpriced_gate,
)
from faregate.core.directory import Directory
from faregate.gateway.outlet import Outlet
from faregate.gateway.passage import Passage
from faregate.gateway.purse import Purse
from faregate.gateway.refusals import refusal, unknown
from faregate.gateway.restoring import Restorer
from faregate.gateway.worth import Worth, worth_of
from faregate.money import Usd
from faregate.store.counters import Counters, MemoryCounters, Unavailable
from faregate.types import Charge

_log = logging.getLogger("faregate.budgets")

Warn = Callable[[SoftLimit], None]
"""Told when a budget's spending has reached its soft limit; must neither block nor raise."""

CHAT = "chat/completions"

_CALLER = ""
"""The purse of whoever calls; the others are deployments', by their ids."""

_TRIES = 5

SEVERAL = "several workers can only count together in Redis (router_settings.redis_url)"


class Gate:
    """Asks the counters on behalf of calls."""

    def __init__(
        self,
        counters: Counters,
        restorer: Restorer,
        directory: Callable[[], Directory],
        warn: Warn,
        *,
        on_outage: Literal["serve", "refuse"] = "refuse",
        alone: bool = True,
    ) -> None:
        """``directory`` gives the one in force. ``on_outage``: whether a call goes out while its
        budgets cannot be known. ``alone`` is False where other processes of this server count by
        themselves: then no budget or limit can be kept, and calls that have one are refused.
        """
        self._alone = alone
        self._counters = counters
        self._directory = directory
        self._memory = counters if isinstance(counters, MemoryCounters) else None
        self._restorer = restorer
        self.on_outage = on_outage
        self._warn = warn
        self._tasks: set[asyncio.Task[None]] = set()
        self.grown: Callable[[Passage], None] = lambda _: None
        """Told of a call that may cost more than it was let in for; must not block nor raise."""
        self.failures = 0
        """Calls for which the counters did not answer."""

    async def close(self) -> None:
        """Finish settling, then let the counters go."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5.0)
        await self._counters.close()

    def admit(self, passage: Passage) -> Awaitable[None] | None:
        """Hold what the call may take. Raises (or the result does) the refusal.

        None where nothing is to be waited for.
        """
        asked = passage.asked
        snapshot = passage.snapshot
        accounts = _accounts(passage, snapshot.directory)
        if not accounts:
            return None
        if not self._alone:
            raise unknown(SEVERAL)
        purse = passage.purses[_CALLER] = Purse(accounts)
        passage.worth = worth = _worth(passage, snapshot.settings.find(asked.model))
        return self._hold(passage, purse, worth.claims(snapshot.directory, accounts))

    def enter(self, passage: Passage, outlet: Outlet) -> Awaitable[None] | None:
        """Hold what an attempt at a deployment may take beyond what is held already.

        Raises (or the result does) the refusal: the deployment is to be passed over.
        """
        entry = outlet.entry
        accounts = passage.snapshot.directory.deployment_accounts(entry.id)
        if accounts and not self._alone:
            raise unknown(SEVERAL)
        if entry.on_unpriced == "refuse_next":
            accounts = (*accounts, unpriced_gate(entry.id))
        if not accounts and not passage.purses:
            return None
        covered = not passage.tries and passage.attempts.model == passage.asked.model
        if not accounts and covered and not _stands_in(entry, passage.worth):
            return None  # it is in what was held at admission
        worth = _worth(passage, (entry,))
        if _stands_in(entry, worth):
            passage.stand_ins[entry.id] = worth.worst.amount
        if accounts and entry.id not in passage.purses:
            passage.purses[entry.id] = Purse(accounts)
        if self._memory is None:
            return self._enter_slowly(passage, entry.id, worth)
        for purse, claims in self._claims(passage, entry.id, worth):
            waiting = self._hold(passage, purse, claims)
            if waiting is not None:  # a budget's spending is to be read first
                return self._enter_slowly(passage, entry.id, worth, waiting)
        self._grow(passage, worth)
        return None

    def settle(self, passage: Passage) -> None:
        """Replace every hold of a call by what it took. Never raises."""
        try:
            self._settle_all(passage)
        except Exception:  # noqa: BLE001 - a fault of ours must not cost the call its row
            _log.exception("budgets: call %s is not settled", passage.call_id)

    def _settle_all(self, passage: Passage) -> None:
        if passage.snapshot.directory is not self._directory():
            self._charge_late(passage)
        for name, purse in passage.purses.items():
            if purse.unheld:
                self._charge(purse.unheld, _spent(passage, name), passage.at)
            actual = None
            if passage.went_out or passage.charges:
                actual = _actual(passage, name)
            for hold in purse.holds:
                self._close(hold, actual)
                # The first one takes all of it; those added for later attempts are given back.
                actual = None

    async def standings(self, accounts: Sequence[Account]) -> tuple[Standing, ...] | None:
        """How accounts stand, read from the ledger where that was not done yet."""
        # Those of the directory: asking must not change what the counters count by.
        ids = {each.id for each in accounts}
        known = {each.id: each for each in self._directory().every_account() if each.id in ids}
        accounts = [known.get(each.id, each) for each in accounts]
        found = await self._counters.standings(accounts)
        if found is None:
            return None
        there = {each.account.id for each in found}
        unread = [each for each in accounts if each.measure == "usd" and each.id not in there]
        if not unread:
            return found
        await self._restorer.restore(unread)
        return await self._counters.standings(accounts)

    async def reopen(self, deployment: str) -> None:
        """A price was added: a deployment that waited for one takes calls again."""
        await self._counters.forget(unpriced_gate(deployment))

    async def shut(self, deployment: str) -> None:
        """A deployment is to take no calls until a price is added."""
        await self._counters.charge(unpriced_gate(deployment), 1, time.time())

    def _claims(
        self, passage: Passage, deployment: str, worth: Worth
    ) -> Iterator[tuple[Purse, tuple[Claim, ...]]]:
        """What each purse must hold for this attempt, where that is more than it does."""
        directory = passage.snapshot.directory
        for name in (_CALLER, deployment):
            purse = passage.purses.get(name)
            if purse is None:
                continue
            if not purse.holds and not purse.unheld:
                yield purse, worth.claims(directory, purse.accounts)
                continue
            need = _spent(passage, name) + worth.worst.amount - purse.held
            if need > 0:
                yield (
                    purse,
                    tuple(
                        Claim(each, need)
                        for each in purse.accounts
                        if each.measure == "usd"
                        and each not in purse.unheld
                        and not directory.reserves_estimates(each)
                    ),
                )

    async def _enter_slowly(
        self,
        passage: Passage,
        deployment: str,
        worth: Worth,
        waiting: Awaitable[None] | None = None,
    ) -> None:
        if waiting is not None:
            await waiting
        for purse, claims in self._claims(passage, deployment, worth):
            more = self._hold(passage, purse, claims)
            if more is not None:
                await more
        self._grow(passage, worth)

    def _hold(
        self, passage: Passage, purse: Purse, claims: Sequence[Claim]
    ) -> Awaitable[None] | None:
        if not claims:
            return None
        name = passage.call_id
        if passage.holds:
            name = f"{name}/{passage.holds + 1}"
        passage.holds += 1
        if self._memory is not None:
            found = self._memory.reserve_now(name, claims)
            if isinstance(found, Hold):
                purse.keep(found)
                return None
            if isinstance(found, Refused):
                raise refusal(found, time.time())
        return self._hold_slowly(purse, name, claims)

    async def _hold_slowly(self, purse: Purse, name: str, claims: Sequence[Claim]) -> None:
        for _ in range(_TRIES):
            if not claims:
                return
            found = await self._counters.reserve(name, claims)
            if isinstance(found, Hold):
                purse.keep(found)
                return
            if isinstance(found, Refused):
                raise refusal(found, time.time())
            if isinstance(found, Unavailable):
                self.failures += 1
                if self.on_outage == "serve":
                    purse.keep(found.hold)
                    return
                await self._counters.release(found.hold)
                raise unknown(found.reason)
            names = set(found.accounts)
            missing = tuple(each.account for each in claims if each.account.id in names)
            reason = await self._restorer.restore(missing)
            if reason:
                self.failures += 1
                if self.on_outage == "refuse":
                    raise unknown(reason)
                # What is known is still kept to: limits, and budgets of which it could be told.
                purse.go_without(missing)
                claims = [each for each in claims if each.account.id not in names]
        self.failures += 1
        if self.on_outage == "refuse":
            raise unknown("what was spent is forgotten as soon as it is read")
        purse.go_without(each.account for each in claims if each.account.measure == "usd")

    def _grow(self, passage: Passage, worth: Worth) -> None:
        """Note where an attempt may exceed what the call was let in for."""
        known = passage.worth
        amount = _spent(passage, _CALLER) + worth.worst.amount
        if known is not None and amount > known.worst.amount:
            worst = structs.replace(worth.worst, amount=amount)
            passage.worth = structs.replace(known, worst=worst)
            self.grown(passage)

    def _charge_late(self, passage: Passage) -> None:
        """Budgets made while the call was under way count it, too."""
        directory = self._directory()
        if not directory.limited or not passage.charges:
            return
        # The holder as it was: the row says the same, whatever team the key is in by now.
        found = _accounts(passage, directory)
        self._charge_unknown(passage, _CALLER, found)
        for deployment in {each.deployment for each in passage.charges}:
            accounts = directory.deployment_accounts(deployment)
            self._charge_unknown(passage, deployment, accounts)

    def _charge_unknown(self, passage: Passage, name: str, accounts: tuple[Account, ...]) -> None:
        """Charge the budgets among these that the call did not know when it was let in."""
        purse = passage.purses.get(name)
        known = {each.id for each in purse.accounts} if purse is not None else set()
        fresh = [each for each in accounts if each.measure == "usd" and each.id not in known]
        self._charge(fresh, _spent(passage, name), passage.at)

    def _charge(self, accounts: Sequence[Account], amount: Usd, at: float) -> None:
        """Charge what was never held. In memory that is done at once: whoever reads the ledger for
        one of these budgets meanwhile finds the call either here or there, and not in both."""
        for account in accounts if amount else ():
            if self._memory is not None:
                self._memory.charge_now(account, amount, at)
            else:
                self._later(self._counters.charge(account, amount, at))

    def _close(self, hold: Hold, actual: Actual | None) -> None:
        if self._memory is not None:
            if actual is None:
                self._memory.release_now(hold)
            else:
                self._told(self._memory.settle_now(hold, actual))
        elif actual is None:
            self._later(self._counters.release(hold))
        else:
            self._later(self._settle(hold, actual))

    async def _settle(self, hold: Hold, actual: Actual) -> None:
        self._told(await self._counters.settle(hold, actual))

    def _told(self, reached: tuple[SoftLimit, ...]) -> None:
        for each in reached:
            self._warn(each)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("budgets: not settled: %r", task.exception())


def _accounts(passage: Passage, directory: Directory) -> tuple[Account, ...]:
    """The accounts of whoever calls. A model's limits hold under its aliases, too."""
    model = passage.asked.model
    alias_of = passage.snapshot.settings.alias_of(model)
    return directory.accounts(passage.holder, model, passage.tags, alias_of)


def _worth(passage: Passage, entries: Sequence[ModelDeployment]) -> Worth:
    asked = passage.asked
    return worth_of(
        passage.snapshot,
        entries,
        asked.members,
        asked.size,
        passage.at,
        answers=passage.operation == CHAT,
    )


_USUAL_TIERS = ("", "auto", "default", "standard")


def _stands_in(entry: ModelDeployment, worth: Worth | None) -> bool:
    """Whether a cost that stays unknown counts as the worst case that is known.

    A client that names a service tier chooses one that may have no price: were its calls to count
    for nothing, no budget would hold it.
    """
    chosen = worth is not None and worth.ask.tier not in _USUAL_TIERS
    return entry.on_unpriced == "worst_case" or chosen


def _charges(passage: Passage, purse: str) -> list[Charge]:
    """The charges that count against a purse."""
    if purse == _CALLER:
        return passage.charges
    return [each for each in passage.charges if each.deployment == purse]


def _spent(passage: Passage, purse: str) -> Usd:
    """Pico-dollars that a purse has to pay so far; what stands in for an unknown price included."""
    spent = 0
    for charge in _charges(passage, purse):
        if charge.total is not None:
            spent += charge.total
        elif charge.deployment in passage.stand_ins:
            spent += passage.stand_ins[charge.deployment]
        else:
            spent += sum(line.amount for line in charge.lines)
    return spent


def _actual(passage: Passage, purse: str) -> Actual:
    charges = _charges(passage, purse)
    unpriced = any(each.status == "unpriced" for each in charges)
    tokens = sum(each.usage.prompt + each.usage.completion for each in charges)
    return Actual(usd=_spent(passage, purse), tokens=tokens, unpriced=int(unpriced))
