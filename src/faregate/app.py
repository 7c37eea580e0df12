"""One ASGI application: the gateway's routes. The table is the table of contents."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Protocol, TypeAlias

from faregate import __version__
from faregate.core.directory import Holder
from faregate.errors import APIError, NotFoundError, RateLimitError, ServiceUnavailableError
from faregate.gateway import public
from faregate.gateway.asgi import ClientGoneError, Exchange, Header, error_fields
from faregate.gateway.contents import Contents, Said
from faregate.gateway.gate import Gate
from faregate.gateway.health_checks import Checked
from faregate.gateway.ledger import Ledger
from faregate.gateway.metrics import CONTENT_TYPE, COOLING, HALF_OPEN, HEALTHY, Metrics
from faregate.gateway.outlet import Outlet
from faregate.gateway.passage import Passage
from faregate.gateway.records import Gathered, Records, Sink
from faregate.gateway.refusals import TOLD
from faregate.gateway.relay import client_key, relay
from faregate.gateway.snapshot import Snapshot
from faregate.types import Row
from faregate.wire import splice

log = logging.getLogger("faregate")

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
SignIn: TypeAlias = Callable[[str, Mapping[str, str]], Holder | None]
"""(method, headers) to the holder of a session; None where there is none. Raises APIError."""


class Console(Protocol):
    """An ASGI application for what is neither a call of a model nor about one."""

    def serves(self, path: str) -> bool:
        """Whether it answers a path."""

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""


_KNOWN_SECONDS = 5.0
"""How long a key or a model that is not known yet waits for the database's."""

CHAT = "chat/completions"
EMBEDDINGS = "embeddings"

OPERATIONS = {
    "/v1/chat/completions": CHAT,
    "/chat/completions": CHAT,
    "/openai/v1/chat/completions": CHAT,
    "/v1/embeddings": EMBEDDINGS,
    "/embeddings": EMBEDDINGS,
    "/openai/v1/embeddings": EMBEDDINGS,
}
"""POST: what calls a model."""

DEPLOYMENTS = ("/openai/deployments/", "/engines/")
"""POST {prefix}{model}/{operation}: Azure's clients name the model in the path."""

MODELS = ("/v1/models/", "/models/", "/openai/v1/models/")
"""GET {prefix}{id}: a model's name may have slashes of its own."""

READABLE = (
    "/v1/models",
    "/models",
    "/openai/v1/models",
    "/health",
    "/health/liveliness",
    "/health/liveness",
    "/health/readiness",
    "/metrics",
)
"""GET, and GET /v1/models/{id}, /v1/receipts/{call_id}."""


_STATES = {"closed": HEALTHY, "open": COOLING, "half_open": HALF_OPEN}


