"""An Azure AI Foundry resource as one ASGI application."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from msgspec import json

from faregate.emulator import refusals
from faregate.emulator.asgi import Broken, Exchange, Receive, Scope, Send
from faregate.emulator.chat import Call, ChatService
from faregate.emulator.config import Config, DeploymentSpec
from faregate.emulator.control import PREFIX, State, control
from faregate.emulator.delivery import Delivery
from faregate.emulator.embeddings import embed
from faregate.emulator.faults import NONE, Fault, parse_fault, refusal_of
from faregate.emulator.meter import Metered
from faregate.emulator.refusals import Refusal, Refused
from faregate.emulator.routes import Operation, operation_of
from faregate.emulator.static import StaticAnswer
from faregate.errors import ConfigError

_ENTRA = "eyJ"
"""What every Entra token starts with; the emulator takes any."""


class Emulator:
    """An emulated resource: an ASGI application with deployments, faults and a meter.

    ``await emulator(scope, receive, send)`` serves one request under any ASGI server; faults that
    break connections need the server of :func:`faregate.emulator.running_emulator`.
    """

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()
        self.state = State()
        self.closing = asyncio.Event()
        """Set when the server stops: stalled answers end."""
        self._deployments = self.config.all_deployments()
        self._standing = parse_fault(self.config.fault)
        self._chat = ChatService(self.state)
        self._static = StaticAnswer() if self.config.static else None
        self._serial = itertools.count(1)
        self._session = os.urandom(6).hex()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Serve on a free local port, in a thread of its own; yields the base URL."""
        from faregate.emulator.serve import Running

        server = Running(self)
        url = await asyncio.to_thread(server.start)
        try:
            yield url
        finally:
            await asyncio.to_thread(server.stop)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            if self._static is not None and self._static.takes(scope):
                await self._static.answer(receive, send)
                return
            exchange = Exchange(scope, receive, send)
            try:
                await self._serve(exchange)
            except Broken:
                return

    async def _serve(self, exchange: Exchange) -> None:
        body = await exchange.read()
        headers = self._headers("")
        if body is None:
            await _refuse(exchange, refusals.coded(413, "413", "Request too large."), headers)
            return
        if exchange.path.startswith(PREFIX):
            name = exchange.path.removeprefix(PREFIX)
            status, answer = control(self.state, exchange.method, name, body)
            await exchange.reply(status, json.encode(answer), {})
            return
        try:
            await self._operate(exchange, body)
        except Refused as refused:
            await _refuse(exchange, refused.refusal, headers)

    async def _operate(self, exchange: Exchange, body: bytes) -> None:
        operation = operation_of(exchange.method, exchange.path, exchange.query)
        if not self._admitted(exchange.headers):
            raise Refused(refusals.unauthorized())
        if operation is None:
            raise Refused(refusals.no_resource())
        if operation.name in ("models", "model"):
            await exchange.reply(200, self._catalogue(operation), self._headers(""))
            return
        request = _decoded(body)
        deployment = operation.deployment or request.get("model")
        if not isinstance(deployment, str) or not deployment:
            raise Refused(refusals.invalid("you must provide a model parameter", "model"))
        fault = self._fault(exchange.headers, deployment)
        refusal = refusal_of(fault)
        if refusal is not None:
            raise Refused(refusal)
        spec = self._find(deployment, operation.name)
        headers = self._headers(spec.name)
        latency = self.config.latency
        delivery = Delivery(
            exchange=exchange,
            headers=headers,
            fault=fault,
            latency=latency,
            closing=self.closing,
        )
        if operation.name == "embeddings":
            await self._embed(spec, request, delivery)
            return
        call = Call(
            spec=spec, body=request, headers=exchange.headers, fault=fault, id=self._new_id()
        )
        await self._chat.serve(call, delivery)

    async def _embed(
        self, spec: DeploymentSpec, request: Mapping[str, Any], delivery: Delivery
    ) -> None:
        body, usage = embed(request, spec.model)
        call = Metered(
            id=self._new_id(),
            deployment=spec.name,
            served=spec.model,
            stream=False,
            usage=usage,
            fault=delivery.fault.name,
        )
        if delivery.fault.is_billed(stream=False):
            self.state.meter.bill(call)
        await delivery.whole(body, 0)
        call.completed = True

    def _admitted(self, headers: Mapping[str, str]) -> bool:
        if headers.get("api-key") == self.config.key:
            return True
        scheme, _, token = headers.get("authorization", "").partition(" ")
        bearer = scheme.lower() == "bearer"
        return bearer and (token == self.config.key or token.startswith(_ENTRA))

    def _find(self, deployment: str, operation: str) -> DeploymentSpec:
        spec = self._deployments.get(deployment.lower())
        if spec is None and deployment.lower() == "auto":
            spec = DeploymentSpec(name="auto", kind="router")
        if spec is None:
            raise Refused(refusals.no_deployment())
        if (operation == "embeddings") != (spec.kind == "embeddings"):
            message = f"The {operation} operation does not work with the specified model."
            raise Refused(refusals.coded(400, "OperationNotSupported", message))
        return spec

    def _fault(self, headers: Mapping[str, str], deployment: str) -> Fault:
        """The fault of a call: asked for in its header, waiting in the queue, or standing."""
        text = headers.get("x-emulate-fault")
        if text is not None:
            try:
                return parse_fault(text)
            except ConfigError as error:
                raise Refused(refusals.invalid(str(error), "x-emulate-fault")) from error
        queued = self.state.faults.take(deployment)
        return self._standing if queued is NONE else queued

    def _catalogue(self, operation: Operation) -> bytes:
        rows = [
            {
                "id": spec.name,
                "object": "model",
                "created": 1_763_424_000,
                "owned_by": "azure",
                "capabilities": {"chat_completion": spec.kind != "embeddings"},
            }
            for spec in self._deployments.values()
        ]
        if operation.name == "models":
            return json.encode({"object": "list", "data": rows})
        for row in rows:
            if row["id"] == operation.deployment:
                return json.encode(row)
        raise Refused(refusals.no_resource())

    def _new_id(self) -> str:
        return f"chatcmpl-{self._session}{next(self._serial):012x}"

    def _headers(self, deployment: str) -> dict[str, str]:
        serial = f"{next(self._serial):012x}"
        found = {
            "apim-request-id": f"00000000-0000-4000-8000-{serial}",
            "x-request-id": f"00000000-0000-4000-9000-{serial}",
            "x-ms-region": self.config.region,
            "x-ratelimit-limit-requests": "1000",
            "x-ratelimit-limit-tokens": "1000000",
            "x-ratelimit-remaining-requests": "999",
            "x-ratelimit-remaining-tokens": "999000",
        }
        if deployment:
            found["x-ms-deployment-name"] = deployment
        return found


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        found = json.decode(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused(refusals.invalid("We could not parse the JSON body of your request."))
    return found


async def _refuse(exchange: Exchange, refusal: Refusal, headers: dict[str, str]) -> None:
    await exchange.reply(
        refusal.status, refusal.body, {**headers, **refusal.headers}, refusal.content_type
    )


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
