"""Counting tokens where the provider did not, without holding the event loop up."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from msgspec import Raw

from faregate.tokenizer.estimate import estimate_usage
from faregate.types import Usage
from faregate.wire import splice
from faregate.wire.openai_chat import Reading, WireError

_log = logging.getLogger("faregate")

_COUNTED = ("messages", "input", "tools", "model")


async def count(members: Mapping[str, Raw], reading: Reading) -> Usage:
    """Tokens of the request and of the text in ``reading``, as an estimate.

    Done in a thread: a long prompt takes a tokenizer tens of milliseconds, and its vocabulary takes
    a few hundred to load the first time.
    """
    return await asyncio.to_thread(_count, members, reading)


def _count(members: Mapping[str, Raw], reading: Reading) -> Usage:
    body: dict[str, Any] = {}
    for name in _COUNTED:
        if name in members:
            try:
                body[name] = splice.value_of(dict(members), name)
            except WireError:
                continue
    try:
        return estimate_usage(body, reading)
    except Exception as error:  # noqa: BLE001 - a count must never cost the call its row
        _log.warning("tokens are guessed from bytes: %s", type(error).__name__)
        sent = sum(len(bytes(members[name])) for name in _COUNTED if name in members)
        got = len("".join(reading.text).encode("utf-8", "replace"))
        return Usage(input=sent // 4, output=got // 4, estimated=True)
