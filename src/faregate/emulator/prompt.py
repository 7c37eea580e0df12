"""What a chat request says: its text, its images, and whether it asks for a tool. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_WORD = re.compile(r"[A-Za-z]{3,}")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w'-]+(?: [A-Z][\w'-]+)*")
_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "the and for with from that this what which who how are was you your get use tool call an "
        "function returns return given about into please can",
    )
)


def parts_of(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The content parts of a message; a plain text is one text part."""
    content = message.get("content")
    if isinstance(content, str):
        yield {"type": "text", "text": content}
    elif isinstance(content, list):
        yield from (part for part in content if isinstance(part, Mapping))


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message, its parts joined."""
    texts = [part.get("text") for part in parts_of(message)]
    return "\n".join(text for text in texts if isinstance(text, str))


def whole_text(messages: list[Mapping[str, Any]]) -> str:
    """The text of every message, which is what the router looks at."""
    return "\n".join(text_of(message) for message in messages)


def last_question(messages: list[Mapping[str, Any]]) -> str:
    """The text of the last message from the user; empty when there is none."""
    for message in reversed(messages):
        if message.get("role") == "user":
            return text_of(message)
    return ""


def has_images(messages: list[Mapping[str, Any]]) -> bool:
    """Whether any message shows an image."""
    return any(part.get("type") == "image_url" for m in messages for part in parts_of(m))


def name_in(text: str) -> str:
    """The last name in a sentence (``Paris`` in "weather in Paris?"); ``text`` without one."""
    names: list[str] = _NAME.findall(text)
    return names[-1] if names else "text"


def wanted_tool(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The function to call for a request: the one forced, or the one its question asks for.

    A question asks for a tool when it shares a word with the tool's name or description. After a
    tool's result the answer is text, unless a call is forced.
    """
    functions = [
        tool["function"]
        for tool in body.get("tools") or ()
        if isinstance(tool, dict) and isinstance(tool.get("function"), dict)
    ]
    choice = body.get("tool_choice", "auto")
    if not functions or choice == "none":
        return None
    if isinstance(choice, dict):
        name = (choice.get("function") or {}).get("name")
        return next((one for one in functions if one.get("name") == name), None)
    messages = body["messages"]
    if choice != "required" and messages[-1].get("role") != "user":
        return None
    asked = _words(last_question(messages))
    best = max(functions, key=lambda one: _shared(one, asked))
    return best if choice == "required" or _shared(best, asked) else None


def _words(text: str) -> frozenset[str]:
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", text[:20_000])
    return frozenset(word.lower() for word in _WORD.findall(spaced)) - _STOP_WORDS


def _shared(function: Mapping[str, Any], asked: frozenset[str]) -> int:
    named = _words(str(function.get("name", "")).replace("_", " "))
    described = _words(str(function.get("description") or ""))
    return 3 * len(named & asked) + len(described & asked)
