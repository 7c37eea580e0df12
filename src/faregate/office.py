"""The process that serves, as the admin API sees it."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol

from msgspec import structs

from faregate import __version__
from faregate.admin.office import DeploymentState, Health, LedgerState, Status, Tried
from faregate.admin.oidc import SignOn
from faregate.admin.oidc_pages import make_sign_on
from faregate.admin.paths import is_admin
from faregate.admin.session import Sessions
from faregate.admin.ui import ASGI, Zone, is_ui, make_ui
from faregate.app import App, Receive, Send
from faregate.config import ModelDeployment, Routing, Settings
from faregate.control.stored_models import Stored, Terms
from faregate.core.budget import Account, Standing
from faregate.core.directory import Directory, Holder
from faregate.core.pricebook import PriceBook
from faregate.errors import ConfigError, FaregateError, ServiceUnavailableError
from faregate.gateway.access import Access
from faregate.gateway.asked import Labels
from faregate.gateway.catalog import Catalog
from faregate.gateway.health_checks import Refused, call_of, make_call
from faregate.gateway.ledger import Ledger
from faregate.gateway.relay import key_of
from faregate.gateway.snapshot import Snapshot
from faregate.store.protocol import Store
from faregate.store.repricing import Learnt

TEST = "connection-test"
"""The tag of calls that only try a deployment."""

_PATIENCE = 1.5
_ZONE_PATIENCE = 0.5
_STATES: Mapping[str, Health] = {"closed": "healthy", "open": "cooling", "half_open": "probing"}


class Models(Protocol):
    """The deployments in force, as the process keeps them."""

    catalog: Catalog

    def terms(self) -> Terms:
        """What those of the database are read with."""


class Console:
    """The dashboard and the admin API, which is imported with its first request."""

    def __init__(self, office: "Office", sessions: Sessions, sign_on: SignOn) -> None:
        self._office = office
        self._ui = make_ui(sessions, sign_on=make_sign_on(sign_on), zone=office.zone)
        self._making: asyncio.Task[ASGI] | None = None

    def serves(self, path: str) -> bool:
        """Whether a path is answered here, if only with a 404."""
        return is_ui(path) or is_admin(path)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if is_ui(scope["path"]):
            await self._ui(scope, receive, send)
            return
        if self._making is None:
            self._making = asyncio.create_task(self._make())
        app = await asyncio.shield(self._making)
        await app(scope, receive, send)

    async def _make(self) -> ASGI:
        # FastAPI takes a third of a second to import, and calls are served meanwhile.
        return await asyncio.to_thread(_make_app, self._office)


def _make_app(office: "Office") -> ASGI:
    from faregate.admin.app import make_app

    return make_app(office)


class Office:
    """Implements :class:`faregate.admin.office.Office` for one serving process."""

    def __init__(
        self,
        app: App,
        access: Access,
        ledger: Ledger | None,
        sessions: Sessions,
        models: Models,
        reload: Callable[[], str],
    ) -> None:
        """``models`` has the deployments in force; ``reload`` reads the configuration again and
        gives why it was refused, or nothing."""
        self._app = app
        self._access = access
        self._ledger = ledger
        self._sessions = sessions
        self._models = models
        self._reload = reload
        self._started_at = time.time()
        self.workers = 1

    def store(self) -> Store:
        """The ledger's database. Raises :class:`ServiceUnavailableError`."""
        if self._ledger is None:
            raise ServiceUnavailableError(
                "the configuration keeps no ledger (general_settings.ledger: false)",
                code="ledger_unavailable",
            )
        return self._ledger.store()

    async def zone(self) -> Zone:
        """The zone of the ledger's days; while it does not answer, the one that is stated."""
        try:
            async with asyncio.timeout(_ZONE_PATIENCE):
                calendar = await self.store().calendar()
        except (FaregateError, TimeoutError):
            return Zone(self.settings().general.reporting_time_zone or "UTC")
        return Zone(calendar.zone, calendar.zone_since)

    def settings(self) -> Settings:
        """The configuration in force."""
        return self._app.snapshot.settings

    def directory(self) -> Directory:
        """The keys, teams, users, budgets and limits in force."""
        return self._app.snapshot.directory

    def book(self) -> PriceBook:
        """The prices in force, the added ones included."""
        return self._app.snapshot.book

    def stored_models(self) -> Sequence[Stored]:
        """The deployments of the database, those left out included."""
        return self._models.catalog.stored

    def terms(self) -> Terms:
        """What deployments of the database are read with."""
        return self._models.terms()

    async def try_deployment(self, entry: ModelDeployment, model: str, holder: Holder) -> Tried:
        """Call a deployment once, whether or not it is in force. Its failure puts nothing aside.

        Raises :class:`APIError` where the call is not admitted, :class:`ConfigError` for a
        deployment that cannot be called.
        """
        running = self._app.snapshot
        alone = structs.replace(
            running.settings,
            models={model: (structs.replace(entry, model_name=model),)},
            wildcards=(),
            routing=Routing(),
        )
        (only,) = alone.deployments()
        apart = Snapshot(alone, running.book, "", directory=running.directory)
        apart.bounds = running.bounds
        passage = call_of(apart, only, model, self._app)
        passage.hold_for(holder, Labels((TEST,), ""))
        began = time.perf_counter()
        try:
            failure = await make_call(passage)
        except Refused as refused:
            raise refused.error from None
        receipt = passage.receipt
        return Tried(
            call_id=passage.call_id,
            ok=failure is None,
            status=passage.status if failure is None else failure.status,
            seconds=time.perf_counter() - began,
            served_model=receipt.charges[-1].served_model if receipt and failure is None else "",
            receipt=receipt,
            code="" if failure is None else failure.error.code,
            message="" if failure is None else failure.error.message,
            provider_message="" if failure is None else failure.said,
        )

    async def applied(self) -> None:
        """Return once this process has applied the newest change, or after a moment."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._access.follower.applied()

    def holder_of_request(self, method: str, headers: Mapping[str, str]) -> Holder:
        """Who asks, by key or session. Raises :class:`AuthenticationError`."""
        holder = self._sessions.enter(method, headers)
        return self._app.snapshot.identify(key_of(headers)) if holder is None else holder

    async def standings(self, accounts: Sequence[Account]) -> tuple[Standing, ...] | None:
        """How accounts stand; None while the counters do not answer."""
        return await self._access.gate.standings(accounts)

    def reload(self) -> str:
        """Read the configuration again. Raises :class:`ConfigError` for a bad one."""
        problem = self._reload()
        if problem:
            raise ConfigError(f"not reloaded, the running configuration stays: {problem}")
        return f"The configuration is reloaded: {len(self.settings().models)} models."

    def status(self) -> Status:
        """How this process is."""
        ledger = self._ledger
        state = LedgerState(database="off")
        if ledger is not None:
            state = LedgerState(
                database="up" if ledger.store_up and self._access.follower.answered else "down",
                pending_rows=ledger.pending,
                lag_seconds=round(ledger.lag, 3),
                journal_bytes=ledger.journal_bytes,
                problem=ledger.problem,
            )
        ready = self._app.ready
        return Status(
            status="stopping" if not ready else "refusing" if state.problem else "healthy",
            version=__version__,
            started_at=self._started_at,
            workers=self.workers,
            ledger=state,
            counters="redis" if self._access.shared else "memory",
            counters_up=not self._access.counters_down,
            applied=self._access.follower.sequence,
            problems=tuple(self.directory().problems) + self._models.catalog.problems,
        )

    def conditions(self) -> Mapping[str, DeploymentState]:
        """What is known of deployments, by id."""
        now = time.monotonic()
        checked = self._app.checked()
        found: dict[str, DeploymentState] = {}
        for name, condition in list(self._app.snapshot.router.conditions.items()):
            check = checked.get(name)
            state: Health = _STATES[condition.state(now)]
            if check is not None and not check.ok and state == "healthy":
                state = "failing"
            found[name] = DeploymentState(
                state=state,
                in_flight=condition.in_flight,
                cooldown_seconds=max(condition.until - now, 0.0) if condition.until else 0.0,
                time_to_first_byte=condition.latency,
                checked_at=None if check is None else check.at,
                check_error="" if check is None else check.error,
            )
        return found

    async def prices_changed(self) -> None:
        """Return once the added prices are in force here."""
        await self.applied()

    async def price_learnt(self, learnt: Learnt) -> None:
        """A row has its price now: its budgets pay for it, and its deployments are open again."""
        row = learnt.entry.row
        deployments = {each.deployment for each in learnt.receipt.charges}
        await self._access.charge_late(learnt.amounts, row.started, deployments)
        for each in deployments:
            await self._access.gate.reopen(each)
