"""The sections beside ``model_list`` to values."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from faregate.config import foreign, keys, server_keys
from faregate.config.document import Table
from faregate.config.kinds import OBJECT, Placed, Wrong
from faregate.config.reading import Found, Reader
from faregate.config.settings import (
    EdgeLimits,
    General,
    Log,
    Metrics,
    Redis,
    Routing,
)
from faregate.config.sign_on import oidc_of
from faregate.core.attempts import FallbackLists
from faregate.errors import ConfigError
from faregate.providers.auth import check_secret

SECTIONS = (
    "model_list",
    "litellm_settings",
    "settings",
    "router_settings",
    "general_settings",
    "environment_variables",
    "include",
)
"""Top-level keys."""

LISTS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
_REDIS = ("host", "port", "password", "username", "db", "ssl", "url")
_PLAIN_ROUTING = (
    "routing_strategy", "num_retries", "timeout", "stream_timeout", "retry_after", "allowed_fails",
    "cooldown_time", "disable_cooldowns", "max_fallbacks", "enable_tag_filtering",
    "tag_filtering_match_any",
)  # fmt: skip
_NOT_GENERAL = ("max_request_size_mb", "max_response_size_mb")
_MEGABYTE = 1024 * 1024


class Sections(Struct, frozen=True):
    """Every section but ``model_list``, read by its table."""

    settings: Found
    router: Found
    general: Found
    limits: Found
    log: Found
    metrics: Found
    oidc: Found

    def routing(self, name: str) -> Found:
        """The section that states a routing key: ``router_settings`` wins."""
        return self.router if name in self.router.values else self.settings


def variables(top: Found, reader: Reader) -> dict[str, str]:
    """``environment_variables``: they come before the environment itself."""
    entry = top.entries.get("environment_variables")
    if entry is None:
        return {}
    try:
        found = OBJECT.read(entry.node, reader.environ)
    except Wrong as wrong:
        reader.note(wrong.node, "environment_variables", wrong.message)
        return {}
    return {name: _plain(value) for name, value in found.items() if value is not None}


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_sections(top: Found, reader: Reader) -> Sections:
    """Every section but ``model_list``; problems are noted."""
    stated = [name for name in ("litellm_settings", "settings") if name in top.entries]
    if len(stated) > 1:
        reader.note(top.entries["settings"], "settings", "litellm_settings is stated as well")
    name = stated[0] if stated else "litellm_settings"
    settings = reader.section(_node(top, name), name, keys.SETTINGS, foreign.SETTINGS)
    router = reader.section(
        _node(top, "router_settings"), "router_settings", keys.ROUTER, foreign.ROUTER
    )
    general = reader.section(
        _node(top, "general_settings"),
        "general_settings",
        server_keys.GENERAL,
        foreign.GENERAL,
        inner=tuple(server_keys.INNER),
    )
    parts = {
        name: reader.section(_node(general, name), f"general_settings.{name}", table)
        for name, table in server_keys.INNER.items()
    }
    return Sections(settings, router, general, **parts)


def _node(found: Found, name: str) -> Any:
    entry = found.entries.get(name)
    return entry.node if entry is not None else None


def routing_of(found: Sections, models: frozenset[str], reader: Reader) -> Routing:
    """``router_settings``, and what ``litellm_settings`` states of the same.

    ``models`` are the names of models, at which aliases end.
    """
    values: dict[str, Any] = found.settings.chosen(_PLAIN_ROUTING) | found.router.chosen(
        _PLAIN_ROUTING
    )
    if "timeout" not in values and "request_timeout" in found.settings.values:
        values["timeout"] = found.settings.get("request_timeout")
    default: Sequence[Placed] = found.routing("default_fallbacks").get("default_fallbacks", ())
    aliases, hidden = _aliases(found.routing("model_group_alias"), models, reader)
    values |= {name: _lists(found.routing(name), name, reader) for name in LISTS}
    return Routing(
        **values,
        default_fallbacks=tuple(dict.fromkeys(each.name for each in default)),
        model_group_alias=aliases,
        hidden_aliases=hidden,
    )


def _lists(found: Found, name: str, reader: Reader) -> FallbackLists:
    lists: dict[str, tuple[str, ...]] = {}
    for model, others in found.get(name, ()):
        if model.name in lists:
            message = f"{model.name!r} has a list already; put both into one"
            reader.note_line(model.file, model.line, f"{found.path}.{name}", message)
        lists[model.name] = tuple(dict.fromkeys(each.name for each in others))
    return lists


def _aliases(
    found: Found, models: frozenset[str], reader: Reader
) -> tuple[dict[str, str], frozenset[str]]:
    """Aliases with the names they end at, and those that are hidden."""
    stated = found.get("model_group_alias", ())
    targets = {each.name: target.name for each, target, _ in stated if each.name not in models}
    ends: dict[str, str] = {}
    for alias, target, _ in stated:
        if alias.name in models:
            continue  # never asked for, as a check says
        end, seen = target.name, {alias.name}
        while end in targets and end not in seen:
            seen.add(end)
            end = targets[end]
        if end in seen:
            message = f"the alias {alias.name!r} leads back to itself"
            reader.note_line(alias.file, alias.line, f"{found.path}.model_group_alias", message)
        else:
            ends[alias.name] = end
    return ends, frozenset(alias.name for alias, _, hide in stated if hide)


def general_of(found: Sections, reader: Reader) -> General:
    """``general_settings`` with its sections."""
    general = found.general
    plain = [name for name in server_keys.GENERAL if name not in _NOT_GENERAL]
    values = general.chosen(plain) | found.settings.chosen(("max_budget", "budget_duration"))
    _check_key(general, reader)
    _check_patterns(general, reader)
    limits = dict(found.limits.values)
    size = general.get("max_request_size_mb")
    if size is not None:
        if "max_body_bytes" in limits:
            entry = general.entries["max_request_size_mb"]
            message = "limits.max_body_bytes is stated as well"
            reader.note(entry, "general_settings.max_request_size_mb", message)
        limits["max_body_bytes"] = int(size * _MEGABYTE)
    size = general.get("max_response_size_mb")
    if size is not None:
        values["max_response_bytes"] = int(size * _MEGABYTE)
    most = found.router.get("default_max_parallel_requests")
    if most is not None:
        values.setdefault("max_parallel_requests", most)
    log = dict(found.log.values)
    if found.settings.get("json_logs"):
        log.setdefault("format", "json")
    return General(
        **values,
        limits=EdgeLimits(**limits),
        log=Log(**log),
        metrics=Metrics(**found.metrics.values),
        oidc=oidc_of(found.oidc, reader),
    )


def _check_key(general: Found, reader: Reader) -> None:
    key = general.get("master_key")
    if key is None:
        return
    try:
        check_secret(key.reveal(), "master key")
    except ConfigError as error:
        message = str(error).removesuffix("; nothing was sent")
        reader.note(general.entries["master_key"], "general_settings.master_key", message)


def _check_patterns(general: Found, reader: Reader) -> None:
    if not general.get("redact_prompts"):
        return
    import regex

    for pattern in general.get("redact_prompts", ()):
        try:
            regex.compile(pattern)
        except regex.error as error:
            message = f"{pattern[:80]!r} is no regular expression: {error}"
            reader.note(
                general.entries["redact_prompts"], "general_settings.redact_prompts", message
            )


def redis_of(found: Sections) -> Redis | None:
    """Where Redis is, when a host or URL is stated."""
    names = {f"redis_{name}": name for name in _REDIS}
    values = {names[key]: value for key, value in found.router.chosen(names).items()}
    return Redis(**values) if "host" in values or "url" in values else None


def top_section(table: Table, reader: Reader) -> Found:
    """The top level: known sections only."""
    return reader.section(table, "", {}, foreign.TOP, inner=SECTIONS)
