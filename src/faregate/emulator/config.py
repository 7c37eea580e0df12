"""What an emulated resource has: its key, region, deployments and speed."""

import re
from collections.abc import Iterable
from typing import Literal, TypeAlias

from msgspec import Struct

from faregate.emulator.choice import MODES, Mode
from faregate.emulator.pool import EMBEDDINGS, POOL
from faregate.errors import ConfigError

DEFAULT_KEY = "emulator-key"
DEFAULT_PORT = 8790
CAPTURED = "captured-stream"
"""The deployment that replays a recorded answer byte for byte."""

Kind: TypeAlias = Literal["router", "direct", "embeddings", "captured"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


class DeploymentSpec(Struct, frozen=True, kw_only=True):
    """One deployment of the resource."""

    name: str
    kind: Kind
    model: str = ""
    """What a direct or embeddings deployment serves; a name no catalogue has is served as is."""
    mode: Mode = "balanced"
    subset: tuple[str, ...] = ()
    """The models a router may use; empty is the whole pool."""


class Latency(Struct, frozen=True, kw_only=True):
    """Milliseconds before the first token, and for every token."""

    first_ms: float = 0.0
    token_ms: float = 0.0


class Config(Struct, frozen=True, kw_only=True):
    """One emulated Azure AI Foundry resource."""

    key: str = DEFAULT_KEY
    region: str = "East US 2"
    latency: Latency = Latency()
    deployments: tuple[DeploymentSpec, ...] = ()
    """Beside the default ones, or instead of one of the same name."""
    fault: str = ""
    """A fault every call meets, spelled like the ``x-emulate-fault`` header."""
    static: bool = False
    """Answer every chat completion with one fixed body and do nothing else (for benchmarks)."""

    def all_deployments(self) -> dict[str, DeploymentSpec]:
        """Every deployment by its lower-case name; Azure's names ignore case too."""
        return {spec.name.lower(): spec for spec in (*default_deployments(), *self.deployments)}


def default_deployments() -> Iterable[DeploymentSpec]:
    """``model-router``, ``azure-model-router``, every model of the pool, two embedding models."""
    for name in ("model-router", "azure-model-router"):
        yield DeploymentSpec(name=name, kind="router")
    for model in POOL:
        yield DeploymentSpec(name=model.name, kind="direct", model=model.name)
    for name in EMBEDDINGS:
        yield DeploymentSpec(name=name, kind="embeddings", model=name)
    yield DeploymentSpec(name=CAPTURED, kind="captured")


def parse_deployment(text: str) -> DeploymentSpec:
    """A deployment from ``NAME=model-router[:mode[:model,model]]`` or ``NAME=model``.

    Raises :class:`faregate.errors.ConfigError` for anything else.
    """
    name, separator, what = text.partition("=")
    if not separator or not _NAME.match(name) or not what:
        raise ConfigError(
            f"{text!r} is no deployment: write NAME=model-router[:mode[:model,model]] or NAME=model"
        )
    model, *rest = what.split(":")
    if model in EMBEDDINGS:
        return DeploymentSpec(name=name, kind="embeddings", model=model)
    if model != "model-router":
        return DeploymentSpec(name=name, kind="direct", model=what)
    mode = rest[0] if rest and rest[0] else "balanced"
    subset = tuple(part for part in ":".join(rest[1:]).split(",") if part)
    for known in MODES:
        if mode == known:
            return DeploymentSpec(name=name, kind="router", mode=known, subset=subset)
    raise ConfigError(f"{mode!r} is no routing mode; use one of {', '.join(MODES)}")


def parse_latency(text: str) -> Latency:
    """A latency from ``FIRST_MS[,TOKEN_MS]``, such as ``250,12``.

    Raises :class:`faregate.errors.ConfigError` for anything else, and for negative times.
    """
    first, _, token = text.partition(",")
    try:
        latency = Latency(first_ms=float(first), token_ms=float(token or 0))
    except ValueError:
        latency = Latency(first_ms=-1)
    if not (0 <= latency.first_ms < 1e7 and 0 <= latency.token_ms < 1e7):
        raise ConfigError(f"{text!r} is no latency: write FIRST_MS[,TOKEN_MS], such as 250,12")
    return latency
