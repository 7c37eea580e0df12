"""The emulator's own routes under ``/_emulator``: faults, scripts, the meter and a reset."""

from collections import deque
from collections.abc import Callable
from typing import Any

from msgspec import Struct, ValidationError, json

from faregate.emulator.controls import Router
from faregate.emulator.counting import PrefixCache
from faregate.emulator.faults import FaultQueue, Queued
from faregate.emulator.meter import Meter
from faregate.errors import ConfigError

PREFIX = "/_emulator/"
_MAX_SCRIPTS = 1000


class Script(Struct, frozen=True, kw_only=True):
    """An answer laid down in advance: who served it, its text and its exact ``usage`` body."""

    served: str
    usage: dict[str, Any]
    content: str = "As scripted."
    deployment: str = ""
    service_tier: str = ""


class State:
    """Everything the emulator remembers between calls."""

    def __init__(self) -> None:
        self.meter = Meter()
        self.faults = FaultQueue()
        self.scripts: deque[Script] = deque()
        self.prefixes = PrefixCache()
        self.router = Router()

    def clear(self) -> None:
        """Back to how the emulator started."""
        self.meter.clear()
        self.faults.clear()
        self.scripts.clear()
        self.prefixes.clear()
        self.router.clear()

    def script_for(self, deployment: str) -> Script | None:
        """The next answer laid down for a deployment, taken off the queue."""
        for script in self.scripts:
            if script.deployment.lower() in ("", deployment.lower()):
                self.scripts.remove(script)
                return script
        return None


def control(state: State, method: str, name: str, body: bytes) -> tuple[int, Any]:
    """Serve one control route: (status, JSON body)."""
    routes: dict[tuple[str, str], Callable[[], Any]] = {
        ("GET", "meter"): state.meter.read,
        ("GET", "faults"): state.faults.waiting,
        ("POST", "faults"): lambda: _queue_fault(state, body),
        ("DELETE", "faults"): state.faults.clear,
        ("POST", "script"): lambda: _queue_script(state, body),
        ("POST", "reset"): state.clear,
    }
    route = routes.get((method, name))
    if route is None:
        return 404, {"error": f"no control route {method} {PREFIX}{name}"}
    try:
        result = route()
    except (ConfigError, ValidationError, ValueError) as error:
        return 400, {"error": str(error)}
    return 200, {"ok": True} if result is None else result


def _queue_fault(state: State, body: bytes) -> None:
    state.faults.add(json.decode(body, type=Queued))


def _queue_script(state: State, body: bytes) -> None:
    if len(state.scripts) >= _MAX_SCRIPTS:
        raise ConfigError(f"{_MAX_SCRIPTS} answers are laid down already")
    state.scripts.append(json.decode(body, type=Script))
