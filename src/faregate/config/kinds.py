"""The kinds of value a key takes: how each is read, what form it has, its JSON schema."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from faregate.config.document import Items, Node, Scalar, Table, plain
from faregate.config.secret import Secret
from faregate.core.pricebook import SCOPES, is_scope
from faregate.core.windows import BudgetWindow, parse_window
from faregate.core.zones import find_zone
from faregate.errors import ConfigError
from faregate.money import MoneyError, parse_price, parse_usd
from faregate.providers.auth import resolve_secret
from faregate.wire.router_controls import check_controls

_REFERENCE = "os.environ/"
_NUMBER = re.compile(
    r"[+-]?([0-9][0-9_]{0,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,2})?\Z"
)
_WORD = re.compile(r"[\w.:/@*+-]{1,24}\Z")  # keys are longer
_SIZE = re.compile(r"([0-9]{1,15})\s*(|b|kb|mb|gb|kib|mib|gib)\Z", re.IGNORECASE)
_SIZES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_SIZES |= {"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
_SPAN = re.compile(r"([0-9]{1,9})\s*(s|m|h|d|w|mo|)\Z", re.IGNORECASE)
_SPANS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "mo": 2_592_000}
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*\Z")

Environ = Mapping[str, str]


class Wrong(Exception):  # noqa: N818 - a value that is wrong, caught where its key is known
    """A value of another form than expected. ``node`` is the part that is wrong."""

    def __init__(self, node: Node, message: str) -> None:
        super().__init__(message)
        self.node = node
        self.message = message


class Kind(Struct, frozen=True):
    """A kind of value. ``read`` raises :class:`Wrong`; ``form`` is for people."""

    form: str
    schema: Mapping[str, Any]
    read: Callable[[Node, Environ], Any]


class Placed(Struct, frozen=True):
    """A name, and where it stands."""

    name: str
    file: str
    line: int


def text_of(node: Node, environ: Environ, form: str = "a text") -> str:
    """The text of a scalar, ``os.environ/NAME`` resolved."""
    if not isinstance(node, Scalar) or node.is_null:
        raise Wrong(node, f"must be {form}, not {_what(node)}")
    try:
        return resolve_secret(node.text, environ)
    except ConfigError as error:
        raise Wrong(node, str(error)) from None


def _what(node: Node) -> str:
    """The node, for an error: never a text that might be a secret."""
    if isinstance(node, Table):
        return "a mapping"
    if isinstance(node, Items):
        return "a list"
    if node.is_null:
        return "nothing"
    if node.text.startswith(_REFERENCE):
        return f"what {node.text[:80]} holds"
    if _WORD.match(node.text) and not node.text.lower().startswith("sk-"):
        return repr(node.text)
    return "this text" if node.text else "an empty text"


def _text(form: str = "a text", *, empty: bool = True) -> Kind:
    def read(node: Node, environ: Environ) -> str:
        found = text_of(node, environ, form)
        if not found and not empty:
            raise Wrong(node, f"must be {form}, not an empty text")
        return found

    return Kind(form, {"type": "string"}, read)


def _secret(node: Node, environ: Environ) -> Secret | None:
    found = text_of(node, environ)
    if found != found.strip() or "\n" in found:
        raise Wrong(node, "holds a blank or a line break at an end")
    return Secret(found) if found else None


def _flag(node: Node, environ: Environ) -> bool:
    found = text_of(node, environ, "true or false").lower()
    if found in ("true", "yes", "on", "1"):
        return True
    if found in ("false", "no", "off", "0"):
        return False
    raise Wrong(node, f"must be true or false, not {_what(node)}")


def number(low: float, high: float, form: str) -> Kind:
    """A number between two bounds, both allowed."""

    def read(node: Node, environ: Environ) -> float:
        found = text_of(node, environ, form)
        if not _NUMBER.match(found) or not low <= float(found) <= high:
            raise Wrong(node, f"must be {form}, not {_what(node)}")
        return float(found)

    return Kind(form, {"type": "number", "minimum": low, "maximum": high}, read)


def whole(low: int, high: int) -> Kind:
    """A whole number between two bounds, both allowed."""
    form = f"a whole number from {low} to {high}"

    def read(node: Node, environ: Environ) -> int:
        found = text_of(node, environ, form)
        value = float(found) if _NUMBER.match(found) else -1.5
        if not value.is_integer() or not low <= value <= high:
            raise Wrong(node, f"must be {form}, not {_what(node)}")
        return int(value)

    return Kind(form, {"type": "integer", "minimum": low, "maximum": high}, read)


def choice(*words: str, also: Mapping[str, str] | None = None) -> Kind:
    """One of a few words. ``also`` maps other spellings to them."""
    form = "one of " + ", ".join(words)
    others = also or {}

    def read(node: Node, environ: Environ) -> str:
        found = text_of(node, environ, form)
        for word in words:
            if found.lower().replace("_", "-") == word.replace("_", "-"):
                return word
        if found.lower() in others:
            return others[found.lower()]
        raise Wrong(node, f"must be {form}, not {_what(node)}")

    return Kind(form, {"enum": [*words, *others]}, read)


def some_of(*words: str) -> Kind:
    """A list of a few words."""
    form = "a list of " + ", ".join(words)

    def read(node: Node, environ: Environ) -> tuple[str, ...]:
        found = _placed(node, environ)
        if any(each.name not in words for each in found):
            raise Wrong(node, f"must be {form}")
        return tuple(dict.fromkeys(each.name for each in found))

    return Kind(form, {"type": "array", "items": {"enum": list(words)}}, read)


def _names(node: Node, environ: Environ) -> tuple[str, ...]:
    return tuple(each.name for each in _placed(node, environ))


def _placed(node: Node, environ: Environ) -> tuple[Placed, ...]:
    """A list of texts; a single text is a list of one."""
    items = node.items if isinstance(node, Items) else (node,)
    form = "a list of texts"
    return tuple(Placed(text_of(item, environ, form), item.file, item.line) for item in items)


def _fallbacks(node: Node, environ: Environ) -> tuple[tuple[Placed, tuple[Placed, ...]], ...]:
    form = "a list like [{my-model: [other-model]}]"
    found = []
    for table in node.items if isinstance(node, Items) else (node,):
        if not isinstance(table, Table):
            raise Wrong(table, f"must be {form}, not {_what(table)}")
        for name, entry in table.entries.items():
            key = Placed(name, entry.file, entry.line)
            found.append((key, _placed(entry.node, environ)))
    return tuple(found)


def _aliases(node: Node, environ: Environ) -> tuple[tuple[Placed, Placed, bool], ...]:
    form = "a mapping like {alias: my-model}"
    if not isinstance(node, Table):
        raise Wrong(node, f"must be {form}, not {_what(node)}")
    found = []
    for name, entry in node.entries.items():
        target, hidden = entry.node, False
        if isinstance(target, Table):
            shown = target.entries.get("hidden")
            hidden = shown is not None and _flag(shown.node, environ)
            model = target.entries.get("model")
            if model is None:
                raise Wrong(target, f"the alias {name[:60]!r} must name a model")
            target = model.node
        placed = Placed(text_of(target, environ, form), target.file, target.line)
        found.append((Placed(name, entry.file, entry.line), placed, hidden))
    return tuple(found)


def _headers(node: Node, environ: Environ) -> Mapping[str, Secret]:
    if not isinstance(node, Table):
        raise Wrong(node, f"must be a mapping of header names to texts, not {_what(node)}")
    found = {}
    for name, entry in node.entries.items():
        value = text_of(entry.node, environ)
        if not _HEADER.match(name):
            raise Wrong(entry.node, f"{name[:60]!r} is no header name")
        if not _HEADER_VALUE.match(value):
            raise Wrong(entry.node, f"the value of {name!r} cannot stand in a header")
        found[name.lower()] = Secret(value)
    return found


def _json(node: Node, environ: Environ) -> Any:
    """Any value, with ``os.environ/NAME`` resolved wherever it stands."""
    if isinstance(node, Table):
        return {name: _json(entry.node, environ) for name, entry in node.entries.items()}
    if isinstance(node, Items):
        return [_json(item, environ) for item in node.items]
    if node.text.startswith(_REFERENCE):
        return text_of(node, environ)
    return plain(node)


def _object(node: Node, environ: Environ) -> dict[str, Any]:
    found = _json(node, environ)
    if not isinstance(found, dict):
        raise Wrong(node, f"must be a mapping, not {_what(node)}")
    return found


def _controls(node: Node, environ: Environ) -> dict[str, Any]:
    try:
        return check_controls(_object(node, environ))
    except ConfigError as error:
        message = str(error).removesuffix("; nothing was sent").removeprefix("routing_config")
        raise Wrong(node, message.lstrip(". ")) from None


def _affinity(node: Node, environ: Environ) -> dict[str, Any]:
    """A strategy, or the whole object of Azure's session affinity."""
    found = _json(node, environ)
    asked = found if isinstance(found, dict) else {"strategy": found}
    try:
        return dict(check_controls({"session_affinity": asked})["session_affinity"])
    except ConfigError as error:
        message = str(error).removesuffix("; nothing was sent")
        raise Wrong(
            node, message.removeprefix("routing_config.session_affinity").lstrip(". ")
        ) from None


