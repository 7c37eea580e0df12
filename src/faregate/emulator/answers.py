"""What an emulated model answers: deterministic text, JSON for a schema, or a tool call. Pure."""

import re
from collections.abc import Mapping
from typing import Any
from zlib import crc32

from msgspec import Struct, json

from faregate.emulator.counting import Counts, reasoning_tokens
from faregate.emulator.pool import Model
from faregate.emulator.prompt import last_question, name_in, wanted_tool, whole_text
from faregate.emulator.schema import instance
from faregate.tokenizer import encoding_for, tokens_of

_ECHO = re.compile(
    r"\b(?:say|repeat|echo|reply with)(?: exactly)?:?\s+(.{1,4000})", re.IGNORECASE | re.DOTALL
)
_SENTENCES = (
    "The short answer depends on what you need it for.",
    "Start from the simplest case and check it against one you know.",
    "Two points matter most: what goes in, and what must come out.",
    "An example makes this clearer than a definition would.",
    "If the result surprises you, look at the assumptions first.",
    "This holds in general, with a few exceptions that are easy to spot.",
    "In practice most people measure it once and write the figure down.",
)


class Choice(Struct, frozen=True, kw_only=True):
    """One choice of an answer. Exactly one of ``content`` and ``tool`` is set."""

    content: str = ""
    tool: str = ""
    arguments: str = ""
    finish: str = "stop"
    pieces: tuple[str, ...] = ()
    """The content (or the arguments) as the deltas of a stream."""


class Answer(Struct, frozen=True, kw_only=True):
    """A model's whole answer and what it is billed for."""

    model: Model
    choices: tuple[Choice, ...]
    usage: dict[str, Any]


def answer(body: Mapping[str, Any], model: Model, counts: Counts) -> Answer:
    """The answer of a model to a chat request; ``counts`` carries the prompt's side of the bill.

    Limits, stop sequences, ``n``, tools and ``response_format`` are honoured.
    """
    messages = body["messages"]
    effort = str(body.get("reasoning_effort") or "")
    thought = reasoning_tokens(model, whole_text(messages), effort)
    limit = _limit(body)
    choices = []
    completion = reasoning = 0
    for index in range(body.get("n") or 1):
        if limit is not None and model.reasoning and not model.reasoning_outside:
            reasoned = min(thought, limit)
            left: int | None = limit - reasoned
        else:
            reasoned, left = thought, limit
        choice, visible = _choice(body, model, index, left)
        choices.append(choice)
        completion += visible + reasoned
        reasoning += reasoned
    billed = Counts(
        prompt=counts.prompt,
        cached=counts.cached,
        cache_write=counts.cache_write,
        completion=completion,
        reasoning=reasoning,
    )
    return Answer(model=model, choices=tuple(choices), usage=billed.body(model))


def fixed(content: str, model: Model, usage: dict[str, Any]) -> Answer:
    """An answer whose text and usage were laid down in advance."""
    pieces, _ = _pieces(content, model.name, None)
    return Answer(model=model, choices=(Choice(content=content, pieces=pieces),), usage=usage)


def _limit(body: Mapping[str, Any]) -> int | None:
    found = body.get("max_completion_tokens") or body.get("max_tokens")
    return None if found is None else int(found)


def _choice(
    body: Mapping[str, Any], model: Model, index: int, limit: int | None
) -> tuple[Choice, int]:
    """A choice, and how many visible tokens it is billed for."""
    function = wanted_tool(body)
    if function is not None:
        return _tool_call(body, function, model, limit)
    text = _text(body, index)
    text = _until_stop(text, body, model)
    pieces, whole = _pieces(text, model.name, limit)
    finish = "stop" if whole else "length"
    content = text if whole else "".join(pieces)
    return Choice(content=content, finish=finish, pieces=pieces), len(pieces)


def _tool_call(
    body: Mapping[str, Any], function: Mapping[str, Any], model: Model, limit: int | None
) -> tuple[Choice, int]:
    word = name_in(last_question(body["messages"]))
    arguments = json.encode(instance(function.get("parameters") or {"type": "object"}, word))
    name = str(function.get("name", ""))
    pieces, whole = _pieces(arguments.decode("utf-8"), model.name, limit)
    # A call that names its function ends in "stop"; only a free or required one says "tool_calls".
    finish = "stop" if isinstance(body.get("tool_choice"), dict) else "tool_calls"
    choice = Choice(
        tool=name,
        arguments="".join(pieces),
        finish=finish if whole else "length",
        pieces=pieces,
    )
    return choice, len(pieces) + len(tokens_of(name, model.name))


def _text(body: Mapping[str, Any], index: int) -> str:
    question = last_question(body["messages"]).strip()
    wanted = body.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    if isinstance(wanted, Mapping) and kind == "json_schema":
        schema = (wanted.get("json_schema") or {}).get("schema") or {"type": "object"}
        return json.encode(instance(schema, name_in(question))).decode("utf-8")
    if kind == "json_object":
        return json.encode({"answer": _sentence(question), "choice": index}).decode("utf-8")
    echo = _ECHO.search(question)
    if echo and not index:
        return echo.group(1).strip().strip("\"'")
    start = crc32(question.encode("utf-8", "surrogatepass")) + index
    extra = [_SENTENCES[(start + step) % len(_SENTENCES)] for step in range(1 + start % 3)]
    return " ".join([_sentence(question), *extra])


def _sentence(question: str) -> str:
    words = question.split()
    about = " ".join(words[:10]) + (" ..." if len(words) > 10 else "")
    return f"You asked: {about[:200]}" if about else "There was no question."


def _until_stop(text: str, body: Mapping[str, Any], model: Model) -> str:
    stops = body.get("stop")
    if model.name.startswith("o4") or not stops:  # o-series models know no stop sequences
        return text
    for stop in [stops] if isinstance(stops, str) else stops:
        if isinstance(stop, str) and stop:
            text = text.partition(stop)[0]
    return text


def _pieces(text: str, model: str, limit: int | None) -> tuple[tuple[str, ...], bool]:
    """A text as one piece a token, and whether all of it fits the limit.

    A character of several tokens comes whole with its last one, the others being empty; a limit
    that cuts through one leaves it out.
    """
    tokens = tokens_of(text, model)
    whole = limit is None or len(tokens) <= limit
    encoding = encoding_for(model)
    pieces, pending = [], b""
    for token in tokens if whole else tokens[:limit]:
        pending += encoding.decode_single_token_bytes(token)
        try:
            piece = pending.decode("utf-8")
        except UnicodeDecodeError:
            pieces.append("")
        else:
            pieces.append(piece)
            pending = b""
    return tuple(pieces), whole
