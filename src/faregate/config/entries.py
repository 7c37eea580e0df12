"""An entry of ``model_list`` to a :class:`~faregate.config.settings.ModelDeployment`."""

import re
from typing import Any

from faregate import providers
from faregate.config import foreign, keys, kinds
from faregate.config.credentials import credential_of
from faregate.config.document import Node
from faregate.config.reading import Found, Reader, nearest
from faregate.config.settings import ModelDeployment, Shared
from faregate.core.naming import parse_model
from faregate.errors import ConfigError
from faregate.money import Usd
from faregate.providers.auth import from_environment
from faregate.types import Deployment, OwnPrices, Provider, Target, Unit

MODES = ("chat", "completion", "embedding", "responses")
"""Values of ``model_info.mode`` that say nothing is missing."""

_SECTIONS = ("litellm_params", "params", "model_info")
_NAME = re.compile(r"[^\x00-\x20\x7f]{1,256}\Z")
_ID = re.compile(r"[\x21-\x7e]{1,200}\Z")
_EXAMPLE = "azure_ai/model_router/my-deployment"
_TAKEN_OVER = (
    "rpm", "tpm", "max_parallel_requests", "weight", "order", "tags", "timeout", "stream_timeout",
    "max_retries", "extra_headers", "drop_params", "additional_drop_params", "on_disconnect",
    "drain_seconds", "drain_bytes", "on_unpriced",
)  # fmt: skip


def read_entry(node: Node, path: str, reader: Reader, shared: Shared) -> ModelDeployment | None:
    """The entry, its id still empty unless stated; None where problems leave nothing to use."""
    top = reader.section(node, path, keys.MODEL, foreign.MODEL, inner=_SECTIONS)
    params = _params(top, path, reader)
    info = _section(top, "model_info", reader)
    name = top.get("model_name")
    if params is None:
        return None
    model = params.get("model")
    if name is None or model is None:
        _missing(top, params, reader)
        return None
    if not _NAME.match(name) or name.count("*") > 1:
        reader.note(
            top.entries["model_name"],
            f"{path}.model_name",
            "must be 1 to 256 characters without blanks, with one * at most",
        )
        return None
    target = _target(name, params, reader)
    if target is None:
        return None
    deployment = _deployment(target, params, info, reader)
    provider = providers.get(target.provider)
    credential = credential_of(params, provider, reader)
    verify = params.get("ssl_verify", True)
    return ModelDeployment(
        model_name=name,
        model=model,
        stated_route=params.get("route", ""),
        deployment=deployment,
        credential=credential,
        routing_config=_controls(params, target, reader),
        defaults=_defaults(params, reader, shared),
        mode=_mode(info, reader),
        details=_details(info, reader),
        ssl_verify=verify is not False,
        ca_file=verify if isinstance(verify, str) else "",
        key_name=_key_name(params),
        file=top.file,
        line=top.line,
        **{
            "drop_params": shared.drop_params,
            "max_parallel_requests": shared.max_parallel_requests,
            **params.chosen(_TAKEN_OVER),
        },
    )


def _key_name(params: Found) -> str:
    """The reference by which the key was stated; empty for a key written out."""
    entry = params.entries.get("api_key")
    text = getattr(entry.node, "text", "") if entry is not None else ""
    return text if text.startswith("os.environ/") else ""


def _missing(top: Found, params: Found, reader: Reader) -> None:
    """Note a name or a model that is not there; one that is wrong was noted already."""
    if "model_name" not in top.entries:
        _at(reader, top, "model_name", "is missing: what clients are to call the model")
    if "model" not in params.entries:
        _at(reader, params, "model", f"is missing; write it like {_EXAMPLE}")


def _at(reader: Reader, found: Found, name: str, message: str) -> None:
    reader.note_line(found.file, found.line, f"{found.path}.{name}", message)


def _params(top: Found, path: str, reader: Reader) -> Found | None:
    stated = [name for name in ("litellm_params", "params") if name in top.entries]
    if len(stated) > 1:
        reader.note(top.entries["params"], f"{path}.params", "litellm_params is stated as well")
        return None
    if not stated:
        if top.line:
            _at(reader, top, "litellm_params", f"is missing: model: {_EXAMPLE} and so on")
        return None
    return _section(top, stated[0], reader)


def _section(top: Found, name: str, reader: Reader) -> Found:
    entry = top.entries.get(name)
    node = entry.node if entry is not None else None
    path = f"{top.path}.{name}"
    if name == "model_info":
        return reader.section(node, path, keys.MODEL_INFO, rest=None)
    found = reader.section(node, path, keys.PARAMS, foreign.PARAMS, rest=keys.BODY_FIELDS)
    return found if found.line or entry is None else Found(path, entry.file, entry.line, {}, {}, {})


