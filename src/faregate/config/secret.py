"""A text that must not be shown."""

import hmac


class Secret:
    """A secret whose repr, str and format show nothing of it; :meth:`reveal` is the only way in.

    Secrets compare equal in constant time, hash by what they hold, and cannot be pickled.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. For the place that sends or compares it, and no other."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other.reveal().encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(…)" if self._text else "Secret()"

    def __str__(self) -> str:
        return "…" if self._text else ""

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled: that would write it down")
