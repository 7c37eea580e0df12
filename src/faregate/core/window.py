"""Counting over the last minute, in constant memory."""

SPAN = 60.0
"""Seconds a count looks back."""

_SLOTS = 12
_WIDTH = SPAN / _SLOTS


class Window:
    """How much happened in the last :data:`SPAN` seconds.

    Counts are kept in slots of five seconds, and a slot counts until all of it is a minute old. So
    :meth:`used` never says too little: a limit kept with it holds for any minute, at the price of
    up to one slot of patience. Time must not run backwards by more than a slot.
    """

    __slots__ = ("_amounts", "_index", "_total")

    def __init__(self) -> None:
        self._amounts = [0] * (_SLOTS + 1)
        self._index = 0
        self._total = 0

    def add(self, now: float, amount: int = 1) -> None:
        """Count ``amount`` at ``now``. A negative amount corrects an earlier estimate."""
        self._turn(now)
        self._amounts[self._index % (_SLOTS + 1)] += amount
        self._total += amount

    def used(self, now: float) -> int:
        """The amount in the last minute, never negative."""
        self._turn(now)
        return max(0, self._total)

    def free_at(self, now: float, most: int) -> float:
        """The first instant, not before ``now``, at which no more than ``most`` is used."""
        self._turn(now)
        left = self._total
        if left <= most:
            return now
        for index in range(self._index - _SLOTS, self._index + 1):
            left -= self._amounts[index % (_SLOTS + 1)]
            if left <= most:
                return max(now, (index + _SLOTS + 1) * _WIDTH)
        return now + SPAN + _WIDTH

    def _turn(self, now: float) -> None:
        """Forget the slots that are a minute old."""
        index = int(now / _WIDTH)
        passed = index - self._index
        if passed <= 0:
            return
        if passed > _SLOTS:
            self._amounts = [0] * (_SLOTS + 1)
            self._total = 0
        else:
            for old in range(self._index + 1, index + 1):
                slot = old % (_SLOTS + 1)
                self._total -= self._amounts[slot]
                self._amounts[slot] = 0
        self._index = index
