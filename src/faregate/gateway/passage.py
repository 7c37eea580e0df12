"""One call through the gateway: every fact of it, in one place, from admission to the row."""

import math
import random
import time
from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

from msgspec import structs

from faregate.config.settings import ModelDeployment
from faregate.core import receipt as receipts
from faregate.core.directory import MASTER_HOLDER, Holder
from faregate.core.receipt_text import cost_fields
from faregate.core.routing import Attempts
from faregate.errors import APIError
from faregate.gateway.asgi import Exchange, Header, header_text
from faregate.gateway.asked import Asked, Labels
from faregate.gateway.outlet import Outlet
from faregate.gateway.purse import Purse
from faregate.gateway.refusals import TOLD, remaining
from faregate.gateway.snapshot import Snapshot
from faregate.gateway.worth import Worth
from faregate.money import Usd
from faregate.types import Attempt, Charge, ErrorFacts, Outcome, Receipt, Row, Usage
from faregate.wire import openai_chat

_LONGEST_ID = 128
_PASSED_ON = "x-ratelimit-"


_CUT_OFF = ErrorFacts(status=499, code="cancelled", message="the client left")


class Desk(Protocol):
    """Where calls are let in and their rows are kept."""

    def identify(self, exchange: Exchange, snapshot: Snapshot) -> Holder:
        """Who calls. Raises :class:`APIError` for nobody we know."""

    async def know_models(self) -> Snapshot:
        """What is in force once the database's deployments were read, or after a moment."""

    def admit(self, passage: "Passage") -> Awaitable[None] | None:
        """Let a call in. Raises, as the result does, :class:`APIError` for one that is not."""

    def enter(self, passage: "Passage", outlet: Outlet) -> Awaitable[None] | None:
        """Let an attempt at a deployment begin. Raises, as the result does, the refusal."""

    def record(self, passage: "Passage", row: Row) -> Awaitable[None] | None:
        """Settle a call that was let in and keep its row; must neither block nor raise.

        A result is to be awaited before the answer's last byte goes out.
        """

    def keep(self, passage: "Passage", answer: bytes) -> None:
        """Keep what was asked and answered; must neither block nor raise."""


