"""Prompts and answers, kept where the configuration asks for it: masked, bounded, off the path.

They are no part of the ledger's promise: a process that is killed loses those of its last second.
"""

import asyncio
import contextlib
import json
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from faregate.core.sse import SseDecoder, SseError
from faregate.errors import FaregateError
from faregate.gateway.masking import masked
from faregate.store.protocol import Content, Store

_log = logging.getLogger("faregate.contents")

SECONDS = 1.0
"""How often what was kept is written."""

MOST_BYTES = 64 * 1024 * 1024
"""What may wait in memory; beyond it contents are dropped, and counted."""

NOT_KEPT = "[not kept: it could not be put together]"

_BATCH = 100
_GROWING = ("content", "refusal", "reasoning_content", "arguments")


class Said(msgspec.Struct):
    """What one call said, as it came and went."""

    call_id: str
    at: float
    prompt: bytes
    answer: bytes
    stream: bool
    masks: tuple[str, ...]


class Contents:
    """Writes contents to the database, in the background."""

    def __init__(self) -> None:
        self._waiting: deque[Said] = deque()
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0

    def add(self, said: Said) -> None:
        """Keep what a call said. Neither blocks nor raises."""
        size = len(said.prompt) + len(said.answer)
        if self._bytes + size > MOST_BYTES:
            self.dropped += 1
            return
        self._bytes += size
        self._waiting.append(said)

    def start(self, store: Store) -> None:
        """Begin to write."""
        self._task = asyncio.get_running_loop().create_task(self._write(store), name="contents")

    async def stop(self, store: Store | None) -> None:
        """Write what waits, where there is a database."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if store is not None:
            try:
                await self._flush(store)
            except Exception as error:  # noqa: BLE001 - the ledger is still to be closed
                _log.warning("prompts and answers are lost: %s", _why(error))

    async def _write(self, store: Store) -> None:
        while True:
            await asyncio.sleep(SECONDS)
            try:
                await self._flush(store)
            except Exception as error:  # noqa: BLE001 - whatever it was, later ones are still kept
                _log.warning("prompts and answers wait: %s", _why(error))

    async def _flush(self, store: Store) -> None:
        while self._waiting:
            batch = [self._waiting[at] for at in range(min(_BATCH, len(self._waiting)))]
            await store.put_contents(await asyncio.to_thread(_ready, batch))
            for each in batch:
                self._waiting.popleft()
                self._bytes -= len(each.prompt) + len(each.answer)


def _why(error: Exception) -> str:
    """What may be said of a failure: one that is not ours may quote what it failed on."""
    return str(error) if isinstance(error, FaregateError) else type(error).__name__


def _ready(batch: Sequence[Said]) -> list[Content]:
    return [
        Content(
            call_id=each.call_id,
            at=each.at,
            prompt=_kept(each.prompt, each.masks),
            answer=_kept(each.answer, each.masks, stream=each.stream),
        )
        for each in batch
    ]


def _kept(said: bytes, masks: Sequence[str], *, stream: bool = False) -> str:
    """What is kept of one text; never what was not masked."""
    try:
        return masked(text_of(said) if stream else said.decode("utf-8", "replace"), masks)
    except Exception as error:  # noqa: BLE001 - one that nobody foresaw must not hold up the others
        _log.warning("a prompt or an answer is not kept: %s", _why(error))
        return NOT_KEPT


def text_of(stream: bytes) -> str:
    """What a stream of chunks said, as the JSON of one answer; the raw text where it is none."""
    decoder = SseDecoder()
    choices: dict[int, dict[str, object]] = {}
    facts: dict[str, object] = {}
    with contextlib.suppress(SseError):  # cut where it was too long
        for event in decoder.feed(stream):
            with contextlib.suppress(ValueError, RecursionError):  # no JSON: it says nothing
                _take(_decoded(event.data), choices, facts)
    if not choices and not facts:
        return stream.decode("utf-8", "replace")
    facts["choices"] = [{"index": index, **choices[index]} for index in sorted(choices)]
    # Halves of a character that came in two chunks are one character once they are read together.
    whole = json.loads(json.dumps(facts))
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


def _decoded(data: bytes) -> object:
    """An event's JSON. Raises ``ValueError`` where it is none, as for ``[DONE]``."""
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        return json.loads(data)  # takes half a character


def _take(chunk: object, choices: dict[int, dict[str, object]], facts: dict[str, object]) -> None:
    if not isinstance(chunk, dict):
        return
    for name in ("id", "model", "usage", "error"):
        if chunk.get(name):
            facts[name] = chunk[name]
    found = chunk.get("choices")
    for choice in found if isinstance(found, list) else ():
        if not isinstance(choice, dict):
            continue
        index = choice.get("index")
        mine = choices.setdefault(index if isinstance(index, int) else 0, {"message": {}})
        if choice.get("finish_reason"):
            mine["finish_reason"] = choice["finish_reason"]
        message, delta = mine["message"], choice.get("delta")
        if isinstance(delta, dict) and isinstance(message, dict):
            _extend(message, delta)


def _extend(whole: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Add a delta: texts grow, lists of numbered things grow by their numbers."""
    for name, value in delta.items():
        if isinstance(value, str) and name in _GROWING:
            whole[name] = str(whole.get(name, "")) + value
        elif isinstance(value, dict):
            inner = whole.setdefault(name, {})
            if isinstance(inner, dict):
                _extend(inner, value)
        elif isinstance(value, list) and all(isinstance(each, dict) for each in value):
            items = whole.setdefault(name, [])
            if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
                continue
            for each in value:
                index = each.get("index")
                at = index if isinstance(index, int) and 0 <= index <= len(items) else len(items)
                if at == len(items):
                    items.append({})
                _extend(items[at], {key: said for key, said in each.items() if key != "index"})
        elif value is not None:
            whole[name] = value
