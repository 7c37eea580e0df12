"""Text from an upstream, made safe to show: bounded, printable, without anything like a key."""

import re
from typing import Any

LONGEST = 2000
"""Characters of an upstream's message that are kept."""

_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+"
)
_SECRET = re.compile(
    r"\b(?:sk|pk|gsk|xai|fw|nvapi|csk|key)-[A-Za-z0-9_-]{12,}"  # keys with a vendor's prefix
    r"|\bgsk_[A-Za-z0-9]{12,}"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_.-]+"  # JSON web tokens
    r"|(?<=\bBearer )[A-Za-z0-9._~+/=-]{12,}"
    r"|\b[A-Za-z0-9]{84}\b"  # Azure resource keys
)


_DEEPEST = 12


def cleaned(value: Any, depth: int = 0) -> Any:
    """A provider's JSON with every text in it made safe to show."""
    if isinstance(value, str):
        return clean(value)
    if depth >= _DEEPEST:
        return None
    if isinstance(value, dict):
        return {str(name): cleaned(each, depth + 1) for name, each in value.items()}
    if isinstance(value, list):
        return [cleaned(each, depth + 1) for each in value[:1000]]
    return value


def clean(text: str, longest: int = LONGEST) -> str:
    """One printable line of at most ``longest`` characters, keys masked."""
    shown = _UNPRINTABLE.sub(" ", text[: 2 * longest])
    shown = _SECRET.sub("[masked]", shown).strip()
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
