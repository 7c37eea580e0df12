"""The JSON schema of a configuration, for editors; made from the tables of keys."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from faregate.config import foreign, keys, server_keys, settings
from faregate.config.foreign import Advice
from faregate.config.keys import Key, Keys
from faregate.config.sign_on import Oidc

Schema: TypeAlias = dict[str, Any]

VARIABLE: Schema = {"type": "string", "pattern": r"^os\.environ/[A-Za-z_][A-Za-z0-9_]*$"}
REFERENCE: Schema = {"$ref": "#/$defs/variable"}


def schema() -> Schema:
    """A schema (2020-12) that accepts what is read without an error, and little else.

    Cross references, such as fallbacks that name no model, are beyond a schema.
    """
    entry = _object(keys.MODEL, foreign.MODEL)
    entry["properties"] |= {
        "litellm_params": {"$ref": "#/$defs/params"},
        "params": {"$ref": "#/$defs/params"},
        "model_info": {"$ref": "#/$defs/model_info"},
    }
    entry["required"] = ["model_name"]
    entry["oneOf"] = [{"required": ["litellm_params"]}, {"required": ["params"]}]
    general = _object(server_keys.GENERAL, foreign.GENERAL, settings.General)
    general["properties"] |= {
        name: _object(table, {}, _STRUCTS[name]) for name, table in server_keys.INNER.items()
    }
    top: Schema = {
        "model_list": {"type": ["array", "null"], "items": entry},
        "litellm_settings": {"$ref": "#/$defs/settings"},
        "settings": {"$ref": "#/$defs/settings"},
        "router_settings": _object(keys.ROUTER, foreign.ROUTER, settings.Routing),
        "general_settings": general,
        "environment_variables": {"type": ["object", "null"]},
        "include": {"type": ["array", "string"], "items": {"type": "string"}},
        **_foreign(foreign.TOP),
    }
    params = _object(keys.PARAMS, foreign.PARAMS, settings.ModelDeployment)
    params["properties"] |= {name: {} for name in sorted(keys.BODY_FIELDS)}
    params["required"] = ["model"]
    info = _object(keys.MODEL_INFO, {})
    info["additionalProperties"] = True
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Faregate's configuration",
        "type": "object",
        "additionalProperties": False,
        "properties": top,
        "$defs": {
            "variable": VARIABLE,
            "params": params,
            "model_info": info,
            "settings": _object(keys.SETTINGS, foreign.SETTINGS),
        },
    }


_STRUCTS: Mapping[str, type[Struct]] = {
    "limits": settings.EdgeLimits,
    "log": settings.Log,
    "metrics": settings.Metrics,
    "oidc": Oidc,
}


def defaults(kind: type[Struct] | None) -> dict[str, Any]:
    """The defaults of a value's fields that can be shown, by name."""
    if kind is None:
        return {}
    found = {field.name: field.default for field in msgspec.structs.fields(kind)}
    return {name: value for name, value in found.items() if isinstance(value, str | int | float)}


def _object(table: Keys, others: Advice, kind: type[Struct] | None = None) -> Schema:
    known = defaults(kind)
    properties = {name: _property(key, known.get(name)) for name, key in table.items()}
    return {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {**properties, **_foreign(others)},
    }


def _property(key: Key, default: object) -> Schema:
    made = dict(key.kind.schema)
    stated = made.get("type", [])
    types = [stated] if isinstance(stated, str) else list(stated)
    if "string" in types:
        made["type"] = [*types, "null"]
    elif made:
        made = {"anyOf": [made, REFERENCE, {"type": "null"}]}
    doc = f"{key.doc} {_capital(key.kind.form)}."
    if key.same_as:
        doc = f"The same as {key.same_as}."
    if key.status == "later":
        doc += " No effect in this version."
    made["description"] = doc.replace("`", "")
    if default not in (None, ""):
        made["default"] = default
    return made


def _foreign(others: Advice) -> Schema:
    return {
        name: {"deprecated": True, "description": f"Not supported: {advice}."}
        for name, advice in others.items()
    }


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
