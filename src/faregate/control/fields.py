"""The fields of changes, read and checked: amounts, windows, instants, names, tags, metadata."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from faregate.control.errors import FieldError, about
from faregate.core.budget import MOST
from faregate.core.keys import check_name
from faregate.core.windows import BudgetWindow, parse_window
from faregate.core.zones import find_zone
from faregate.money import Usd, parse_usd

_SPAN = re.compile(r"([0-9]{1,9})\s*(s|sec|m|min|h|d|w|mo|y)\Z", re.IGNORECASE)
_SPANS = {
    "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800,
    "mo": 2_592_000, "y": 31_536_000,
}  # fmt: skip
_LATEST = 253_402_300_799.0  # the end of the year 9999
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\Z")
_LONGEST_EMAIL = 254
_MOST_TAGS, _LONGEST_TAG = 50, 100
_MOST_MODELS, _LONGEST_MODEL = 500, 256
_MOST_METADATA = 16 * 1024


def amount(field: str, value: str | int) -> Usd:
    """Pico-dollars of ``"$10"``, ``10`` or ``"10.50"``. Raises :class:`FieldError`."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise FieldError(field, 'an amount is written as text in USD, such as "10.50"')
    with about(field):
        found = parse_usd(str(value))
    if found < 0:
        raise FieldError(field, f"{value!r} is negative; 0 refuses every call that costs")
    if found > MOST:
        raise FieldError(field, "is more than a trillion dollars; leave it out for no limit")
    return found


def window(field: str, text: str) -> BudgetWindow:
    """A window. Raises :class:`FieldError`."""
    with about(field):
        return parse_window(text)


def zone(field: str, name: str) -> str:
    """The name of a time zone there is. Raises :class:`FieldError`."""
    with about(field):
        find_zone(name)
    return name


def span(field: str, value: str | float) -> float:
    """Seconds of ``"30d"``, ``"24h"``, ``90`` or ``"90"``. Raises :class:`FieldError`."""
    if isinstance(value, str):
        text = value.strip()
        if text.isascii() and text.isdigit() and len(text) <= 12:
            return float(text)
        found = _SPAN.match(text)
        if found is None:
            raise FieldError(
                field, f"{value[:40]!r} is no span of time; write it like 45s, 12h, 30d"
            )
        return float(int(found[1]) * _SPANS[found[2].lower()])
    if isinstance(value, bool) or not math.isfinite(value) or value < 0:
        raise FieldError(field, f"{value!r} is no number of seconds from 0 up")
    return float(value)


def expiry(field: str, value: str | float | None, now: float) -> float | None:
    """When something ends: a span from now on (``"30d"``), an instant in ISO 8601, Unix seconds.

    None is never. Raises :class:`FieldError` for an instant that is not to come.
    """
    if value is None:
        return None
    if isinstance(value, str) and not _SPAN.match(value.strip()):
        at = instant(field, value)
    elif isinstance(value, str):
        at = now + span(field, value)
    else:
        at = span(field, value)
    if not now < at <= _LATEST:
        said = datetime.fromtimestamp(at, UTC).isoformat() if at <= _LATEST else "that"
        raise FieldError(
            field, f"{said} is not to come; give a span such as 30d, or a later instant"
        )
    return at


def instant(field: str, text: str) -> float:
    """Unix seconds of an ISO 8601 date or instant, UTC where it says no offset."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise FieldError(
            field, f"{text[:40]!r} is no instant; write 2026-12-31 or 2026-12-31T12:00:00Z"
        ) from None


def name(field: str, text: str) -> str:
    """A name for people. Raises :class:`FieldError`."""
    with about(field):
        check_name("a name", text)
    return text.strip()


def email(field: str, text: str) -> str:
    """An address for people; empty for none. Whether mail arrives there is not asked. Raises
    :class:`FieldError`."""
    found = text.strip()
    if found and (
        len(found) > _LONGEST_EMAIL or not found.isprintable() or not _EMAIL.match(found)
    ):
        raise FieldError(field, f"{text[:80]!r} is no e-mail address, such as ada@example.com")
    return found


def texts(field: str, values: Iterable[str]) -> tuple[str, ...]:
    """Tags, each once. Raises :class:`FieldError`."""
    found = tuple(dict.fromkeys(each.strip() for each in values))
    if len(found) > _MOST_TAGS:
        raise FieldError(field, f"{len(found)} are too many; {_MOST_TAGS} are the most")
    for each in found:
        if not each or len(each) > _LONGEST_TAG or not each.isprintable() or "," in each:
            raise FieldError(
                field,
                f"{each[:40]!r}: a tag has 1 to {_LONGEST_TAG} printable characters and no comma",
            )
    return found


def patterns(field: str, values: Iterable[str]) -> tuple[str, ...]:
    """Names of models, each once; whether they are known is asked elsewhere."""
    found = tuple(dict.fromkeys(values))
    if len(found) > _MOST_MODELS:
        raise FieldError(field, f"{len(found)} are too many; {_MOST_MODELS} are the most")
    for each in found:
        if not each or len(each) > _LONGEST_MODEL or not each.isprintable():
            raise FieldError(field, f"{each[:40]!r} is no name of a model")
    return found


def metadata(field: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Anything that is a JSON object, up to 16 KiB. Raises :class:`FieldError`."""
    try:
        text = json.dumps(value, allow_nan=False)
        text.encode()
        found: dict[str, Any] = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        raise FieldError(field, "must be a JSON object") from None
    if len(text) > _MOST_METADATA:
        raise FieldError(
            field, f"{len(text):,} bytes are too many; {_MOST_METADATA:,} are the most"
        )
    return found
