"""What a chat request must look like; everything else is a 400 in OpenAI's form. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from faregate.emulator import refusals
from faregate.emulator.pool import Model
from faregate.emulator.refusals import Refused

_MOST_CHOICES = 128


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


_SHAPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "stream": ("true or false", lambda value: isinstance(value, bool)),
    "stream_options": ("an object", lambda value: isinstance(value, dict)),
    "n": (
        f"an integer from 1 to {_MOST_CHOICES}",
        lambda value: _whole(value) and 1 <= value <= _MOST_CHOICES,
    ),
    "max_tokens": ("an integer of at least 1", lambda value: _whole(value) and value >= 1),
    "max_completion_tokens": (
        "an integer of at least 1",
        lambda value: _whole(value) and value >= 1,
    ),
    "stop": ("a text or a list of texts", lambda value: isinstance(value, str) or _texts(value)),
    "tools": ("a list of tools", _objects),
    "tool_choice": ("a text or an object", lambda value: isinstance(value, str | dict)),
    "response_format": ("an object", lambda value: isinstance(value, dict)),
    "reasoning_effort": ("a text", lambda value: isinstance(value, str)),
    "service_tier": ("a text", lambda value: isinstance(value, str)),
}
"""Parameters with a shape of their own; null is as good as absent for each."""


def check(body: Mapping[str, Any]) -> None:
    """Check a request's shape. Raises :class:`Refused` (400) that names the parameter."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refused(refusals.invalid("'messages' must be a list that is not empty.", "messages"))
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            where = f"messages[{index}]"
            raise Refused(refusals.invalid(f"'{where}' must be a message with a role.", where))
    for name, (expected, fits) in _SHAPES.items():
        value = body.get(name)
        if value is not None and not fits(value):
            message = f"Invalid type for '{name}': expected {expected}."
            raise Refused(refusals.invalid(message, name, "invalid_type"))
    if body.get("stream_options") and not body.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise Refused(refusals.invalid(message, "stream_options"))


def check_for(model: Model, body: Mapping[str, Any]) -> None:
    """What a direct deployment of a reasoning model refuses; a router drops it instead."""
    if not model.refuses_max_tokens:
        return
    if body.get("max_tokens") is not None:
        raise Refused(refusals.unsupported("max_tokens"))
    if body.get("temperature") not in (None, 1):
        message = (
            f"Unsupported value: 'temperature' does not support {body['temperature']} with this "
            "model. Only the default (1) value is supported."
        )
        raise Refused(refusals.invalid(message, "temperature", "unsupported_value"))