def _price(node: Node, environ: Environ) -> int:
    try:
        return parse_price(text_of(node, environ, "a price").replace("_", ""), per=1)
    except MoneyError as error:
        raise Wrong(
            node, f"must be USD for one token, such as 0.00000015: {_said(error, node)}"
        ) from None


def _amount(node: Node, environ: Environ) -> int:
    try:
        return parse_usd(text_of(node, environ, "an amount").replace("_", ""))
    except MoneyError as error:
        raise Wrong(
            node, f"must be an amount in USD, such as 10.50: {_said(error, node)}"
        ) from None


def _fee(node: Node, environ: Environ) -> int | None:
    """USD for a million input tokens; false for none at all, true for the book's."""
    if isinstance(node, Scalar) and node.kind == "bool":
        return None if _flag(node, environ) else 0
    try:
        return parse_price(text_of(node, environ, "a price"))
    except MoneyError as error:
        said = _said(error, node)
        raise Wrong(node, f"must be USD for 1M input tokens, or false: {said}") from None


def _said(error: MoneyError, node: Node) -> str:
    """The error's words, without what a variable holds."""
    hidden = isinstance(node, Scalar) and node.text.startswith(_REFERENCE)
    return f"not {_what(node)}" if hidden or "is not an amount" in str(error) else str(error)


