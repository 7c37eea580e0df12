"""One serving process: the application with its log, metrics and reloads, made after any fork."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from faregate.admin.oidc import SignOn
from faregate.admin.session import Sessions
from faregate.app import App, Receive, Send
from faregate.config import Settings
from faregate.config.sign_on import rules_of
from faregate.control import models
from faregate.control.prices import added
from faregate.control.sealing import Sealing
from faregate.control.stored_models import NOUN, Terms
from faregate.core.directory import Directory
from faregate.core.pricebook import PriceBook
from faregate.errors import FaregateError
from faregate.gateway.access import Access, AccessOptions
from faregate.gateway.catalog import Catalog, gathered, keep_copy, read_copy, reasons
from faregate.gateway.health_checks import HealthChecks
from faregate.gateway.housekeeping import Housekeeping
from faregate.gateway.ledger import Ledger, LedgerOptions
from faregate.gateway.ledger_metrics import access_families, ledger_families
from faregate.gateway.logs import Logs, configure
from faregate.gateway.metrics import Metrics
from faregate.gateway.records import Sink
from faregate.gateway.snapshot import Snapshot, unusable
from faregate.gateway.worth import StandIns, appraised
from faregate.journal.codec import Admission
from faregate.office import Console, Office
from faregate.store.protocol import Entity

log = logging.getLogger("faregate")

CHECK_SECONDS = 1.0
"""How often the configuration's files are looked at."""


REPRICED = "repriced"
"""The kind of entity that says: somebody filled in prices, and what was spent is more now."""

_AT_START = (
    "master_key",
    "data_dir",
    "ledger",
    "database_url",
    "on_ledger_outage",
    "journal_fsync",
    "reporting_time_zone",
    "drain_timeout",
    "limits",
    "log",
    "metrics",
)
"""What is read when the process starts and not again, at least in part."""


class Boot(Struct, frozen=True, kw_only=True):
    """What a serving process starts from. Whoever makes it reads the files and the environment."""

    settings: Settings
    master_key: str
    book: PriceBook
    reread: Callable[[], Settings]
    """The configuration as its files say now. Raises :class:`ConfigProblems`."""
    stamp: Callable[[Settings], object]
    """Changes when a file of the configuration does."""
    shared: Path | None = None
    """Where the workers of one server keep their numbers."""
    salt_key: str = ""
    """What secrets in the database are sealed with; empty: the master key."""
    otel: bool = False
    ledger: LedgerOptions | None = None
    """None: rows are not kept beyond the last ones in memory."""
    workers: int = 1


