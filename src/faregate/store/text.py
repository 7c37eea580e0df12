"""Text and numbers from outside, made fit for a column. Pure.

Names of models, users and sessions come from clients and providers. A database that refuses one of
them would hold up every row behind it, so they are mended here: what cannot be stored is replaced,
what is too long for an index is cut.
"""

import re
from functools import lru_cache
from typing import Any

import msgspec

MOST_TEXT = 256
"""Characters of a text column that is indexed. The receipt keeps names in full."""

MOST_CONTENT = 262_144
"""Characters of a prompt, and of an answer, that are kept."""

_UNFIT = re.compile("[\x00\ud800-\udfff]")
_encode = msgspec.json.Encoder().encode
_LAST_INSTANT = 253_402_300_799
_MOST_INTEGER = 2**63 - 1


def clean(text: str) -> str:
    """The text as a column holds it. Cleaning twice changes nothing."""
    if not text:
        return text
    if len(text) > MOST_TEXT:
        text = text[:MOST_TEXT]
    if text.isascii() and "\x00" not in text:
        return text
    return _UNFIT.sub("\ufffd", text)


def cut(text: str, most: int = MOST_CONTENT) -> str:
    """A prompt or an answer as it is kept: what is longer ends with a mark that says so."""
    if len(text) > most:
        mark = f" … [cut: {len(text):,} characters in all]"
        text = text[: max(most - len(mark), 0)] + mark
    if text.isascii() and "\x00" not in text:
        return text
    return _UNFIT.sub("\ufffd", text)


name = lru_cache(maxsize=16_384)(clean)
"""The same, for names that recur: of keys, models, deployments."""


def as_json(value: object) -> str:
    """JSON text, with what is no Unicode text replaced."""
    try:
        return _encode(value).decode()
    except UnicodeEncodeError:
        return _encode(_mended(msgspec.to_builtins(value))).decode()


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return _UNFIT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_mended(name): _mended(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(each) for each in value]
    return value


def microseconds(seconds: float) -> int:
    """Unix seconds as a whole number of microseconds; instants no calendar has become its ends."""
    if 0 < seconds < _LAST_INSTANT:
        return round(seconds * 1_000_000)
    return _LAST_INSTANT * 1_000_000 if seconds > 0 else 0


def seconds(micros: int) -> float:
    """Unix seconds of a column."""
    return micros / 1_000_000


def integer(value: int) -> int:
    """The number within 64 bits."""
    if -_MOST_INTEGER <= value <= _MOST_INTEGER:
        return value
    return _MOST_INTEGER if value > 0 else -_MOST_INTEGER
