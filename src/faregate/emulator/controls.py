"""The preview controls of a routed call: ``routing_config``, session affinity and the trace."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

from msgspec import Struct

from faregate.emulator.choice import ENOUGH, MODES, Look, Mode, able, choose, kind_of, supports
from faregate.emulator.pool import POOL, Model, find, find_or_invent
from faregate.emulator.prompt import last_question
from faregate.emulator.refusals import Refused, invalid

FEATURE = "modelroutercontrols=v1preview"
_KNOWN = {"mode", "models", "require_parameters", "session_affinity"}
_AFFINITIES = ("adaptive", "sticky", "none")
_SESSIONS = 10_000


class Controls(Struct, frozen=True, kw_only=True):
    """What a request asks of the router. ``active`` is whether the preview header was sent."""

    active: bool = False
    mode: Mode | None = None
    models: tuple[str, ...] = ()
    require_parameters: bool = False
    affinity: str = "adaptive"
    session: str = ""
    session_source: str = ""


class Decision(Struct, frozen=True, kw_only=True):
    """Which model answers, and why, for the trace."""

    model: Model
    mode: Mode
    affinity: Mapping[str, str] | None = None


def read_controls(body: Mapping[str, Any], headers: Mapping[str, str]) -> Controls:
    """The controls of a request; without the preview header ``routing_config`` is ignored.

    Raises :class:`Refused` (400) for controls that make no sense.
    """
    if FEATURE not in headers.get("foundry-features", "").replace(" ", "").lower():
        return Controls()
    config = body.get("routing_config", {})
    if not isinstance(config, dict):
        raise _bad("", "must be an object")
    unknown = sorted(config.keys() - _KNOWN)
    if unknown:
        raise _bad(f".{unknown[0]}", "is unknown")
    mode = config.get("mode")
    if mode is not None and mode not in MODES:
        raise _bad(".mode", f"must be one of {', '.join(MODES)}")
    required = config.get("require_parameters", False)
    if not isinstance(required, bool):
        raise _bad(".require_parameters", "must be true or false")
    affinity, session, source = _affinity(config.get("session_affinity"), headers)
    return Controls(
        active=True,
        mode=mode,
        models=_models(config.get("models")),
        require_parameters=required,
        affinity=affinity,
        session=session,
        session_source=source,
    )


def _bad(where: str, why: str) -> Refused:
    param = f"routing_config{where}"
    return Refused(invalid(f"Invalid value: '{param}' {why}.", param, "invalid_value"))


def _models(named: Any) -> tuple[str, ...]:
    if named is None:
        return ()
    if not isinstance(named, list) or not named:
        raise _bad(".models", "must be a list of model names")
    names = []
    for one in named:
        name = one.get("name") if isinstance(one, dict) else one
        if not isinstance(name, str) or find(name) is None:
            raise _bad(".models", "names a model that is not in the pool")
        names.append(name)
    return tuple(names)


def _affinity(wanted: Any, headers: Mapping[str, str]) -> tuple[str, str, str]:
    """(strategy, session id, where the id came from)."""
    if wanted is None:
        wanted = {}
    if not isinstance(wanted, dict):
        raise _bad(".session_affinity", "must be an object")
    strategy = wanted.get("strategy", wanted.get("mode", "adaptive"))
    if strategy not in _AFFINITIES:
        raise _bad(".session_affinity.strategy", f"must be one of {', '.join(_AFFINITIES)}")
    session, source = wanted.get("session_id"), "session_id_payload"
    if session is None:
        session, source = headers.get("x-ms-session-id"), "session_id_header"
    if session is None:
        return strategy, "", ""
    if not isinstance(session, str) or not 1 <= len(session) <= 256:
        raise _bad(".session_affinity.session_id", "must have 1 to 256 characters")
    return strategy, session, source


class Router:
    """Chooses a model for each request; remembers, within bounds, which session had which."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[tuple[str, str], str] = OrderedDict()

    def clear(self) -> None:
        """Forget every session."""
        self._sessions.clear()

    def decide(
        self,
        deployment: str,
        look: Look,
        body: Mapping[str, Any],
        controls: Controls,
        configured: tuple[Mode, Sequence[str]],
    ) -> Decision | None:
        """The decision for one request; None when no model of the deployment can take it."""
        mode = controls.mode or configured[0]
        allowed = _allowed(configured[1], controls.models)
        if controls.require_parameters:
            everything = allowed or [model for model in POOL if not model.own_deployment]
            allowed = [model for model in everything if supports(model, dict(body))]
            if not allowed:
                raise _bad(".require_parameters", "leaves no model that supports the request")
        chosen = choose(look, mode, allowed)
        if chosen is None or not controls.active or controls.affinity == "none":
            return None if chosen is None else Decision(model=chosen, mode=mode)
        key = (deployment, controls.session or _conversation(body))
        model, verdict = self._affine(key, look, chosen, allowed, sticky=controls.affinity)
        affinity = {"mode": controls.affinity, "decision": verdict}
        if controls.session_source:
            affinity["source"] = controls.session_source
        return Decision(model=model, mode=mode, affinity=affinity)

    def _affine(
        self,
        key: tuple[str, str],
        look: Look,
        chosen: Model,
        allowed: Sequence[Model],
        *,
        sticky: str,
    ) -> tuple[Model, str]:
        before = find_or_invent(self._sessions[key]) if key in self._sessions else None
        verdict, model = "initialize", chosen
        if before is not None:
            usable = bool(able(look, [before])) and (not allowed or before in allowed)
            if sticky == "adaptive":  # keeps a model only while it is good enough for the prompt
                usable = usable and before.quality >= ENOUGH[kind_of(look)]
            verdict, model = ("retain", before) if usable else ("switch", chosen)
        self._sessions[key] = model.name
        self._sessions.move_to_end(key)
        if len(self._sessions) > _SESSIONS:
            self._sessions.popitem(last=False)
        return model, verdict


def _allowed(subset: Sequence[str], named: Sequence[str]) -> list[Model]:
    if not named:
        return [find_or_invent(name) for name in subset]
    wanted = [find_or_invent(name) for name in named]
    if subset:
        own = {find_or_invent(name).name for name in subset}
        wanted = [model for model in wanted if model.name in own]
        if not wanted:
            raise _bad(".models", "names no model of this deployment's subset")
    return wanted


def _conversation(body: Mapping[str, Any]) -> str:
    first = last_question(body["messages"][:2])
    return f"#{crc32(first.encode('utf-8', 'surrogatepass')):08x}"


def trace(decision: Decision, latency_ms: int, failed: Mapping[str, int]) -> dict[str, Any]:
    """``model_selection_details``: mode, affinity and the ordered attempts, undated names.

    ``failed`` are models that were tried first, and the status each gave.
    """
    attempts: list[dict[str, Any]] = [
        {
            "model": name,
            "result": {
                "status": status,
                "error": {"code": "NotFound" if status == 404 else "Error", "message": "Failed."},
            },
        }
        for name, status in failed.items()
    ]
    attempts.append({"model": decision.model.name, "result": {"status": 200}})
    details: dict[str, Any] = {
        "mode": decision.mode,
        "routing_trace": [{"latency_ms": latency_ms, "attempts": attempts}],
    }
    if decision.affinity:
        details["session_affinity"] = dict(decision.affinity)
    return {"model_router_details": details}