class Service:
    """The ASGI application of one process; everything in it is made when it starts."""

    def __init__(self, boot: Boot) -> None:
        self._boot = boot
        self._app: App
        self._book = boot.book
        self._logs: Logs
        self._metrics: Metrics
        self._watch: asyncio.Task[None] | None = None
        self._stamp: object = None
        self._checks: HealthChecks
        self._ledger: Ledger | None = None
        self._access: Access
        self._sealing = Sealing(boot.salt_key or boot.master_key)
        self.catalog = Catalog(file=boot.settings, settings=boot.settings)
        self._housekeeping: Housekeeping | None = None
        self._flush: Callable[[], None] | None = None

    def __call__(
        self, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> Awaitable[None]:
        """Serve one request, or the process's life (ASGI)."""
        if scope["type"] == "lifespan":
            return self._live(receive, send)
        return self._app(scope, receive, send)

    def reload(self) -> str:
        """Read the configuration again. A bad one is refused whole and the running one stays.

        Gives what is wrong with it; nothing when it is in force.
        """
        boot, running = self._boot, self._app.snapshot.settings
        before = boot.stamp(running)
        try:
            settings = boot.reread()
            catalog = gathered(settings, self.catalog.entities, self.terms(), self.catalog)
            self._replace(catalog)
        except (FaregateError, OSError) as error:
            # No traceback: the message names every problem with its file and line.
            log.error("not reloaded, the running configuration stays:\n%s", error)  # noqa: TRY400
            return str(error)
        # A file that was written while it was read is read again.
        steady = boot.stamp(running) == before
        self._stamp = boot.stamp(settings) if steady else None
        self._checks.follow()
        self._access.follower.rebuild()
        self._access.gate.on_outage = settings.general.on_counters_outage
        log.info("the configuration is reloaded: %d models", len(catalog.settings.models))
        later = [name for name in _AT_START if getattr(settings.general, name) != self._begun(name)]
        if settings.redis != boot.settings.redis:
            later.append("redis")
        if later:
            log.warning("%s in the configuration: changed, and in force after a restart", later)
        return ""

    def terms(self) -> Terms:
        """What deployments of the database are read with."""
        return Terms(
            sealing=self._sealing,
            usable=unusable,
            priced=reasons(self._book),
            shared=self.catalog.file.shared,
        )

    def _replace(self, catalog: Catalog) -> None:
        """Other deployments are in force. Raises :class:`FaregateError` where they cannot be."""
        settings, told = catalog.settings, self.catalog.problems
        running = self._app.snapshot
        self._app.snapshot = Snapshot(settings, self._book, self._boot.master_key, running)
        self.catalog = catalog
        secrets = secrets_of(settings, self._boot.master_key)
        self._logs.conceal((*secrets, *catalog.secrets()))
        self._metrics.know(settings.names(), [entry.id for entry in settings.deployments()])
        self._tell(told)

    def _tell(self, told: tuple[str, ...] = ()) -> None:
        """Log what is wrong with the deployments in force, but for what was told before."""
        for problem in self.catalog.problems:
            if problem not in told:
                log.error("%s", problem)

    def _begun(self, name: str) -> object:
        return getattr(self._boot.settings.general, name)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            kind = (await receive())["type"]
            if kind == "lifespan.startup":
                try:
                    self._start()
                    await self._access.start_counters()
                except (FaregateError, OSError) as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def _start(self) -> None:
        boot, general = self._boot, self._boot.settings.general
        self._logs = configure(
            general.log.format,
            general.log.level,
            colour=general.log.format == "human" and os.isatty(1),
        )
        self._logs.conceal(secrets_of(boot.settings, boot.master_key))
        snapshot = Snapshot(boot.settings, boot.book, boot.master_key)
        snapshot.every_model_known = boot.ledger is None
        self._metrics = Metrics(
            boot.settings.names(),
            [entry.id for entry in boot.settings.deployments()],
            shared=boot.shared,
            keys="key" in general.metrics.labels,
        )
        self._metrics.count_dropped_lines(lambda: self._logs.dropped)
        if boot.shared is not None:
            self._metrics.start()
        sinks: list[Sink] = [self._logs.record]
        if boot.otel:
            from faregate.gateway import telemetry  # an extra; nothing of it loads when it is off

            exporter = telemetry.start()
            sinks.append(lambda row: exporter.record(row, row.traceparent))
            self._flush = exporter.close
        if boot.ledger is not None:
            self._ledger = Ledger(boot.ledger, self._appraise)
            self._ledger.start()
        self._app = App(snapshot, self._metrics, tuple(sinks), self._ledger)
        self._access = Access(
            AccessOptions(
                data_dir=None if boot.ledger is None else boot.ledger.data_dir,
                redis=boot.settings.redis,
                alone=boot.shared is None,
            ),
            self._ledger,
            lambda: self._app.snapshot.settings,
            self._take_directory,
            self._take_other,
        )
        self._access.restorer.stand_ins = StandIns(lambda: self._app.snapshot)
        self._app.gate = self._access.gate
        self._take_copy()
        if self._ledger is not None:
            self._housekeeping = Housekeeping(
                self._ledger, lambda: self._app.snapshot.settings.general
            )
            self._app.contents = self._housekeeping.contents
            self._housekeeping.start()
            self._metrics.watch(ledger_families(self._ledger, self._housekeeping.contents))
        self._metrics.watch(access_families(self._access))
        self._open_console()
        self._access.start()
        self._checks = HealthChecks(lambda: self._app.snapshot, self._app, boot.shared)
        self._app.checked = self._checks.results
        self._checks.follow()
        self._stamp = boot.stamp(boot.settings)
        self._watch = asyncio.get_running_loop().create_task(self._watch_files())

    def _appraise(self, lost: Admission) -> Admission:
        return appraised(self._app.snapshot, lost)

    def _take_directory(self, directory: Directory) -> None:
        self._app.snapshot = self._app.snapshot.with_directory(
            directory, every_key_known=self._access.follower.fresh
        )
        if self._access.follower.fresh:
            self._app.keys_known.set()

    async def _take_other(self, kind: str) -> None:
        """Something else in the database has changed."""
        if kind == "price":
            await self._take_prices()
        elif kind == NOUN:
            await self._take_models()
        elif kind == REPRICED:
            await self._access.reread_budgets()

    async def _take_prices(self) -> None:
        """The book with the prices that were added to it."""
        assert self._ledger is not None
        rows = await added(self._ledger.store())
        if not rows and self._book is self._boot.book:
            return
        known = {row.id for row in self._boot.book.prices()}
        fresh = [row for row in rows if row.id not in known]
        self._book = self._boot.book.with_prices(fresh)
        running = self._app.snapshot
        self._app.snapshot = Snapshot(running.settings, self._book, self._boot.master_key, running)
        for entry in running.settings.deployments():
            if entry.on_unpriced == "refuse_next":
                await self._access.gate.reopen(entry.id)
        log.info("the price book has %d prices that were added to it", len(fresh))

    async def _take_models(self) -> None:
        """The deployments that the database keeps."""
        assert self._ledger is not None
        entities = await models.every(self._ledger.store())
        if not entities and not self.catalog.entities:
            self._tell()
        while entities or self.catalog.entities:
            file = self.catalog.file
            # Opening secrets imports what a server without any never needs.
            catalog = await asyncio.to_thread(gathered, file, entities, self.terms(), self.catalog)
            if self.catalog.file is not file:
                continue  # reloaded meanwhile
            try:
                self._replace(catalog)
            except FaregateError as error:
                log.error("the database's deployments stay as they were: %s", error)  # noqa: TRY400
            self._keep_copy(entities)
            break
        self._app.snapshot.every_model_known = True
        self._app.models_known.set()

    def _take_copy(self) -> None:
        """The deployments that the database had when it was last read."""
        ledger = self._boot.ledger
        copied = () if ledger is None else read_copy(ledger.data_dir)
        if copied:
            self._replace(gathered(self.catalog.file, copied, self.terms()))

    def _keep_copy(self, entities: list[Entity]) -> None:
        if self._boot.ledger is None:
            return
        try:
            keep_copy(self._boot.ledger.data_dir, entities)
        except OSError as error:
            log.warning("the copy of deployments cannot be written: %s", error.strerror)

    def _open_console(self) -> None:
        """The admin API and the dashboard."""
        app = self._app
        sessions = Sessions(
            self._boot.master_key,
            lambda key: app.snapshot.identify(key),  # noqa: PLW0108 - the snapshot is replaced
            lambda: app.snapshot.directory,
            rules=lambda: rules_of(app.snapshot.settings.general.oidc),
        )
        sign_on = SignOn(
            self._boot.master_key, sessions, lambda: app.snapshot.settings.general.oidc
        )
        office = Office(app, self._access, self._ledger, sessions, self, self.reload)
        office.workers = self._boot.workers
        app.console = Console(office, sessions, sign_on)
        app.sign_in = sessions.enter

    async def _watch_files(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            stamp = self._boot.stamp(self._app.snapshot.settings)
            if stamp != self._stamp:
                self._stamp = stamp
                self.reload()

    async def _stop(self) -> None:
        self._app.ready = False
        await self._checks.stop()
        self._app.finished.hand_over()
        await self._access.stop()
        if self._housekeeping is not None:
            await self._housekeeping.stop()
        if self._ledger is not None:
            await self._ledger.stop()
        if self._watch is not None:
            self._watch.cancel()
        if self._flush is not None:
            await asyncio.to_thread(self._flush)  # it may wait for a collector that is gone
        self._metrics.close()
        self._logs.close()


def secrets_of(settings: Settings, master_key: str) -> Iterable[str]:
    """Every text of a configuration that must not be shown anywhere."""
    yield master_key
    if settings.general.database_url:
        yield settings.general.database_url.reveal()
    if settings.general.oidc:
        yield settings.general.oidc.client_secret.reveal()
    for entry in settings.deployments():
        for secret in entry.secrets():
            yield secret.reveal()
