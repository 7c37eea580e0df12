"""Names that come from outside, as labels of metrics: a bounded number of them."""

from typing import Final

OTHER: Final = "other"
NONE: Final = "none"

_NAME_LENGTH = 128


class Bounded(dict[str, str]):
    """``bounded[name]`` is the name for the first ``room`` names and "other" for the rest.

    An empty name is "none". A name over 128 characters is "other" and takes no room.
    """

    def __init__(self, room: int) -> None:
        super().__init__({"": NONE})
        self._room = room

    def __missing__(self, name: str) -> str:
        if self._room <= 0 or len(name) > _NAME_LENGTH:
            return OTHER
        self._room -= 1
        self[name] = name
        return name