def _discount(node: Node, environ: Environ) -> int:
    form = "a fraction from 0 to 1 in steps of 0.0001 (0.1 is 10 %)"
    found = text_of(node, environ, form)
    points = round(float(found) * 10_000, 6) if _NUMBER.match(found) else -1.0
    if not 0 <= points <= 10_000 or not points.is_integer():
        raise Wrong(node, f"must be {form}, not {_what(node)}")
    return int(points)


def _size(node: Node, environ: Environ) -> int:
    found = _SIZE.match(text_of(node, environ, "a size").strip())
    if found is None or not int(found[1]):
        raise Wrong(node, f"must be a size such as 1048576 or 10MiB, not {_what(node)}")
    return int(found[1]) * _SIZES[found[2].lower()]


def _span(node: Node, environ: Environ) -> float:
    found = _SPAN.match(text_of(node, environ, "a time span").strip())
    if found is None or not int(found[1]):
        raise Wrong(node, f"must be a time span such as 30d, 12h or 45s, not {_what(node)}")
    return float(int(found[1]) * _SPANS[found[2].lower()])


def _window(node: Node, environ: Environ) -> BudgetWindow:
    try:
        return parse_window(text_of(node, environ, "a window such as 30d"))
    except ConfigError as error:
        raise Wrong(node, str(error)) from None


