"""The data path with its budgets in one process: a gateway's application, and an upstream that
answers as a test says and keeps a meter of what it billed."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

import msgspec
import pytest
from msgspec import Struct

from faregate.app import App
from faregate.core.budget import Account, Budget, RateLimit, SoftLimit, Standing, check
from faregate.core.directory import Directory
from faregate.core.keys import Key, Team, User, hash_key, redact
from faregate.core.windows import parse_window
from faregate.edge.client_connection import ClientConnection
from faregate.gateway.gate import Gate
from faregate.gateway.ledger import Ledger
from faregate.gateway.metrics import Metrics
from faregate.gateway.outlet import Outlet
from faregate.gateway.restoring import Restorer
from faregate.gateway.snapshot import Snapshot
from faregate.money import parse_usd
from faregate.store.counters import MemoryCounters
from faregate.types import HttpRequest, Row
from faregate.upstream.limits import Timeouts
from faregate.upstream.transport import Answer

SECRET = "sk-a-key-of-these-tests-0001"
NOON = 1_795_348_800.0
"""2026-11-22, 12:00 UTC: where the clocks of these tests begin."""

ANSWERED = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def budget(limit: str, scope: Any = "key", scope_id: str = "k1", **more: Any) -> Budget:
    """A budget of dollars; ``window`` as text."""
    window = more.pop("window", "1mo")
    fields = {"id": f"{scope}/{scope_id}/{window}", **more}
    return Budget(
        scope=scope,
        scope_id=scope_id,
        limit=parse_usd(limit),
        window=parse_window(window),
        **fields,
    )


def limit(measure: Any, most: int, scope: Any = "key", scope_id: str = "k1") -> RateLimit:
    """A limit per minute, or of calls at once."""
    return RateLimit(scope=scope, scope_id=scope_id, measure=measure, limit=most)


def key(*budgets: Budget, secret: str = SECRET, **more: Any) -> Key:
    """The key that calls carry."""
    fields = {"id": "k1", "hash": hash_key(secret), "shown": redact(secret), "budgets": budgets}
    return Key(**{**fields, **more})


def answer(model: str = "gpt-4.1-nano", **usage: int) -> Answer:
    """A whole answer with this usage."""
    used = {**ANSWERED, **usage}
    used["total_tokens"] = used["prompt_tokens"] + used["completion_tokens"]
    body = {
        "id": "a",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}}],
        "usage": used,
    }
    return Answer(200, {"content-type": "application/json"}, msgspec.json.encode(body))


def failure(status: int, message: str = "no", **error: str) -> Answer:
    """An error of an upstream."""
    body = msgspec.json.encode({"error": {"message": message, **error}})
    return Answer(status, {"content-type": "application/json"}, body)


def chunks(model: str = "gpt-4.1-nano", *, usage: bool = True, done: bool = True) -> list[bytes]:
    """The events of a stream that says hello."""
    said: dict[str, Any] = {"id": "a", "object": "chat.completion.chunk", "model": model}
    events: list[dict[str, Any]] = [
        {**said, "choices": [{"index": 0, "delta": {"content": word}}]} for word in ("hel", "lo")
    ]
    events.append({**said, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    if usage:
        events.append({**said, "choices": [], "usage": ANSWERED})
    out = [b"data: " + msgspec.json.encode(each) + b"\n\n" for each in events]
    return [*out, b"data: [DONE]\n\n"] if done else out


class Streamed:
    """A stream of an upstream; an exception among its pieces is raised there, and a future is
    waited for."""

    status = 200
    headers: Mapping[str, str] = {"content-type": "text/event-stream"}

    def __init__(self, *pieces: bytes | Exception | asyncio.Future[None]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, asyncio.Future):
                await piece
            else:
                yield piece

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return

    async def read(self, _limit: int) -> bytes:
        """All of it."""
        return b"".join([piece async for piece in self])


Reply = Answer | Streamed | Exception
Play = Callable[[HttpRequest], Any]


class Upstream:
    """Stands in for the transport: every deployment's requests come here."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.play: Play = lambda _: answer()
        """The reply to a request, or a coroutine of it."""

    def says(self, *replies: Reply) -> None:
        """These replies, one after the other."""
        left = list(replies)
        self.play = lambda _: left.pop(0)

    async def send(
        self, request: HttpRequest, _timeouts: Timeouts, on_sent: Callable[[], None]
    ) -> Any:
        """As the transport does."""
        self.requests.append(msgspec.json.decode(request.body))
        found = self.play(request)
        if isinstance(found, Exception) and not getattr(found, "sent", True):
            raise found
        on_sent()
        if asyncio.iscoroutine(found):
            found = await found
        if isinstance(found, Exception):
            raise found
        return found

    async def stream(
        self, request: HttpRequest, timeouts: Timeouts, on_sent: Callable[[], None]
    ) -> Any:
        """As the transport does."""
        found = await self.send(request, timeouts, on_sent)
        return found if isinstance(found, Streamed) else Streamed_of(found)


