"""What a model string means: provider, route and the name to send. Decided here, once."""

import difflib
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from faregate.core.endpoints import is_azure_base
from faregate.errors import ConfigError
from faregate.types import Route, Target

AZURE_PROVIDERS = ("azure_ai", "azure")
"""Two prefixes for the same kind of resource; both know routers."""

AUTO = "auto"
"""The name of Foundry's router that needs no deployment."""

_ROUTER_PREFIXES = ("model_router", "model-router")
_FORM = "write it as provider/model, such as azure_ai/model_router/my-deployment or openai/gpt-5"
_LONGEST = 256
_UNPRINTABLE = re.compile(r"[\s\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff]")
_BARE = (
    (
        re.compile(
            r"(ft:)?(gpt|chatgpt|text-embedding|codex|omni-moderation|computer-use)-|(ft:)?o\d+(-|\Z)"
        ),
        "openai",
    ),
    (re.compile(r"claude"), "anthropic"),
)
"""The makers whose models are known by their bare name."""


class _Named(NamedTuple):
    provider: str
    name: str


def parse_model(
    model: str,
    *,
    known: Callable[[str], bool],
    provider: str = "",
    route: str = "",
    api_base: str = "",
    names: Callable[[], Iterable[str]] = tuple,
) -> Target:
    """The target of a model string such as ``azure_ai/model_router/my-prod``.

    ``known`` tells whether a (lower-case) name is a provider and ``names`` lists them, for a hint.
    ``provider`` is the caller's explicit choice (LiteLLM's ``custom_llm_provider``), ``route`` the
    deployment's (``direct``, ``model_router`` or empty), ``api_base`` decides for bare names.

    Raises :class:`ConfigError` for a malformed string or one that names no provider.
    """
    _check_text(model, "model")
    wanted = _route(route)
    named = (
        _of_provider(model, provider, known, names)
        if provider
        else _by_prefix(model, known, names, api_base)
    )
    if any(not part for part in named.name.split("/")):
        raise ConfigError(f"model {model!r} has an empty part; {_FORM}")
    if named.provider in AZURE_PROVIDERS:
        return _azure_target(named, wanted, model)
    return Target(named.provider, wanted or "direct", named.name)


def names_router(name: str) -> bool:
    """Whether a deployment's name says it is a model router."""
    folded = name.lower()
    return any(word in folded for word in _ROUTER_PREFIXES)


def _azure_target(named: _Named, wanted: Route | None, model: str) -> Target:
    prefix, slash, rest = named.name.partition("/")
    if prefix.lower() in _ROUTER_PREFIXES and slash:
        if not rest:  # pragma: no cover - an empty part was refused before
            raise ConfigError(f"model {model!r} names no deployment; {_FORM}")
        return Target(named.provider, wanted or "model_router", rest)
    if named.name.lower() == AUTO and wanted != "direct":
        return Target(named.provider, "model_router", AUTO)
    if names_router(named.name):
        return Target(named.provider, wanted or "model_router", named.name)
    return Target(named.provider, wanted or "direct", named.name)


def _check_text(text: str, what: str) -> None:
    if not isinstance(text, str):
        raise ConfigError(f"{what} must be a text, not {type(text).__name__}; {_FORM}")
    if not text:
        raise ConfigError(f"{what} is empty; {_FORM}")
    if len(text) > _LONGEST:
        raise ConfigError(f"{what} is longer than {_LONGEST} characters; {_FORM}")
    if _UNPRINTABLE.search(text):
        raise ConfigError(f"{what} {text!r} holds a blank or a control character; {_FORM}")


def _route(route: str) -> Route | None:
    folded = route.lower().replace("-", "_")
    if folded == "model_router":
        return "model_router"
    if folded == "direct":
        return "direct"
    if folded:
        raise ConfigError(f"route {route[:80]!r} is unknown; it is model_router or direct")
    return None


def _of_provider(
    model: str,
    provider: str,
    known: Callable[[str], bool],
    names: Callable[[], Iterable[str]],
) -> _Named:
    """The caller names the provider; a prefix that repeats it is taken off once."""
    _check_text(provider, "provider")
    folded = provider.lower()
    if not known(folded):
        raise ConfigError(f"provider {provider!r} is unknown{_nearest(folded, names)}")
    prefix, slash, rest = model.partition("/")
    if slash and prefix.lower() == folded:
        return _Named(folded, rest)
    return _Named(folded, model)


def _by_prefix(
    model: str,
    known: Callable[[str], bool],
    names: Callable[[], Iterable[str]],
    api_base: str,
) -> _Named:
    prefix, slash, rest = model.partition("/")
    folded = prefix.lower()
    if slash and prefix and known(folded):
        return _Named(folded, rest)
    meant = _nearest(folded, names) if slash and is_azure_base(api_base) else ""
    if meant and not names_router(prefix):
        raise ConfigError(f"model {model!r}: {prefix!r} is no known provider{meant}; {_FORM}")
    if api_base:
        return _Named("azure_ai" if is_azure_base(api_base) else "openai", model)
    if names_router(prefix) and not known(folded):
        return _Named("azure_ai", model)
    if not slash:
        for pattern, maker in _BARE:
            if pattern.match(folded):
                return _Named(maker, model)
        if known(folded):
            raise ConfigError(f"model {model!r} is a provider's name without a model; {_FORM}")
        raise ConfigError(f"model {model!r} names no provider; {_FORM}, or pass api_base")
    raise ConfigError(
        f"model {model!r}: {prefix!r} is no known provider{_nearest(folded, names)}; {_FORM}, "
        "or pass api_base for an OpenAI-compatible endpoint"
    )


def _nearest(name: str, names: Callable[[], Iterable[str]]) -> str:
    """A hint at the known provider a name resembles, or an empty text."""
    found = difflib.get_close_matches(name, list(names()), n=1, cutoff=0.7)
    return f" (did you mean {found[0]!r}?)" if found else ""
