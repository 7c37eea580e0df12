"""One chat completion, top to bottom: check, pick a model, answer, bill, send."""

import time
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, json

from faregate.emulator import captured, frames, refusals
from faregate.emulator.answers import Answer, answer, fixed
from faregate.emulator.checks import check, check_for
from faregate.emulator.choice import Look
from faregate.emulator.config import DeploymentSpec
from faregate.emulator.control import State
from faregate.emulator.controls import Decision, read_controls, trace
from faregate.emulator.counting import Counts, prompt_tokens
from faregate.emulator.delivery import Delivery
from faregate.emulator.faults import Fault
from faregate.emulator.meter import Metered
from faregate.emulator.pool import Model, find_or_invent
from faregate.emulator.prompt import has_images, whole_text
from faregate.emulator.refusals import Refused
from faregate.emulator.spoiling import (
    spoiled_answer,
    spoiled_body,
    spoiled_frames,
    spoiled_usage,
)

_TIERS = {"flex", "priority"}


class Call(Struct, frozen=True, kw_only=True):
    """One chat request to a deployment that exists."""

    spec: DeploymentSpec
    body: dict[str, Any]
    headers: Mapping[str, str]
    fault: Fault
    id: str


class ChatService:
    """Answers chat completions and bills them on the emulator's meter."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def serve(self, call: Call, delivery: Delivery) -> None:
        """Answer one call. Raises :class:`Refused` before anything was billed or written."""
        check(call.body)
        if call.spec.kind == "captured":
            await self._replay(call, delivery)
            return
        made, served, details = self._answer(call)
        made = spoiled_answer(made, call.fault)
        around = _envelope(call, made, served, details)
        await self._send(call, delivery, made, around)

    async def _send(
        self, call: Call, delivery: Delivery, made: Answer, around: frames.Envelope
    ) -> None:
        metered = self._bill(call, around.model, made.usage)
        if call.body.get("stream"):
            out = spoiled_frames(frames.stream(made, around), call.fault)
            await delivery.stream(out)
        else:
            body = spoiled_body(json.encode(frames.whole(made, around)), call.fault)
            await delivery.whole(body, made.usage.get("completion_tokens", 0))
        metered.completed = True

    async def _replay(self, call: Call, delivery: Delivery) -> None:
        """The recorded answer, byte for byte where it is streamed."""
        made = captured.recorded_answer()
        around = _envelope(call, made, made.model.served, None)
        if not call.body.get("stream"):
            await self._send(call, delivery, made, around)
            return
        metered = self._bill(call, around.model, made.usage)
        await delivery.stream(spoiled_frames(iter(captured.recording()), call.fault))
        metered.completed = True

    def _bill(self, call: Call, served: str, usage: Mapping[str, Any]) -> Metered:
        metered = Metered(
            id=call.id,
            deployment=call.spec.name,
            served=served,
            stream=bool(call.body.get("stream")),
            usage=usage,
            fault=call.fault.name,
        )
        billed = call.fault.is_billed(stream=metered.stream)
        return self._state.meter.bill(metered) if billed else metered

    def _answer(self, call: Call) -> tuple[Answer, str, dict[str, Any] | None]:
        """The answer, the served name and the routing trace if it was asked for."""
        script = self._state.script_for(call.spec.name)
        if script is not None:
            model = find_or_invent(script.served)
            return fixed(script.content, model, script.usage), script.served, None
        prompt = prompt_tokens(call.body)
        details = None
        if call.spec.kind == "router":
            decision, details = self._route(call, prompt)
            model = decision.model
        else:
            model = find_or_invent(call.spec.model)
            check_for(model, call.body)
        if prompt >= model.window:
            raise Refused(refusals.too_long(model.window, prompt))
        cached, written = self._state.prefixes.look(model, call.body, prompt)
        made = _made(call.body, model, Counts(prompt=prompt, cached=cached, cache_write=written))
        served = call.headers.get("x-emulate-served", "")
        if call.fault.name == "serve":
            served = call.fault.options.get("model", "gpt-9-mystery")
        return made, served or model.served, details

    def _route(self, call: Call, prompt: int) -> tuple[Decision, dict[str, Any] | None]:
        controls = read_controls(call.body, call.headers)
        messages = call.body["messages"]
        look = Look(
            text=whole_text(messages),
            tokens=prompt,
            images=has_images(messages),
            tools=bool(call.body.get("tools")),
            effort=str(call.body.get("reasoning_effort") or ""),
        )
        decision = self._state.router.decide(
            call.spec.name, look, call.body, controls, (call.spec.mode, call.spec.subset)
        )
        if decision is None:
            raise Refused(refusals.too_long(200_000, prompt))
        if not controls.active:
            return decision, None
        failed = {}
        if call.fault.name == "failover":
            model = call.fault.options.get("model", "grok-4-1-fast-reasoning")
            failed = {model: int(call.fault.number("status", 404))}
        return decision, trace(decision, 15 + prompt % 20, failed)


def _made(body: Mapping[str, Any], model: Model, counts: Counts) -> Answer:
    try:
        return answer(body, model, counts)
    except (TypeError, ValueError, AttributeError, LookupError, RecursionError) as error:
        # What a caller's schema may hold is endless; where it makes no sense it is refused.
        raise Refused(refusals.invalid("Invalid schema.", None, "invalid_schema")) from error


def _envelope(
    call: Call, made: Answer, served: str, details: dict[str, Any] | None
) -> frames.Envelope:
    options = call.body.get("stream_options")
    options = options if isinstance(options, dict) else {}
    tier = str(call.body.get("service_tier") or "")
    if tier:
        tier = tier if tier in _TIERS and call.fault.name != "downgrade" else "default"
    return frames.Envelope(
        id=call.id,
        created=int(time.time()),
        model=served,
        usage=spoiled_usage(made.usage, call.fault),
        trace=details,
        tier=tier,
        stream_usage=bool(options.get("include_usage")),
        obfuscated=options.get("include_obfuscation") is not False,
        async_filter=call.fault.name == "async-filter",
    )