class Streamed_of(Streamed):  # noqa: N801 - a way to make one
    """A whole answer where a stream was asked for."""

    def __init__(self, whole: Answer) -> None:
        super().__init__(whole.body)
        self.status, self.headers = whole.status, whole.headers


class Answered(Struct):
    """What a client got."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.json["error"]["code"])


class Clock:
    """Unix seconds that stand still."""

    def __init__(self, at: float = NOON) -> None:
        self.now = at

    def __call__(self) -> float:
        return self.now


class Gatehouse:
    """An application with a gate, and who may call it."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        snapshot: Snapshot,
        *,
        ledger: Ledger | None = None,
        clock: Clock | None = None,
        **gate: Any,
    ) -> None:
        self.upstream = Upstream()
        monkeypatch.setattr(Outlet, "transport", lambda _: self.upstream)
        self.clock = clock or Clock()
        self.warnings: list[SoftLimit] = []
        self.rows: list[Row] = []
        self.directory = Directory()
        settings = snapshot.settings
        self.counters = MemoryCounters(clock=self.clock, steady=self.clock)
        names = [entry.id for entry in settings.deployments()]
        self.app = App(snapshot, Metrics(settings.names(), names), (self.rows.append,), ledger)
        self.app.gate = Gate(
            self.counters,
            Restorer(self.counters, ledger, settings.aliases),
            lambda: self.directory,
            self.warnings.append,
            **gate,
        )
        if ledger is not None:
            self.gate.grown = ledger.admit_again

    @property
    def gate(self) -> Gate:
        """Asked by the application."""
        assert self.app.gate is not None
        return self.app.gate

    def know(
        self,
        *keys: Key,
        teams: Iterable[Team] = (),
        users: Iterable[User] = (),
        budgets: Iterable[Budget] = (),
        limits: Iterable[RateLimit] = (),
    ) -> None:
        """From now on these, and nobody else."""
        self.directory = Directory(keys, teams, users, budgets, limits)
        assert not self.directory.problems
        self.app.snapshot = self.app.snapshot.with_directory(self.directory, every_key_known=True)

    async def call(
        self,
        model: str = "nano",
        *,
        path: str = "/v1/chat/completions",
        secret: str = SECRET,
        headers: Mapping[str, str] | None = None,
        client: ClientConnection | None = None,
        **body: Any,
    ) -> Answered:
        """One call to its end."""
        if "embeddings" not in path:
            body.setdefault("messages", [{"role": "user", "content": "hello"}])
        data = msgspec.json.encode({"model": model, **body})
        sent = {"authorization": f"Bearer {secret}", **(headers or {})}
        got: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": data}

        async def send(message: Any) -> None:
            got.append(message)

        client = client or ClientConnection()
        client.task = asyncio.current_task()
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "faregate.client": client,
        }
        await self.app(scope, receive, send)
        self.app.finished.hand_over()
        if not got:
            return Answered(0, {}, b"")
        found = {name.decode(): value.decode() for name, value in got[0]["headers"]}
        return Answered(got[0]["status"], found, b"".join(m.get("body", b"") for m in got[1:]))

    async def standing(self, of: Budget | Account) -> Standing:
        """How a budget or limit stands."""
        account = check(of) if isinstance(of, Budget) else of
        standings = await self.gate.standings([account])
        assert standings
        return standings[0]

    async def spent(self, of: Budget) -> int:
        """Pico-dollars spent; nothing may be held any more."""
        standing = await self.standing(of)
        assert standing.held == 0
        return standing.spent

    def charged(self) -> int:
        """Pico-dollars that the rows say were charged."""
        self.app.finished.hand_over()
        receipts = [row.receipt for row in self.rows if row.receipt is not None]
        return sum(each.total or 0 for each in receipts)


async def until(found: Callable[[], object], seconds: float = 5.0) -> None:
    """Return once something is so."""
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.002)


async def so(found: Callable[[], Awaitable[object]], seconds: float = 5.0) -> None:
    """The same of something that is waited for."""
    deadline = time.monotonic() + seconds
    while not await found():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.002)
