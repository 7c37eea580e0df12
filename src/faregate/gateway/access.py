"""Who may call and for how much, in one process: the directory, the counters and the gate."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from faregate.config.settings import Redis, Settings
from faregate.core.budget import Account, Actual, Budget, Claim, Payer, SoftLimit
from faregate.core.directory import Directory
from faregate.core.windows import TOTAL
from faregate.errors import FaregateError
from faregate.gateway.following import Follower
from faregate.gateway.gate import Gate
from faregate.gateway.ledger import Ledger
from faregate.gateway.repairing import Repairer
from faregate.gateway.restoring import Restorer
from faregate.money import Usd, format_usd
from faregate.store.counters import Counters, MemoryCounters
from faregate.store.protocol import Filter, Store
from faregate.store.redis_counters import RedisCounters
from faregate.store.rollup import paid, payers
from faregate.types import HttpRequest, Row
from faregate.upstream.limits import Timeouts
from faregate.upstream.transport import shared
from faregate.upstream.transport_errors import TransportError

_log = logging.getLogger("faregate.budgets")

EVERYTHING = "config/everything"
"""The id of the budget that ``max_budget`` of the configuration is."""


class AccessOptions(Struct, frozen=True, kw_only=True):
    """What a process needs to know who may call."""

    data_dir: Path | None = None
    """Where the last directory known is kept; None: nowhere."""
    redis: Redis | None = None
    alone: bool = True
    """Whether no other process of this server counts; others share Redis or have no budgets."""


class Access:
    """Made and used in one process's event loop."""

    def __init__(
        self,
        options: AccessOptions,
        ledger: Ledger | None,
        settings: Callable[[], Settings],
        on_directory: Callable[[Directory], None],
        on_other: Callable[[str], Awaitable[None]],
    ) -> None:
        """Raises :class:`ConfigError` for an address of Redis that means nothing."""
        self._ledger = ledger
        self._settings = settings
        self.directory = Directory()
        self._publish = on_directory
        self.follower = Follower(options.data_dir, self._extra, self._take, on_other)
        self._counters = counters_of(options.redis)
        general = settings().general
        self.restorer = Restorer(self._counters, ledger, lambda model: settings().aliases(model))
        self.gate = Gate(
            self._counters,
            self.restorer,
            lambda: self.directory,
            self._warn,
            on_outage=general.on_counters_outage,
            alone=options.alone or options.redis is not None,
        )
        self._repairer: Repairer | None = None
        if ledger is not None:
            self.gate.grown = ledger.admit_again
            if isinstance(self._counters, RedisCounters):
                self._repairer = Repairer(self._counters, self.restorer, lambda: self.directory)
        self._known = asyncio.Event()
        """Set once the directory is that of the database."""
        if ledger is not None and self.shared:
            ledger.inherit = self._inherit
        self._following: asyncio.Task[None] | None = None
        self._warnings: set[asyncio.Task[None]] = set()
        self.soft_limits = 0
        """How often a budget has reached its soft limit here."""

    def start(self) -> None:
        """Take the last directory known and begin to follow the database."""
        loop = asyncio.get_running_loop()
        if self._ledger is None:
            self.follower.fresh = True  # there is no database that could know more keys
        self._take(self.follower.load_copy())
        if self._ledger is None:
            return
        self._following = loop.create_task(self._follow(self._ledger))
        if self._repairer is not None:
            self._repairer.start(self._ready(self._ledger))

    async def start_counters(self) -> None:
        """Reach the shared counters, where there are any."""
        await self._counters.start()

    async def stop(self) -> None:
        """End following and settle what is still to be settled."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait({self._following})
        if self._repairer is not None:
            await self._repairer.stop()
        await self.follower.stop()
        await self.gate.close()

    @property
    def shared(self) -> bool:
        """Whether counters are shared with other processes."""
        return isinstance(self._counters, RedisCounters)

    @property
    def counters_down(self) -> str:
        """Why the shared counters do not answer; empty when they do."""
        return self._counters.down if isinstance(self._counters, RedisCounters) else ""

    async def charge_late(
        self, amounts: Mapping[tuple[Payer, str], Usd], at: float, deployments: Collection[str]
    ) -> None:
        """Budgets pay for a call of these deployments that was made at ``at`` (Unix seconds) and
        priced just now. Where something stood in for its cost, they ask the ledger again.
        """
        stand_ins = self.restorer.stand_ins
        stood_in = stand_ins is not None and not set(deployments).isdisjoint(
            stand_ins.deployments()
        )
        for (payer, payer_id), amount in amounts.items():
            accounts = self.directory.accounts_for(payer, payer_id)
            model = self._settings().alias_of(payer_id) if payer == "model" else ""
            if model:
                accounts += self.directory.accounts_for("model", model)
            for account in accounts:
                if account.measure != "usd":
                    continue
                if stood_in:
                    await self._counters.forget(account)
                else:
                    await self._counters.charge(account, amount, at)

    async def reread_budgets(self) -> None:
        """Somebody else changed what was spent: budgets ask the ledger again before their next
        call."""
        for account in self.directory.every_account():
            if account.measure == "usd":
                await self._counters.forget(account)

    async def _inherit(self, rows: Sequence[Row]) -> None:
        """Budgets pay for the calls of processes that died, whose rows the ledger has by now.

        In memory there is nothing to do: what was spent is read from the ledger after that.
        """
        counters = self._counters
        if not isinstance(counters, RedisCounters):
            return
        await self._known.wait()
        stale: dict[str, Account] = {}
        for row in rows:
            claims = self._paying(row)
            usages = [each.usage for each in row.receipt.charges] if row.receipt else []
            tokens = sum(each.prompt + each.completion for each in usages)
            if not await counters.inherit(row.call_id, row.started, claims, Actual(tokens=tokens)):
                stale |= {each.account.id: each.account for each in claims}
        for account in stale.values():
            await counters.forget(account)

    def _paying(self, row: Row) -> list[Claim]:
        """The budgets that pay for a call, with what each of them does."""
        found = [
            (account, paid(row, payer, payer_id))
            for payer, payer_id in sorted(payers(row))
            for account in self.directory.accounts_for(payer, payer_id)
        ]
        model = self._settings().alias_of(row.requested_model)
        if model:
            spend = paid(row, "model", row.requested_model)
            found += [(each, spend) for each in self.directory.accounts_for("model", model)]
        return [Claim(account, amount) for account, amount in found if account.measure == "usd"]

    async def _follow(self, ledger: Ledger) -> None:
        store = await ledger.opened()
        await self._shut(store)
        self.follower.start(store)

    async def _ready(self, ledger: Ledger) -> None:
        await self._known.wait()
        await ledger.replayed()

    async def _shut(self, store: Store) -> None:
        """Deployments that waited for a price when this server stopped still do."""
        every = self._settings().deployments()
        names = tuple(each.id for each in every if each.on_unpriced == "refuse_next")
        if not names or self.shared:  # Redis remembers
            return
        try:
            lines = await store.spend(("deployment",), only=Filter(deployment=names))
        except FaregateError as error:
            _log.warning("which deployments wait for a price is not known: %s", error)
            return
        for line in lines:
            if line.unpriced:
                await self.gate.shut(line.group[0])

    def _take(self, directory: Directory) -> None:
        self.directory = directory
        self._publish(directory)
        if self.follower.fresh:
            self._known.set()

    def _extra(self) -> tuple[Budget, ...]:
        """The budget of everything that the configuration states."""
        general = self._settings().general
        if general.max_budget is None:
            return ()
        return (
            Budget(
                id=EVERYTHING,
                scope="everything",
                limit=general.max_budget,
                window=general.budget_duration or TOTAL,
            ),
        )

    def _warn(self, reached: SoftLimit) -> None:
        account = reached.account
        soft = account.soft_limit or 0
        text = (
            f"{account.title} has reached its soft limit: ${format_usd(reached.spent, places=2)}"
            f" spent, soft limit ${format_usd(soft, places=2)},"
            f" limit ${format_usd(account.limit, places=2)}"
        )
        self.soft_limits += 1
        _log.warning("%s", text)
        url = self._settings().general.alert_webhook_url
        if url:
            body = {
                "text": text,
                "budget": account.id.removeprefix("usd/"),
                "scope": account.scope,
                "scope_id": account.scope_id,
                "spent": format_usd(reached.spent),
                "soft_limit": format_usd(soft),
                "limit": format_usd(account.limit),
            }
            task = asyncio.get_running_loop().create_task(_post(url.reveal(), body))
            self._warnings.add(task)
            task.add_done_callback(self._warnings.discard)


def counters_of(redis: Redis | None) -> Counters:
    """The counters: in this process, or in Redis where one is configured.

    Raises :class:`ConfigError` where the extra ``redis`` is missing or the address means nothing.
    """
    return MemoryCounters() if redis is None else RedisCounters(redis.address())


async def _post(url: str, body: dict[str, str]) -> None:
    request = HttpRequest(
        "POST", url, {"content-type": "application/json"}, msgspec.json.encode(body)
    )
    timeouts = Timeouts(connect=5.0, first_byte=10.0, between=10.0, total=10.0)
    try:
        answer = await shared().send(request, timeouts)
    except TransportError as error:
        _log.warning("the alert was not delivered: %s", str(error).partition(": ")[2])
        return
    if answer.status >= 300:
        _log.warning("the alert was not taken: the webhook answered %d", answer.status)