class App:
    """The application. ``snapshot`` can be replaced at any time; a call keeps the one it found."""

    def __init__(
        self,
        snapshot: Snapshot,
        metrics: Metrics,
        sinks: tuple[Sink, ...] = (),
        ledger: Ledger | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.metrics = metrics
        self.records = Records()
        self.ready = True
        self.checked: Callable[[], Mapping[str, Checked]] = dict
        """What active health checks found, by deployment."""
        self.in_flight = 0
        self._ledger = ledger
        self.contents: Contents | None = None
        """Prompts and answers; None where nothing can keep them."""
        self.keys_known = asyncio.Event()
        """Set once the database's keys were read."""
        self.models_known = asyncio.Event()
        """Set once the database's deployments were read."""
        self.console: Console | None = None
        """The admin API and the dashboard."""
        self.sign_in: SignIn | None = None
        """Who a request without a key is of, by its session."""
        self.gate: Gate | None = None
        """Budgets and limits; None where nothing can have any."""
        metrics.watch_states(self._states)
        self.finished = Gathered((self.records.add, metrics.record, *sinks))

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        exchange = Exchange(scope, receive, send)
        if self.snapshot.settings.general.cors_origins:
            self._allow_origin(exchange)
        try:
            if not self.snapshot.every_key_known:
                await self._know_keys(exchange)
            # Not one coroutine more than needed: each is resumed with every wait below it.
            operation = OPERATIONS.get(exchange.path)
            if operation is not None and exchange.method == "POST":
                await relay(exchange, self.snapshot, operation, self)
            else:
                await self._route(exchange)
        except APIError as error:
            self.metrics.refused(error.status_code, error.code)
            await _refuse(exchange, error)
        except ClientGoneError:
            return
        except Exception as error:
            log.exception("a request to %s failed inside Faregate", exchange.path)
            if not exchange.started:
                await _refuse(exchange, _our_fault(error))

    async def _know_keys(self, exchange: Exchange) -> None:
        """In the first moments: a key that is not known here waits until the keys are read."""
        key = client_key(exchange)
        if not key:
            return
        try:
            self.snapshot.identify(key)
        except ServiceUnavailableError:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_KNOWN_SECONDS):
                    await self.keys_known.wait()
        except APIError:
            return  # whoever answers says so

    async def know_models(self) -> Snapshot:
        """What is in force once the database's deployments were read, or after a moment."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_KNOWN_SECONDS):
                await self.models_known.wait()
        return self.snapshot

    def identify(self, exchange: Exchange, snapshot: Snapshot) -> Holder:
        """Who calls: by key, or a page of the dashboard by its session."""
        key = client_key(exchange)
        if not key and self.sign_in is not None and b"cookie" in exchange.headers:
            headers = {
                name.decode("latin-1"): value.decode("latin-1")
                for name, value in exchange.headers.items()
            }
            holder = self.sign_in(exchange.method, headers)
            if holder is not None:
                return holder
        return snapshot.identify(key)

    def admit(self, passage: Passage) -> Awaitable[None] | None:
        """Let a call in, once what it may take is held. Raises (or the result does)
        :class:`RateLimitError` when the process serves enough, :class:`BudgetExceededError`, and
        :class:`ServiceUnavailableError` when the call could not be recorded."""
        most = self.snapshot.settings.general.global_max_parallel_requests
        if most is not None and self.in_flight >= most:
            raise RateLimitError(
                f"{most} requests are being served, the most this process takes at once",
                code="too_many_requests",
                retry_after=1.0,
            )
        if self.gate is not None:
            holding = self.gate.admit(passage)
            if holding is not None:
                return self._admit(passage, holding)
        self._let_in(passage)
        return None

    async def _admit(self, passage: Passage, holding: Awaitable[None]) -> None:
        await holding
        self._let_in(passage)

    def _let_in(self, passage: Passage) -> None:
        if self._ledger is not None:
            try:
                self._ledger.admit(passage)
            except APIError:
                if self.gate is not None:
                    self.gate.settle(passage)
                raise
        self.in_flight += 1
        self.metrics.admitted()

    def enter(self, passage: Passage, outlet: Outlet) -> Awaitable[None] | None:
        """Hold what an attempt may take beyond what is held. Raises the refusal."""
        return None if self.gate is None else self.gate.enter(passage, outlet)

    def record(self, passage: Passage, row: Row) -> Awaitable[None] | None:
        """Settle a finished call and keep it: in the ledger, and with all that shows calls."""
        if self.gate is not None:
            self.gate.settle(passage)
        durable = None if self._ledger is None else self._ledger.settle(row)
        self.in_flight -= 1
        self.metrics.finished()
        self.finished.add(row)
        return durable

    async def _route(self, exchange: Exchange) -> None:
        path = exchange.path
        operation = OPERATIONS.get(path.rstrip("/"))
        if operation is not None and exchange.method == "POST":
            await relay(exchange, self.snapshot, operation, self)
        elif self.console is not None and self.console.serves(path):
            exchange.started = True  # whatever fails from here on is answered there
            await self.console(exchange.scope, exchange.receive, exchange.send)
        elif exchange.method in ("GET", "HEAD"):
            await self._read(exchange)
        elif exchange.method == "OPTIONS":
            await self._options(exchange)
        elif exchange.method == "POST" and path.startswith(DEPLOYMENTS):
            operation, model = _named_in_path(path)
            await relay(exchange, self.snapshot, operation, self, model)
        else:
            raise _no_route(exchange)

    async def _read(self, exchange: Exchange) -> None:
        path, snapshot = exchange.path.rstrip("/"), self.snapshot
        if path in ("/v1/models", "/models", "/openai/v1/models"):
            await public.models(exchange, snapshot)
        elif path.startswith(MODELS):
            await public.model(exchange, snapshot, path.partition("models/")[2])
        elif path.startswith("/v1/receipts/"):
            call_id = path.removeprefix("/v1/receipts/")
            await public.receipt(exchange, snapshot, self._find, call_id)
        elif path in ("/health/liveliness", "/health/liveness"):
            await public.liveliness(exchange)
        elif path == "/health/readiness":
            await public.readiness(exchange, self._ledger, ready=self.ready, version=__version__)
        elif path == "/health":
            await public.health(exchange, snapshot, time.monotonic(), self.checked())
        elif path == "/metrics" and snapshot.settings.general.metrics.enabled:
            await self._metrics(exchange)
        else:
            raise _no_route(exchange)

    async def _metrics(self, exchange: Exchange) -> None:
        if self.snapshot.settings.general.metrics.require_auth:
            self.snapshot.identify(client_key(exchange))
        self.finished.hand_over()
        body = self.metrics.render()
        await exchange.reply(200, [(b"content-type", CONTENT_TYPE.encode())], body)

    async def _find(self, call_id: str) -> Row | None:
        """A finished call: of the last ones here, else from the ledger."""
        self.finished.hand_over()
        row = self.records.get(call_id)
        if row is None and self._ledger is not None:
            entry = await self._ledger.find(call_id)
            return None if entry is None else entry.row
        return row

    def keep(self, passage: Passage, answer: bytes) -> None:
        """Keep what was asked and answered, masked as the configuration says."""
        general = passage.snapshot.settings.general
        if self.contents is not None:
            prompt = splice.close_object(passage.asked.members)
            self.contents.add(
                Said(
                    passage.call_id,
                    passage.at,
                    prompt,
                    answer,
                    passage.asked.stream,
                    general.redact_prompts,
                )
            )

    def _states(self) -> list[tuple[str, int]]:
        """The state of every deployment that was called, for the metrics."""
        now = time.monotonic()
        conditions = self.snapshot.router.conditions.items()
        return [(name, _STATES[condition.state(now)]) for name, condition in list(conditions)]

    async def _options(self, exchange: Exchange) -> None:
        """A browser's preflight where an origin is allowed; else what is allowed at all."""
        headers: list[Header] = [(b"allow", b"GET, HEAD, POST, OPTIONS")]
        if exchange.header(b"access-control-request-method"):
            asked = exchange.headers.get(b"access-control-request-headers", b"*")
            headers += [
                (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
                (b"access-control-allow-headers", asked),
                (b"access-control-max-age", b"600"),
            ]
        await exchange.reply(204, headers, b"")

    def _allow_origin(self, exchange: Exchange) -> None:
        """Put the CORS headers on whatever is answered."""
        origin = exchange.header(b"origin")
        allowed = self.snapshot.settings.general.cors_origins
        if not origin or not (origin in allowed or "*" in allowed):
            return
        send = exchange.send
        extra: list[Header] = [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-expose-headers", b"*"),
            (b"vary", b"origin"),
        ]

        async def with_origin(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        exchange.send = with_origin


def _named_in_path(path: str) -> tuple[str, str]:
    """(operation, model) of ``/openai/deployments/{model}/{operation}``."""
    for prefix in DEPLOYMENTS:
        for operation in (CHAT, EMBEDDINGS):
            if path.startswith(prefix) and path.endswith(f"/{operation}"):
                model = path.removeprefix(prefix).removesuffix(f"/{operation}")
                if model:  # which may have slashes of its own
                    return operation, model
    raise NotFoundError(f"no route POST {path[:200]}", code="not_found")


def _no_route(exchange: Exchange) -> APIError:
    path = exchange.path[:200]
    if exchange.path in OPERATIONS or exchange.path in READABLE:
        return APIError(
            f"{exchange.method[:20]} is not allowed on {path}",
            status_code=405,
            code="method_not_allowed",
            type="invalid_request_error",
        )
    return NotFoundError(f"no route {exchange.method[:20]} {path}", code="not_found")


def _our_fault(error: Exception) -> APIError:
    return APIError(
        f"Faregate failed on this request ({type(error).__name__}); its log says why",
        status_code=500,
        code="internal_error",
        type="server_error",
    )


async def _refuse(exchange: Exchange, error: APIError) -> None:
    """An error to a call that was not admitted."""
    if exchange.started or exchange.client.gone or exchange.client.body_limit_hit:
        return
    headers: list[Header] = []
    if error.status_code == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % max(int(error.retry_after), 1)))
    headers += [
        (name.encode(), value.encode("latin-1", "replace"))
        for name, value in error.headers.items()
        if name.startswith(TOLD)
    ]
    await exchange.reply_json(error.status_code, error_fields(error), headers)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        kind = message["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            await asyncio.sleep(0)
            return
