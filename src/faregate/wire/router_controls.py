"""Azure's router controls (preview): ``routing_config`` on the way in, the routing trace on the
way out. Off unless asked for.
"""

from collections.abc import Mapping
from typing import Any

from faregate.errors import ConfigError
from faregate.types import Attempted, JsonObject, RouterTrace
from faregate.wire.error_text import clean

FIELD = "routing_config"
FEATURES_HEADER = "Foundry-Features"
FEATURE = "ModelRouterControls=V1Preview"
SESSION_HEADER = "x-ms-session-id"

MODES = ("balanced", "cost", "quality")
STRATEGIES = ("adaptive", "sticky", "none")

_LONGEST_SESSION = 256
_MOST_ATTEMPTS = 32
_MOST_STEPS = 16


def apply_controls(
    body: Mapping[str, Any],
    headers: Mapping[str, str],
    controls: Mapping[str, Any] | None = None,
) -> tuple[JsonObject, dict[str, str]]:
    """Body and headers with the router's preview controls, where they were asked for.

    ``controls`` are the deployment's; a ``routing_config`` in the body is the caller's and wins
    field by field. With neither, both come back as they are. With either, the feature header is
    added, and session affinity is switched off unless asked for: the header alone would turn it on.
    Nothing given is changed in place. Raises :class:`ConfigError` naming a field that is wrong.
    """
    asked = body.get(FIELD)
    if controls is None and asked is None:
        return dict(body), dict(headers)
    merged = check_controls(controls) | check_controls(asked)
    names = {name.lower() for name in headers}
    if "session_affinity" not in merged and SESSION_HEADER not in names:
        merged["session_affinity"] = {"strategy": "none"}
    return {**body, FIELD: merged}, _with_feature(headers)


def check_controls(controls: Mapping[str, Any] | None) -> JsonObject:
    """A copy of the controls when their shape is right; fields we do not know are kept.

    Raises :class:`ConfigError` naming the field that is wrong.
    """
    if controls is None:
        return {}
    if not isinstance(controls, Mapping):
        raise _wrong(FIELD, "an object such as {'mode': 'cost'}")
    checked = dict(controls)
    for field, check in _CHECKS.items():
        if field in checked:
            checked[field] = check(checked[field])
    return checked


def parse_trace(body: Mapping[str, Any]) -> RouterTrace | None:
    """The routing trace of an answer or chunk; None where there is none.

    Never raises: every field is optional, and one of another type than documented is left out.
    """
    found = body.get("model_selection_details")
    if not isinstance(found, dict):
        return None
    details = found.get("model_router_details")
    if not isinstance(details, dict):
        return None
    if not details:
        return None
    steps = _objects(details.get("routing_trace"), _MOST_STEPS)
    latencies = [
        latency for step in steps if (latency := _milliseconds(step.get("latency_ms"))) is not None
    ]
    return RouterTrace(
        mode=_text(details.get("mode"), 40),
        latency_ms=sum(latencies) if latencies else None,
        attempts=tuple(_attempts(steps))[:_MOST_ATTEMPTS],
        affinity=_affinity(details.get("session_affinity")),
    )


def _wrong(field: str, expected: str) -> ConfigError:
    return ConfigError(f"{field} must be {expected}; nothing was sent")


def _check_mode(value: object) -> object:
    if value not in MODES:
        raise _wrong(f"{FIELD}.mode", "one of " + ", ".join(MODES))
    return value


def _check_models(value: object) -> object:
    names = list(value) if isinstance(value, (list, tuple)) else []
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise _wrong(f"{FIELD}.models", "a list of model names (leave it out for the whole pool)")
    return names


def _check_required(value: object) -> object:
    if not isinstance(value, bool):
        raise _wrong(f"{FIELD}.require_parameters", "true or false")
    return value


def _check_affinity(value: object) -> object:
    field = f"{FIELD}.session_affinity"
    if not isinstance(value, Mapping):
        raise _wrong(field, "an object such as {'strategy': 'sticky', 'session_id': 'chat-17'}")
    for key in ("strategy", "mode"):
        if key in value and value[key] not in STRATEGIES:
            raise _wrong(f"{field}.{key}", "one of " + ", ".join(STRATEGIES))
    if "strategy" in value and "mode" in value and value["strategy"] != value["mode"]:
        raise _wrong(field, "given strategy or mode, not two that differ")
    if "session_id" in value:
        session = value["session_id"]
        if not isinstance(session, str) or not 1 <= len(session) <= _LONGEST_SESSION:
            raise _wrong(f"{field}.session_id", f"a text of 1 to {_LONGEST_SESSION} characters")
    return dict(value)


_CHECKS = {
    "mode": _check_mode,
    "models": _check_models,
    "require_parameters": _check_required,
    "session_affinity": _check_affinity,
}


def _with_feature(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers with the feature switched on beside those the caller has switched on."""
    kept = {
        name: value for name, value in headers.items() if name.lower() != FEATURES_HEADER.lower()
    }
    stated = [value for name, value in headers.items() if name.lower() == FEATURES_HEADER.lower()]
    features = [feature.strip() for value in stated for feature in value.split(",")]
    wanted = [feature for feature in features if feature]
    if FEATURE not in wanted:
        wanted.append(FEATURE)
    return {**kept, FEATURES_HEADER: ", ".join(wanted)}


def _objects(value: object, most: int) -> list[JsonObject]:
    """The objects among the first entries of a list; none of anything else."""
    if not isinstance(value, list):
        return []
    return [entry for entry in value[:most] if isinstance(entry, dict)]


def _text(value: object, longest: int) -> str:
    return clean(value, longest) if isinstance(value, str) else ""


def _milliseconds(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return round(value) if 0 <= value < 10**9 else None


def _attempts(steps: list[JsonObject]) -> list[Attempted]:
    return [
        _attempted(attempt)
        for step in steps
        for attempt in _objects(step.get("attempts"), _MOST_ATTEMPTS)
        if isinstance(attempt.get("model"), str)
    ]


def _attempted(attempt: JsonObject) -> Attempted:
    result = attempt.get("result")
    result = result if isinstance(result, dict) else {}
    status, error = result.get("status"), result.get("error")
    valid = isinstance(status, int) and not isinstance(status, bool) and 100 <= status <= 599
    if isinstance(error, dict):
        parts = (_text(error.get("code"), 80), _text(error.get("message"), 300))
        error = ": ".join(part for part in parts if part)
    return Attempted(
        model=_text(attempt["model"], 120),
        status=status if valid else None,
        error=_text(error, 400),
    )


def _affinity(value: object) -> str:
    if not isinstance(value, dict):
        return ""
    parts = (_text(value.get("mode"), 40), _text(value.get("decision"), 40))
    return "/".join(part for part in parts if part)
