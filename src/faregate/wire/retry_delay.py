"""How long an upstream asks to wait, from its headers or its words."""

import math
import re
from collections.abc import Mapping

_DIGITS = r"\d{1,18}(?:\.\d{1,18})?"
_NUMBER = re.compile(rf"{_DIGITS}\Z", re.ASCII)
_DURATION = re.compile(
    rf"(?:(?P<h>{_DIGITS})h)?(?:(?P<m>{_DIGITS})m(?!s))?"
    rf"(?:(?P<s>{_DIGITS})s)?(?:(?P<ms>{_DIGITS})ms)?\Z",
    re.ASCII,
)
_WORDS = re.compile(
    rf"(?:retry|try again)\s+(?:after|in)\s+(?:(?P<short>(?:{_DIGITS}(?:ms|[hms])){{1,4}})(?!\w)"
    rf"|(?P<amount>{_DIGITS})(?:\s*(?P<unit>milliseconds?|seconds?|minutes?|hours?)\b|(?!\.?\w)))",
    re.ASCII | re.IGNORECASE,
)
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_RESETS = ("x-ratelimit-reset-", "x-rate-limit-reset-")
_LIMITED = ("requests", "tokens")


def retry_delay(
    headers: Mapping[str, str], message: str, cap: float = 60.0, now: float | None = None
) -> float | None:
    """Seconds to wait before a retry, at most ``cap``; None when the upstream does not say.

    Looked at in this order: ``retry-after-ms``, ``retry-after`` (seconds, or an HTTP date when
    ``now`` is given), ``x-ratelimit-reset-*``, ``x-rate-limit-reset-*``, then the message.
    Values that are no positive, finite number are as good as absent.
    """
    found = {name.lower(): value.strip() for name, value in headers.items()}
    milliseconds = _seconds(found.get("retry-after-ms", ""))
    candidates = (
        milliseconds / 1000 if milliseconds else None,
        _retry_after(found.get("retry-after", ""), now),
        *(_reset(found, prefix) for prefix in _RESETS),
        _in_words(message),
    )
    return next((min(seconds, cap) for seconds in candidates if seconds), None)


def _seconds(text: str) -> float | None:
    """Positive seconds of ``55``, ``1.5``, ``20ms``, ``6m0s`` …; None for anything else."""
    if _NUMBER.match(text):
        return float(text) or None
    matched = _DURATION.match(text) if text else None
    if matched is None:
        return None
    total = sum(float(matched[unit] or 0) * worth for unit, worth in _SECONDS.items())
    return total if total > 0 and math.isfinite(total) else None


def _retry_after(text: str, now: float | None) -> float | None:
    seconds = _seconds(text)
    if seconds is not None or now is None or "," not in text or len(text) > 64:
        return seconds
    from email.utils import parsedate_to_datetime

    try:
        delay = parsedate_to_datetime(text).timestamp() - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return delay if delay > 0 else None


def _reset(found: Mapping[str, str], prefix: str) -> float | None:
    """The reset of the limit that is used up; of both, when neither says so, the later one."""
    resets = {what: _seconds(found.get(f"{prefix}{what}", "")) for what in _LIMITED}
    remaining = prefix.replace("reset", "remaining")
    spent = [
        seconds
        for what, seconds in resets.items()
        if seconds and found.get(f"{remaining}{what}", "").lstrip("-") == "0"
    ]
    return max(spent or [seconds for seconds in resets.values() if seconds], default=None)


def _in_words(message: str) -> float | None:
    matched = _WORDS.search(message[:4000])
    if matched is None:
        return None
    if matched["short"]:
        return _seconds(matched["short"].lower())
    unit = (matched["unit"] or "second").lower()
    worth = _SECONDS["ms" if unit.startswith("milli") else unit[0]]
    return float(matched["amount"]) * worth or None
