"""A body's JSON with its numbers as they were written, so that no amount goes through a float."""

import json
from typing import Any, Self

from fastapi import Request

_DEEPEST = 32


class ExactFloat(float):
    """A number with a fraction or an exponent, and its text."""

    text: str

    def __new__(cls, text: str) -> Self:
        """The nearest float; ``text`` keeps all digits."""
        made = super().__new__(cls, text)
        made.text = text
        return made


class ExactRequest(Request):
    """A request whose JSON body is read exactly."""

    async def json(self) -> Any:
        """The body. Raises ``json.JSONDecodeError`` for what is no JSON."""
        if not hasattr(self, "_json"):
            self._json = loads((await self.body()).decode("utf-8", "replace"))
        return self._json


def loads(text: str) -> Any:
    """JSON to Python. Raises ``json.JSONDecodeError``; NaN and endless nesting are no JSON."""

    def refuse(word: str) -> Any:
        raise json.JSONDecodeError(f"{word} is no number in JSON", text, text.find(word))

    if _depth(text) > _DEEPEST:
        raise json.JSONDecodeError(f"it is nested more than {_DEEPEST} deep", text, 0)
    try:
        return json.loads(text, parse_float=ExactFloat, parse_constant=refuse)
    except json.JSONDecodeError:
        raise
    except ValueError:  # a number of thousands of digits
        raise json.JSONDecodeError("a number is too long", text, 0) from None


def _depth(text: str) -> int:
    """How deep brackets nest, those in texts included: a bound, quickly found."""
    deepest = depth = 0
    for each in text:
        if each in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif each in "]}":
            depth -= 1
    return deepest
