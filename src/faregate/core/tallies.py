"""What one account has used, window by window: the arithmetic under :mod:`faregate.core.holds`."""

from typing import Protocol

from faregate.core.budget import Account
from faregate.core.windows import Bounds, bounds, slotting

_KEPT = 8
"""Calendar windows remembered, for calls that end late and for clocks that are set back."""


class Tally(Protocol):
    """The used amount (spent and held) of an account and the held part of it, in this window."""

    account: Account
    used: int
    held: int

    @property
    def slot(self) -> float:
        """Where an admission of now is charged."""

    def turn(self, now: float) -> None:
        """Go to the window that ``now`` lies in."""

    def slot_of(self, at: float) -> float:
        """Where an admission of ``at`` is charged."""

    def put(self, slot: float, used: int, held: int) -> None:
        """Add to a slot; a slot long gone is left alone, as nothing looks at it any more."""

    def resets_at(self) -> float | None:
        """When this window ends, or when all that is used now has slid out of it."""

    def free_at(self, amount: int) -> float | None:
        """When ``amount`` fits if nothing else happens; None where waiting does not help."""


def tally_of(account: Account) -> Tally:
    """An empty tally of the kind the account's window needs."""
    return RollingTally(account) if account.window.rolling else CalendarTally(account)


class CalendarTally:
    """Windows that start at a boundary of the calendar. A slot is the start of its window."""

    __slots__ = ("_bounds", "_others", "account", "held", "used")

    def __init__(self, account: Account) -> None:
        self.account = account
        self.used = 0
        self.held = 0
        self._bounds = Bounds(-1.0, -1.0)
        self._others: dict[float, tuple[int, int]] = {}

    @property
    def slot(self) -> float:
        return self._bounds.start

    def turn(self, now: float) -> None:
        start, end = self._bounds
        if now >= start and (end is None or now < end):
            return
        if end is None or end > start:
            self._others[start] = (self.used, self.held)
            if len(self._others) > _KEPT:
                del self._others[min(self._others)]
        self._bounds = bounds(self.account.window, now, self.account.zone)
        self.used, self.held = self._others.pop(self.slot, (0, 0))

    def slot_of(self, at: float) -> float:
        return bounds(self.account.window, at, self.account.zone).start

    def put(self, slot: float, used: int, held: int) -> None:
        if slot == self.slot:
            self.used += used
            self.held += held
        elif slot in self._others:
            before = self._others[slot]
            self._others[slot] = (before[0] + used, before[1] + held)
        elif used > 0 and len(self._others) < _KEPT:
            self._others[slot] = (used, held)

    def resets_at(self) -> float | None:
        return self._bounds.end

    def free_at(self, amount: int) -> float | None:
        return self._bounds.end if amount <= self.account.limit else None


class RollingTally:
    """A window that looks back from now, in slots. A slot is its number since 1970.

    A small step back in time finds the window where it was; a large one has it summed up again
    from the slots around the new now, of which it keeps more than a window's worth.
    """

    __slots__ = ("_back", "_head", "_newest", "_slots", "_width", "account", "held", "used")

    def __init__(self, account: Account) -> None:
        self.account = account
        self.used = 0
        self.held = 0
        self._width, self._back = slotting(account.window)
        self._head = -1
        self._newest = -1
        self._slots: dict[int, tuple[int, int]] = {}

    @property
    def slot(self) -> float:
        return self._head

    def turn(self, now: float) -> None:
        index = int(now * 1000) // self._width
        head = self._head
        if index == head or head - self._back <= index < head:
            return
        self._head = index
        if index < head or index - head > self._back:
            self._sum()
            return
        for old in range(head - self._back, index - self._back):
            used, held = self._slots.get(old, (0, 0))
            self.used -= used
            self.held -= held
        self._prune()

    def slot_of(self, at: float) -> float:
        return slotting(self.account.window).slot(at)

    def put(self, slot: float, used: int, held: int) -> None:
        index = int(slot)
        before = self._slots.get(index, (0, 0))
        self._slots[index] = (before[0] + used, before[1] + held)
        self._newest = max(self._newest, index)
        if self._head - self._back <= index <= self._head + self._back:
            self.used += used
            self.held += held

    def resets_at(self) -> float | None:
        if not self.used:
            return self._head * self._width / 1000
        return self._leaves(min(self._newest, self._head + self._back))

    def free_at(self, amount: int) -> float | None:
        room = self.account.limit - amount
        left = self.used
        if room < 0:
            return None
        for slot in sorted(self._slots):
            if slot >= self._head - self._back:
                left -= self._slots[slot][0]
                if left <= room:
                    return self._leaves(slot)
        return None

    def _leaves(self, slot: int) -> float:
        return (slot + self._back + 1) * self._width / 1000

    def _sum(self) -> None:
        near = range(self._head - self._back, self._head + self._back + 1)
        kept = [self._slots[slot] for slot in self._slots if slot in near]
        self.used = sum(used for used, _ in kept)
        self.held = sum(held for _, held in kept)
        self._prune()

    def _prune(self) -> None:
        if len(self._slots) > 4 * (self._back + 1):
            for slot in sorted(self._slots)[: len(self._slots) - 2 * (self._back + 1)]:
                if slot < self._head - self._back:
                    del self._slots[slot]
