"""Masks what a configuration wants masked in prompts and answers before they are kept.

Texts come from clients and may be megabytes, and an expression such as ``\\w+[@#]`` takes time that
grows with the square of a text. So matching lets go of the interpreter and has a time limit.
"""

import json
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import regex

MASK = "[redacted]"

NOT_KEPT = "[not kept: looking for what is to be masked took too long]"

SECONDS = 2.0
"""What one text may take; one that takes longer is not kept."""


def masked(text: str, masks: Sequence[str]) -> str:
    """The text without what fits one of the regular expressions.

    In JSON they are held against the texts it stands for, not against their escapes, and then
    against the whole of it.
    """
    if not masks:
        return text
    try:
        return _Masks(masks).applied(text)
    except (TimeoutError, regex.error):
        return NOT_KEPT


@lru_cache(maxsize=256)
def _compiled(mask: str) -> Any:
    return regex.compile(mask)


class _Masks:
    def __init__(self, masks: Sequence[str]) -> None:
        self._masks = [_compiled(each) for each in masks]
        self._until = time.monotonic() + SECONDS

    def applied(self, text: str) -> str:
        return self._plain(self._inside(text))

    def _plain(self, text: str) -> str:
        for mask in self._masks:
            left = self._until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            text = mask.sub(MASK, text, timeout=left, concurrent=True)
        return text

    def _inside(self, text: str) -> str:
        """JSON with its texts masked; what is no JSON, or has nothing to mask, as it is."""
        if text.lstrip()[:1] not in ("{", "["):
            return text
        try:
            found = json.loads(text)
            changed = self._walked(found)
        except (ValueError, RecursionError):
            return text
        if changed == found:
            return text
        return json.dumps(changed, ensure_ascii=False, separators=(",", ":"))

    def _walked(self, node: Any) -> Any:
        if isinstance(node, str):
            return self.applied(node)  # the arguments of a tool are JSON in a text
        if isinstance(node, list):
            return [self._walked(each) for each in node]
        if isinstance(node, dict):
            return {self._plain(name): self._walked(each) for name, each in node.items()}
        return node