class Passage:
    """The state of one call. The relay fills it in; the row is what remains of it."""

    __slots__ = (
        "asked",
        "at",
        "at_work",
        "attempts",
        "call_id",
        "charges",
        "cost",
        "desk",
        "error",
        "exchange",
        "fallbacks",
        "first_byte",
        "holder",
        "holds",
        "key",
        "operation",
        "outcome",
        "outlet",
        "purses",
        "receipt",
        "recorded",
        "refusal",
        "request_id",
        "session",
        "snapshot",
        "stand_ins",
        "status",
        "tags",
        "tries",
        "upstream_seconds",
        "went_out",
        "worth",
    )

    def __init__(
        self,
        exchange: Exchange,
        snapshot: Snapshot,
        operation: str,
        asked: Asked,
        attempts: Attempts[ModelDeployment],
        desk: Desk,
    ) -> None:
        # What came in
        self.exchange = exchange
        self.snapshot = snapshot
        self.operation = operation
        self.at = time.time()
        """When the call came in (Unix seconds); the prices of this instant apply."""
        self.call_id = f"call_{int(self.at * 1000):012x}{random.getrandbits(64):016x}"
        given = exchange.header(b"x-request-id")
        self.request_id = given if given.isprintable() and 0 < len(given) <= 128 else self.call_id
        self.desk = desk
        self.holder: Holder = MASTER_HOLDER
        self.key = ""
        """The id of the holder's key."""
        self.tags: tuple[str, ...] = ()
        self.session = ""
        self.asked = asked
        # What is held for it
        self.purses: dict[str, Purse] = {}
        """By deployment id; the caller's own under the empty text."""
        self.holds = 0
        self.worth: Worth | None = None
        """What it may take at most, where a budget or limit asked."""
        self.stand_ins: dict[str, Usd] = {}
        """Pico-dollars that stand in for a cost that stays unknown, by deployment id."""
        self.refusal: APIError | None = None
        """Why a budget or limit let the last attempt not begin."""
        # What was tried
        self.attempts = attempts
        """Which deployment comes next."""
        self.tries: list[Attempt] = []
        self.outlet: Outlet | None = None
        self.fallbacks = 0
        self.upstream_seconds = 0.0
        self.at_work = False
        """Whether a deployment has a request of this call that is neither charged nor failed."""
        self.went_out = False
        """Whether any request was on its way to a deployment."""
        # What came of it
        self.charges: list[Charge] = []
        self.receipt: Receipt | None = None
        self.cost: dict[str, Any] = {}
        """``cost`` and ``cost_details`` for the answer's usage, once they are known."""
        self.status = 0
        self.error = ""
        self.outcome: Outcome = "failed"
        self.first_byte: float | None = None
        self.recorded = False

    def hold_for(self, holder: Holder, labels: Labels) -> None:
        """Whose call it is."""
        self.holder = holder
        self.key = holder.id
        self.tags = holder.tags
        if labels.tags:
            self.tags = tuple(dict.fromkeys((*holder.tags, *labels.tags)))
        self.session = labels.session

    def tried(self, outlet: Outlet, began: float, error: ErrorFacts | None, status: int) -> None:
        """Take down an attempt. ``began`` is of the performance counter."""
        self.at_work = error is None
        seconds = time.perf_counter() - began
        self.upstream_seconds += seconds
        deployment = outlet.deployment
        self.tries.append(
            Attempt(
                deployment=deployment.id,
                provider=deployment.provider,
                status=status,
                error="" if error is None else (error.code or str(error.status)),
                started=self.at,
                seconds=seconds,
            )
        )

    @property
    def left_alone(self) -> bool:
        """Whether the client has hung up, or has at least said that nothing more will come."""
        client = self.exchange.client
        return client.gone or client.half_closed

    def sent(self) -> None:
        """A request is on its way; until it is charged or fails, a deployment is at work."""
        self.at_work = self.went_out = True

    def left_undone(self, outlet: Outlet, began: float) -> None:
        """Take down an attempt that was cut off from here; whether it is billed stays open."""
        working = self.at_work
        self.tried(outlet, began, _CUT_OFF, 0)
        self.at_work = working

    def answered(self) -> None:
        """The deployment has given its first good byte."""
        self.attempts.answered(time.monotonic())

    def spoilt(self, error: ErrorFacts) -> None:
        """The last attempt came back with a 200 that is none."""
        self.at_work = False
        self.tries[-1] = structs.replace(self.tries[-1], error=error.code or str(error.status))

    def broke(self, error: ErrorFacts) -> None:
        """The stream broke off after its first byte had gone to the client."""
        self.spoilt(error)
        self.error = error.code or str(error.status)
        self.outcome = "failed"
        self.attempts.broke(error, time.monotonic())

    def failed(self, error: APIError) -> None:
        """The call ends with an error."""
        self.error = error.code
        self.outcome = "refused" if error is self.refusal and not self.tries else "failed"
        self.status = self.status or error.status_code

    def crashed(self) -> None:
        """The call ends with a fault of ours."""
        self.error = "internal_error"
        self.outcome = "failed"
        self.status = self.status or 500

    def cancelled(self) -> None:
        """The client left, or the server is stopping."""
        self.outcome = "cancelled"
        if self.first_byte is None or not self.asked.stream:
            self.status = 499

    def left(self) -> float | None:
        """Seconds that remain of the request's own time."""
        return max(self.asked.patience - (time.perf_counter() - self.exchange.began), 0.001)

    def drop(self, error: ErrorFacts, outlet: Outlet, *, anyway: bool = False) -> bool:
        """Leave out the parameter the provider refused; False when that is not wanted or possible.

        It is wanted with ``drop_params`` or ``anyway``. ``stream_options`` is ours, so no client
        need fail for it.
        """
        name = error.param
        members = self.asked.members
        if error.status in (400, 422) and name.startswith("stream_options"):
            return outlet.stop_asking_usage()
        if not (outlet.entry.drop_params or anyway):
            return False
        if error.kind != "unsupported_param" or name in ("", "model", "messages", "input"):
            return False
        if name not in members:
            return False
        value = members.pop(name)
        if name == "max_tokens" and "max_completion_tokens" in error.message:
            members["max_completion_tokens"] = value
        return True

    def charge(self, outlet: Outlet, reading: openai_chat.Reading, usage: Usage | None) -> Receipt:
        """Charge an attempt that reached an upstream which bills it; the receipt so far."""
        self.at_work = False
        outcome = receipts.Outcome(
            requested_model=self.asked.model,
            served_model=reading.model,
            usage=usage,
            tier=reading.price_tier(),
            at=self.at,
            trace=reading.trace,
        )
        self.charges.append(
            receipts.charge(self.snapshot.book, outlet.price_list, outlet.deployment, outcome)
        )
        self.receipt = receipts.total(self.call_id, self.charges)
        self.cost = cost_fields(self.receipt)
        return self.receipt

    @property
    def overhead_us(self) -> int:
        """Microseconds until now that were ours and not the upstream's."""
        spent = time.perf_counter() - self.exchange.began - self.upstream_seconds
        return max(int(spent * 1e6), 0)

    def headers(self, served: str, upstream: Mapping[str, str]) -> list[Header]:
        """What every answer carries. A cost that is not known yet is absent, never 0."""
        found: list[Header] = [
            (b"x-request-id", self.request_id.encode("latin-1", "replace")),
            (b"x-faregate-call-id", self.call_id.encode()),
            (b"x-faregate-attempts", b"%d" % len(self.tries)),
            (b"x-faregate-overhead-us", b"%d" % self.overhead_us),
        ]
        if served:
            found.append((b"x-faregate-model", header_text(served)))
        if self.outlet is not None:
            found.append((b"x-faregate-deployment", header_text(self.outlet.deployment.id)))
        if self.cost:
            details = self.cost["cost_details"]
            found.append((b"x-faregate-cost-status", details["status"].encode()))
            if "total" in details:
                found.append((b"x-faregate-cost", details["total"].encode()))
            if "router_fee" in details:
                found.append((b"x-faregate-router-fee", details["router_fee"].encode()))
        own = self._limit_headers()
        for name, value in upstream.items():
            if name.startswith(_PASSED_ON) and not own:
                found.append((header_text(name), header_text(value)))
        found += own
        if self.snapshot.settings.general.compat_headers:
            found += self._litellm_headers()
        return found

    def error_headers(self, error: APIError) -> list[Header]:
        """What an error carries: the same facts, and how long to wait where that is known."""
        found = self.headers("", {})
        told = {name for name, _ in found}
        for name, value in error.headers.items():
            if name.startswith(TOLD) and name.encode() not in told:
                found.append((header_text(name), header_text(value)))
        if error.retry_after is not None:
            found.append((b"retry-after", b"%d" % math.ceil(error.retry_after)))
            found.append((b"retry-after-ms", b"%d" % int(error.retry_after * 1000)))
        return found

    def _limit_headers(self) -> list[Header]:
        """What is left of the caller's own limits; the upstream's would be about something else."""
        purse = self.purses.get("")
        if purse is None or not purse.holds:
            return []
        return remaining(purse.holds[0])

    def _litellm_headers(self) -> list[Header]:
        found: list[Header] = [
            (b"x-litellm-call-id", self.call_id.encode()),
            (b"x-litellm-model-group", header_text(self.asked.model)),
        ]
        if self.outlet is not None:
            found.append((b"x-litellm-model-id", header_text(self.outlet.deployment.id)))
        total = self.cost["cost_details"].get("total") if self.cost else None
        if total is not None:
            found.append((b"x-litellm-response-cost", total.encode()))
        return found

    async def finish(self) -> None:
        """Settle and record the call, once, before its last byte goes to the client."""
        if self.recorded:
            return
        self.recorded = True
        used = sum(charge.usage.prompt + charge.usage.completion for charge in self.charges)
        self.attempts.close(time.monotonic(), tokens=used)
        durable = self.desk.record(self, self.row())
        if durable is not None:
            await durable

    def row(self) -> Row:
        """What the ledger keeps."""
        outlet = self.outlet
        first = self.first_byte
        ended = time.time()
        overhead = 0
        if first is not None:
            overhead = max(int((first - self.exchange.began - self.upstream_seconds) * 1e6), 0)
        return Row(
            call_id=self.call_id,
            request_id=self.request_id,
            operation=self.operation,
            started=self.at,
            first_byte=None if first is None else ended - (time.perf_counter() - first),
            ended=ended,
            key=self.key,
            team=self.holder.team_id,
            user=self.holder.user_id,
            tags=self.tags,
            session=self.session,
            requested_model=self.asked.model,
            deployment="" if outlet is None else outlet.deployment.id,
            provider="" if outlet is None else outlet.deployment.provider,
            attempts=tuple(self.tries),
            stream=self.asked.stream,
            status=self.status,
            error=self.error,
            outcome=self.outcome,
            receipt=self.receipt,
            upstream_seconds=self.upstream_seconds,
            overhead_us=overhead,
            client=self.address(),
            end_user=self.asked.end_user,
            traceparent=self.traceparent,
            fallbacks=self.fallbacks,
        )

    @property
    def traceparent(self) -> str:
        """The client's W3C trace context, where it sent one."""
        return self.exchange.header(b"traceparent")[:_LONGEST_ID]

    def address(self) -> str:
        """The client's address, where the configuration wants it kept."""
        if not self.snapshot.settings.general.record_client_address:
            return ""
        client = self.exchange.scope.get("client")
        return str(client[0]) if client else ""