def _zone(node: Node, environ: Environ) -> str:
    found = text_of(node, environ, "a time zone")
    try:
        find_zone(found)
    except ConfigError as error:
        raise Wrong(node, str(error)) from None
    return found


def _scope(node: Node, environ: Environ) -> str:
    found = text_of(node, environ).lower()
    if not is_scope(found):
        raise Wrong(node, f"must be {_SCOPE_FORM}, not {_what(node)}")
    return found


def _verify(node: Node, environ: Environ) -> bool | str:
    """True, False, or the path of a CA file."""
    if isinstance(node, Scalar) and node.kind == "bool":
        return _flag(node, environ)
    found = text_of(node, environ, "true, false or the path of a CA file")
    return {"true": True, "false": False}.get(found.lower(), found)


_SCOPE_FORM = f"one of {', '.join(SCOPES)}, with a region where one matters (regional:eastus2)"
_TEXTS = {"type": "array", "items": {"type": "string"}}

TEXT = _text()
NAME = _text("a name", empty=False)
SCOPE = Kind(_SCOPE_FORM, {"type": "string"}, _scope)
SECRET = Kind("a secret, best as os.environ/NAME", {"type": "string"}, _secret)
FLAG = Kind("true or false", {"type": "boolean"}, _flag)
SECONDS = number(0.001, 31_536_000, "a positive number of seconds")
SECONDS_OR_ZERO = number(0, 31_536_000, "a number of seconds")
WEIGHT = number(0, 1e9, "a number from 0 up")
COUNT = whole(0, 1_000_000_000)
LIMIT = whole(1, 10_000_000_000)
RETRIES = whole(0, 100)
NAMES = Kind("a list of texts", _TEXTS, _names)
PLACED = Kind("a list of model names", _TEXTS, _placed)
FALLBACKS = Kind(
    "a list like [{my-model: [other-model]}]",
    {"type": "array", "items": {"type": "object", "additionalProperties": _TEXTS}},
    _fallbacks,
)
ALIASES = Kind("a mapping like {alias: my-model}", {"type": "object"}, _aliases)
HEADERS = Kind("a mapping of header names to texts", {"type": "object"}, _headers)
ANY = Kind("any value", {}, _json)
OBJECT = Kind("a mapping", {"type": "object"}, _object)
CONTROLS = Kind("Azure's routing_config", {"type": "object"}, _controls)
AFFINITY = Kind(
    "adaptive, sticky or none, or an object with strategy and session_id",
    {"type": ["string", "object"]},
    _affinity,
)
PRICE = Kind(
    "USD for one token, such as 0.00000015", {"type": ["number", "string"], "minimum": 0}, _price
)
AMOUNT = Kind("USD, such as 10.50", {"type": ["number", "string"]}, _amount)
FEE = Kind(
    "USD for 1M input tokens, or false for none", {"type": ["number", "string", "boolean"]}, _fee
)
DISCOUNT = Kind(
    "a fraction from 0 to 1 (0.1 is 10 %)",
    {"type": "number", "minimum": 0, "maximum": 1},
    _discount,
)
SIZE = Kind("bytes, or a size such as 10MiB", {"type": ["integer", "string"]}, _size)
SPAN = Kind("seconds, or a span such as 30d", {"type": ["integer", "string"]}, _span)
ZONE = Kind("a time zone, such as Europe/Berlin", {"type": "string"}, _zone)
WINDOW = Kind("a window such as `daily`, `7d` or `rolling 24h`", {"type": "string"}, _window)
VERIFY = Kind("true, false or the path of a CA file", {"type": ["boolean", "string"]}, _verify)
