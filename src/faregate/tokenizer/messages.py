"""The tokens of a chat: OpenAI's published convention for messages, tools counted as JSON."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from faregate.tokenizer.encodings import count_text

PER_MESSAGE = 3
PER_NAME = 1
REPLY_PRIMING = 3

IMAGE_LOW = 85
IMAGE_HIGH = 765
"""An image at low detail is 85 tokens. At high detail its size decides, which a count without
fetching it cannot know: 765 is that of 1024 x 1024 pixels (85 and four tiles of 170)."""


def count_messages(
    messages: Iterable[Mapping[str, Any]],
    model: str = "",
    tools: Iterable[Mapping[str, Any]] | None = None,
) -> int:
    """Prompt tokens of a chat: 3 a message, 1 for a name, 3 to prime the answer.

    Text parts of a list content are counted, images by a fixed estimate (85 at low detail, 765
    otherwise), other parts by nothing. Tool definitions and tool calls are counted from their
    JSON, an estimate close to what is billed.
    """
    total = REPLY_PRIMING + sum(_message(message, model) for message in messages)
    if isinstance(tools, list | tuple):
        total += sum(_json(tool, model) for tool in tools)
    elif tools:
        total += _json(tools, model)
    return total


def _message(message: Any, model: str) -> int:
    total = PER_MESSAGE
    if not isinstance(message, Mapping):  # what a provider accepts is not ours to judge
        return total + _json(message, model)
    for key, value in message.items():
        if key == "content":
            total += _content(value, model)
        elif isinstance(value, str):
            total += count_text(value, model) + (PER_NAME if key == "name" else 0)
        elif value is not None:
            total += _json(value, model)
    return total


def _content(content: Any, model: str) -> int:
    if isinstance(content, str):
        return count_text(content, model)
    if not isinstance(content, list):
        return 0
    return sum(_part(part, model) for part in content)


def _part(part: Any, model: str) -> int:
    if isinstance(part, str):
        return count_text(part, model)
    if not isinstance(part, Mapping):
        return 0
    if part.get("type") == "image_url":
        image = part.get("image_url")
        detail = image.get("detail") if isinstance(image, Mapping) else None
        return IMAGE_LOW if detail == "low" else IMAGE_HIGH
    text = part.get("text") or part.get("refusal")
    return count_text(text, model) if isinstance(text, str) else 0


def _json(value: Any, model: str) -> int:
    return count_text(json.dumps(value, ensure_ascii=False, default=str), model)
