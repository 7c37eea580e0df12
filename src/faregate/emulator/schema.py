"""A value that satisfies a JSON schema, the same one every time. Pure."""

import math
from collections.abc import Mapping
from typing import Any

_DEPTH = 6
"""Levels at which optional properties and items are filled in; deeper only required ones are."""
_REFERENCES = 12
"""References followed in a row."""
_VALUES = 10_000
_CHARACTERS = 100_000
_FORMATS = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T12:00:00Z",
    "time": "12:00:00Z",
    "email": "someone@example.com",
    "uuid": "3f2b6d1e-7c54-4e9a-9d0b-5a1c8e7f2b60",
    "uri": "https://example.com/",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}


def instance(schema: Any, word: str = "text") -> Any:
    """A JSON value valid for ``schema``; strings are ``word`` where the schema leaves them free.

    Follows ``$ref`` within the schema, takes the first of ``anyOf`` and ``oneOf``, merges
    ``allOf``, honours enum, const, bounds and lengths. Patterns are not followed. Raises ValueError
    for a schema whose smallest instance is beyond all bounds.
    """
    return _value(schema, _Root(schema, word), _DEPTH)


class _Root:
    """The whole schema, for references, and how much has been made of it."""

    def __init__(self, schema: Any, word: str) -> None:
        self.schema = schema
        self.word = word
        self._left = _VALUES

    def spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise ValueError("the schema asks for too large a value")


def _value(schema: Any, root: _Root, depth: int) -> Any:
    root.spend()
    schema = _resolved(schema, root.schema)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("enum", "examples"):
        if schema.get(key):
            return schema[key][0]
    kind = _type_of(schema)
    if kind == "object":
        return _object(schema, root, depth)
    if kind == "array":
        return _array(schema, root, depth)
    if kind == "string":
        return _string(schema, root.word)
    if kind in ("integer", "number"):
        return _number(schema, whole=kind == "integer")
    return {"boolean": True}.get(kind)


def _resolved(schema: Any, root: Any) -> dict[str, Any]:
    """The schema with references followed and combinations reduced to one."""
    if not isinstance(schema, Mapping):
        return {}
    found = dict(schema)
    for _ in range(_REFERENCES):
        ref = found.pop("$ref", None)
        if isinstance(ref, str):
            found = {**_pointed(ref, root), **found}
            continue
        options = found.pop("anyOf", None) or found.pop("oneOf", None)
        if options:
            found = {**found, **options[0]} if isinstance(options[0], Mapping) else found
            continue
        for part in found.pop("allOf", None) or ():
            found = _merged(found, _resolved(part, root))
        if not {"$ref", "anyOf", "oneOf", "allOf"} & found.keys():
            break
    return found


def _pointed(ref: str, root: Any) -> dict[str, Any]:
    found = root
    for step in ref.removeprefix("#").strip("/").split("/"):
        if step:
            found = found.get(step) if isinstance(found, Mapping) else None
    return dict(found) if isinstance(found, Mapping) else {}


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    both = {**one, **other}
    both["properties"] = {**one.get("properties", {}), **other.get("properties", {})}
    both["required"] = [*one.get("required", ()), *other.get("required", ())]
    return both


def _type_of(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else "string"


def _object(schema: dict[str, Any], root: _Root, depth: int) -> dict[str, Any]:
    properties = schema.get("properties") or {}
    required = schema.get("required") or ()
    names = list(required) if depth <= 0 else list(dict.fromkeys([*properties, *required]))
    if depth < -2 * _DEPTH:  # an endless required recursion has no finite instance
        return {}
    return {name: _value(properties.get(name, {}), root, depth - 1) for name in names}


def _array(schema: dict[str, Any], root: _Root, depth: int) -> list[Any]:
    fixed = [_value(item, root, depth - 1) for item in schema.get("prefixItems") or ()]
    least = int(schema.get("minItems", 0))
    wanted = max(least, 1) if depth > 0 and schema.get("maxItems", 1) > 0 else least
    items = schema.get("items")
    if isinstance(items, Mapping):
        fixed += [_value(items, root, depth - 1) for _ in range(wanted - len(fixed))]
    return fixed


def _string(schema: dict[str, Any], word: str) -> str:
    text = _FORMATS.get(schema.get("format", ""), word)
    least = int(schema.get("minLength", 0))
    if least > _CHARACTERS:
        raise ValueError("the schema asks for too long a text")
    text = text.ljust(least, "x")
    most = schema.get("maxLength")
    return text if most is None else text[: int(most)]


def _number(schema: dict[str, Any], *, whole: bool) -> float:
    step = schema.get("multipleOf") or (1 if whole else 0.5)
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is not None:
        value = math.ceil(low / step) * step
        if "exclusiveMinimum" in schema and value <= low:
            value += step
    elif high is not None and high < step:
        value = math.floor(high / step) * step
        if "exclusiveMaximum" in schema and value >= high:
            value -= step
    else:
        value = step
    return int(value) if whole else value
