"""Rows the store can never hold, kept for a person to look at."""

import json
import os
from pathlib import Path

import msgspec

from faregate.types import Row


class Aside:
    """Appends rows to ``refused/rows.jsonl`` beside the journals, one JSON object a line."""

    def __init__(self, root: Path) -> None:
        """Creates nothing before the first row."""
        self.path = root / "refused" / "rows.jsonl"

    def __call__(self, row: Row, reason: str) -> None:
        """Keep a row and why it was refused. Raises :class:`OSError` when the disk will not."""
        # The standard library's JSON writes what others refuse: half surrogates, large numbers.
        content = json.dumps({"reason": reason, "row": msgspec.to_builtins(row)}).encode() + b"\n"
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            if os.write(handle, content) != len(content):
                raise OSError(28, "no room for a refused row")
            os.fsync(handle)
        finally:
            os.close(handle)
