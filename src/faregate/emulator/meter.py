"""The emulator's own meter: what it served and billed, to compare a ledger with."""

from collections import deque
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, structs

_LAST = 1000


class Sums(Struct, kw_only=True):
    """Tokens by disjoint unit; reasoning is a shown part of output."""

    calls: int = 0
    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0


class Metered(Struct, kw_only=True):
    """One answer that was billed."""

    id: str
    deployment: str
    served: str
    stream: bool
    usage: Mapping[str, Any]
    fault: str = ""
    completed: bool = False
    """Whether the answer was written to its end; a client that left is billed all the same."""


class Meter:
    """Counts every answer a model gave, the moment it starts to be written."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], Sums] = {}
        self._last: deque[Metered] = deque(maxlen=_LAST)

    def clear(self) -> None:
        """Set everything to zero."""
        self._sums.clear()
        self._last.clear()

    def bill(self, call: Metered) -> Metered:
        """Count one answer; the same object is to be marked completed later."""
        sums = self._sums.setdefault((call.deployment, call.served), Sums())
        for unit, amount in units(call.usage).items():
            setattr(sums, unit, getattr(sums, unit) + amount)
        sums.calls += 1
        self._last.append(call)
        return call

    def read(self) -> dict[str, Any]:
        """Totals, sums by deployment and served model, and the last thousand calls."""
        rows = [
            {"deployment": deployment, "served": served, **structs.asdict(sums)}
            for (deployment, served), sums in sorted(self._sums.items())
        ]
        total = {name: sum(row[name] for row in rows) for name in Sums.__struct_fields__}
        return {"total": total, "rows": rows, "last": [structs.asdict(c) for c in self._last]}


def units(usage: Mapping[str, Any]) -> dict[str, int]:
    """Disjoint units of a ``usage`` body; reasoning left outside completion is output."""
    prompt, completion = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
    details = usage.get("prompt_tokens_details") or {}
    read, written = details.get("cached_tokens") or 0, details.get("cache_write_tokens") or 0
    outside = max(0, usage.get("total_tokens", 0) - prompt - completion)
    reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    return {
        "input": prompt - read - written,
        "cache_read": read,
        "cache_write": written,
        "output": completion + outside,
        "reasoning": reasoning,
    }