def _target(name: str, params: Found, reader: Reader) -> Target | None:
    model = params.get("model")
    place = params.entries["model"]
    if "*" in model and ("*" not in name or model.count("*") > 1):
        message = "has a * that model_name has not" if "*" not in name else "has more than one *"
        reader.note(place, f"{params.path}.model", message)
        return None
    try:
        return parse_model(
            model,
            known=providers.known,
            provider=params.get("custom_llm_provider", ""),
            route=params.get("route", ""),
            api_base=params.get("api_base", ""),
            names=providers.names,
        )
    except ConfigError as error:
        name = "custom_llm_provider" if "custom_llm_provider" in params.values else "model"
        reader.note(params.entries[name], f"{params.path}.{name}", str(error))
        return None


def _deployment(target: Target, params: Found, info: Found, reader: Reader) -> Deployment:
    provider = providers.get(target.provider)
    environment = from_environment(provider, reader.environ)
    prices = _own_prices(params) or _own_prices(info)
    deployment = Deployment(
        id=_stated_id(info, reader),
        provider=provider.name,
        route=target.route,
        upstream_model=target.upstream_model,
        api_base=params.get("api_base") or environment.base,
        api_version=params.get("api_version") or environment.version,
        base_model=_base_model(params, info, target, reader),
        scope=params.get("scope", "global"),
        discount_bp=params.get("discount", 0),
        own_prices=prices,
        router_fee=params.get("router_fee"),
    )
    _check_address(deployment, provider, params, reader)
    return deployment


def _check_address(
    deployment: Deployment, provider: Provider, params: Found, reader: Reader
) -> None:
    try:
        provider.chat_url(deployment, "chat/completions")
    except ConfigError as error:
        place = params.entries.get("api_base") or params.entries["model"]
        message = str(error).removeprefix("api_base ").replace("pass api_base", "state api_base")
        reader.note(place, f"{params.path}.api_base", message)


def _own_prices(found: Found) -> OwnPrices | None:
    stated: dict[Unit, Usd] = {
        unit: found.values[name] for name, unit in keys.OWN_PRICES.items() if name in found.values
    }
    return OwnPrices(per_token=stated) if stated else None


def _stated_id(info: Found, reader: Reader) -> str:
    stated = info.get("id", "")
    if stated and not _ID.match(stated):
        message = "must be 1 to 200 printable ASCII characters without blanks"
        reader.note(info.entries["id"], f"{info.path}.id", message)
    return str(stated)


def _base_model(params: Found, info: Found, target: Target, reader: Reader) -> str:
    """The name to price by, without the provider LiteLLM's users write before it."""
    found = params if "base_model" in params.values else info
    stated = str(found.get("base_model", ""))
    if stated and target.route == "model_router":
        reader.note(
            found.entries["base_model"],
            f"{found.path}.base_model",
            "is not used: a router's answer names the model to be priced",
            "warning",
        )
        return ""
    prefix, slash, rest = stated.partition("/")
    return rest if slash and providers.known(prefix) else stated


def _controls(params: Found, target: Target, reader: Reader) -> dict[str, Any] | None:
    controls = dict(params.get("routing_config") or {})
    if "session_affinity" in params.values:
        controls["session_affinity"] = params.get("session_affinity")
    if not controls:
        return None
    if target.route != "model_router":
        name = "routing_config" if "routing_config" in params.entries else "session_affinity"
        message = "is for router deployments; state route: model_router if this is one"
        reader.note(params.entries[name], f"{params.path}.{name}", message)
    return controls


def _defaults(params: Found, reader: Reader, shared: Shared) -> dict[str, Any]:
    defaults = {**shared.defaults, **params.get("default_params", {})}
    for name, entry in params.rest.items():
        try:
            value = kinds.ANY.read(entry.node, reader.environ)
        except kinds.Wrong as wrong:
            reader.note(wrong.node, f"{params.path}.{name}", wrong.message)
            continue
        if value is not None:
            defaults[name] = value
    return defaults


def _mode(info: Found, reader: Reader) -> str:
    mode = str(info.get("mode", "chat"))
    if mode not in MODES:
        reader.note(
            info.entries["mode"],
            f"{info.path}.mode",
            f"{mode[:40]!r} is not served; chat and embedding are",
            "warning",
        )
    return mode


def _details(info: Found, reader: Reader) -> dict[str, Any]:
    details = {}
    for name, entry in info.rest.items():
        hint = nearest(name, keys.MODEL_INFO)
        if hint and name[:4] != "supp" and name not in _FREE:
            reader.note(entry, f"{info.path}.{name}", f"has no meaning here{hint}", "warning")
        try:
            details[name] = kinds.ANY.read(entry.node, reader.environ)
        except kinds.Wrong as wrong:
            reader.note(wrong.node, f"{info.path}.{name}", wrong.message)
    return details


_FREE = frozenset(
    {"model", "key", "provider", "litellm_provider", "input_cost_per_second", "max_tokens",
     "output_cost_per_second", "db_model", "team_id", "created_at", "updated_at", "order"}
)  # fmt: skip
"""Names of ``model_info`` that resemble one of ours and are none."""
