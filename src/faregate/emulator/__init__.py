"""An Azure AI Foundry resource to run anywhere: model-router deployments, faults and a meter.

For demonstrations, tests and other people's CI::

    from faregate.emulator import running_emulator

    with running_emulator() as url:
        ...  # point any client at url + "/openai/v1", with the key "emulator-key"
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faregate.emulator.app import Emulator
    from faregate.emulator.config import Config, DeploymentSpec, Latency
    from faregate.emulator.serve import running_emulator

__all__ = ["Config", "DeploymentSpec", "Emulator", "Latency", "running_emulator"]

_HOMES = {
    "Config": "config",
    "DeploymentSpec": "config",
    "Emulator": "app",
    "Latency": "config",
    "running_emulator": "serve",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for; importing the package alone loads nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
