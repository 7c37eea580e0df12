"""An office in memory, and a client of the admin's application that needs no socket."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from faregate.admin.app import ASGI, make_app
from faregate.admin.office import DeploymentState, LedgerState, Status, Tried
from faregate.config.settings import ModelDeployment, Settings
from faregate.control import models
from faregate.control.prices import added
from faregate.control.sealing import Sealing
from faregate.control.stored_models import Stored, Terms
from faregate.core.budget import Account, Standing
from faregate.core.directory import MASTER_HOLDER, Directory, Holder, Maker
from faregate.core.entities import NOUNS, noun_type, of_document
from faregate.core.holds import Accounts
from faregate.core.pricebook import PriceBook
from faregate.core.zones import find_zone
from faregate.errors import AuthenticationError, ConfigError, ServiceUnavailableError
from faregate.gateway.catalog import Catalog, gathered
from faregate.gateway.snapshot import unusable
from faregate.prices.load import load_book
from faregate.store.memory import MemoryStore
from faregate.store.protocol import Store
from faregate.store.repricing import Learnt
from tests.gateway.settings import KEY, settings

MASTER = KEY


class FakeOffice:
    """What ``service.py`` is to the admin, without a gateway."""

    def __init__(self, store: Store | None = None, found: Settings | None = None) -> None:
        self._store: Store = store or MemoryStore()
        self._settings = found or settings(
            {"model_name": "router"},
            {"model_name": "mini", "model": "azure_ai/gpt-5-mini"},
        )
        self._catalog = Catalog(file=self._settings, settings=self._settings)
        self.tried: list[ModelDeployment] = []
        self.outcome = Tried(call_id="call_1", ok=True, status=200, seconds=0.25)
        self._directory = Directory()
        self._book = load_book()
        self.counted: Accounts | None = Accounts()
        self.closed = False
        self.learnt: list[Learnt] = []
        self.broken_reload = ""

    def store(self) -> Store:
        if self.closed:
            raise ServiceUnavailableError("the ledger is not open yet", code="ledger_unavailable")
        return self._store

    def settings(self) -> Settings:
        return self._catalog.settings

    def terms(self) -> Terms:
        return Terms(sealing=Sealing(MASTER), usable=unusable)

    def stored_models(self) -> Sequence[Stored]:
        return self._catalog.stored

    async def try_deployment(self, entry: ModelDeployment, model: str, holder: Holder) -> Tried:
        self.tried.append(entry)
        return self.outcome

    def directory(self) -> Directory:
        return self._directory

    def book(self) -> PriceBook:
        return self._book

    async def applied(self) -> None:
        self._catalog = gathered(self._settings, await models.every(self._store), self.terms())
        found: dict[str, list[Any]] = {}
        for noun in NOUNS:
            kind: Any = noun_type(noun)
            entities = await self._store.entities(noun)
            found[f"{noun}s"] = [of_document(kind, each.document or {}) for each in entities]
        self._directory = Directory(**found, maker=Maker(find_zone))
        if self.counted is not None:
            self.counted.restore(self._directory.every_account(), (), time.time())

    def holder_of_request(self, method: str, headers: Mapping[str, str]) -> Holder:
        presented = headers.get("authorization", "").removeprefix("Bearer ")
        if presented == MASTER:
            return MASTER_HOLDER
        holder = self._directory.holder(presented, time.time()) if presented else None
        if holder is None or holder.barred(time.time()):
            raise AuthenticationError("the API key is not valid", code="invalid_api_key")
        return holder

    async def standings(self, accounts: Sequence[Account]) -> tuple[Standing, ...] | None:
        if self.counted is None:
            return None
        found = [self.counted.standing(each, time.time()) for each in accounts]
        return tuple(each for each in found if each is not None)

    def reload(self) -> str:
        if self.broken_reload:
            raise ConfigError(self.broken_reload)
        return "the configuration is reloaded"

    def status(self) -> Status:
        return Status(
            status="healthy",
            version="0.1.0",
            started_at=1_800_000_000.0,
            workers=1,
            ledger=LedgerState(database="up"),
        )

    def conditions(self) -> Mapping[str, DeploymentState]:
        first = self._settings.deployments()[0].id
        return {first: DeploymentState(state="cooling", cooldown_seconds=3.5, in_flight=2)}

    async def prices_changed(self) -> None:
        rows = [*load_book().prices(), *await added(self._store)]
        self._book = PriceBook(rows)

    async def price_learnt(self, learnt: Learnt) -> None:
        self.learnt.append(learnt)


class Reply(Struct):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Of an error."""
        return str(self.json["error"]["code"])

    @property
    def message(self) -> str:
        """Of an error."""
        return str(self.json["error"]["message"])


class Client:
    """Asks an application, with one key."""

    def __init__(self, app: ASGI, key: str = MASTER) -> None:
        self.app = app
        self.key = key

    def with_key(self, key: str) -> "Client":
        return Client(self.app, key)

    async def get(self, path: str, **query: Any) -> Reply:
        return await self.ask("GET", path, query=query)

    async def post(self, path: str, body: Any = None, **query: Any) -> Reply:
        return await self.ask("POST", path, body, query=query)

    async def patch(self, path: str, body: Any, **headers: str) -> Reply:
        return await self.ask("PATCH", path, body, headers=headers)

    async def delete(self, path: str, **headers: str) -> Reply:
        return await self.ask("DELETE", path, headers=headers)

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """``body``: bytes as they are, anything else as JSON."""
        sent = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        given = {"content-type": "application/json", **(headers or {})}
        if self.key:
            given["authorization"] = f"Bearer {self.key}"
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": urlencode(query or {}, doseq=True).encode(),
            "headers": [
                (name.replace("_", "-").encode(), value.encode()) for name, value in given.items()
            ],
            "server": ("127.0.0.1", 4000),
            "client": ("127.0.0.1", 50_000),
        }
        started: list[Any] = []
        parts: list[bytes] = []
        messages = [{"type": "http.request", "body": sent, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if not messages:
                await asyncio.Event().wait()  # the client stays
            return messages.pop(0)

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                started.append(message)
            else:
                parts.append(message.get("body", b""))

        await self.app(scope, receive, send)
        (start,) = started
        found = {name.decode(): value.decode() for name, value in start["headers"]}
        return Reply(start["status"], found, b"".join(parts))


async def a_client(office: FakeOffice) -> Client:
    """A client with the master key; the store is open."""
    await office.store().open()
    return Client(make_app(office))
