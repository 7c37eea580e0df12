"""Sums as single numbers, so that a line of a roll-up is added at once and not number by number.

A line has a dozen numbers. Each has 128 bits of one long integer to itself, so that no sum runs
into its neighbour: a column has 63 bits, money 83, and there are never 2**40 lines. What is mostly
zero is at the far end, where it takes no room. Pure.
"""

from collections.abc import Collection, Iterable, Sequence
from heapq import nlargest
from itertools import chain
from struct import Struct, error
from typing import NamedTuple

from faregate.money import Usd
from faregate.store.protocol import SpendLine
from faregate.store.rollup import MONEY, TOKENS

MICRO = 10**6
"""Pico-dollars in a micro-dollar: the roll-ups keep the two apart."""

_BITS = 128
_HALF = 1 << (_BITS - 1)
_ALL = (1 << _BITS) - 1
_MANY = 10
_UPPER = _ALL - (1 << 64) + 1
_MONEY_COLUMNS = tuple(f"{name}_{part}" for name in MONEY for part in ("micro", "rest"))
_FIRST = ("calls", "priced")
_LAST = ("failed", "estimated", "unpriced", "inconsistent", "unsettled")


class Layout:
    """Which measures a number holds, and where."""

    def __init__(self, units: Collection[str]) -> None:
        """``units``: those that ever occurred; the others are nowhere but zero."""
        self.units = tuple(unit for unit in TOKENS if unit in units)
        counts = (*_FIRST, *self.units, *_LAST)
        self.columns = (*_MONEY_COLUMNS, *counts)
        """Of a roll-up's line, in the order that :meth:`pack` takes them in."""
        size = len(MONEY) + len(counts)
        self._small = Struct("<" + "Q8x" * size)
        self._large = Struct("<" + "Qq" * size)
        self._upper = sum(_UPPER << (at * _BITS) for at in range(size))
        self._halves = sum(_HALF << (at * _BITS) for at in range(size))

    def pack(self, numbers: Sequence[int]) -> int:
        """The numbers of :attr:`columns` as one. Whole numbers of any type will do."""
        spend, spend_rest, fee, fee_rest, calls, priced, *others = numbers
        spend, fee = spend * MICRO + spend_rest, fee * MICRO + fee_rest
        try:
            return int.from_bytes(self._small.pack(spend, calls, priced, fee, *others), "little")
        except error:  # negative or beyond 64 bits, as hardly any is, or of the driver's own type
            return self._pack_large([*map(int, numbers)])

    def pack_all(self, columns: Sequence[Sequence[int]]) -> list[int]:
        """Many lines, given by their columns: half the work of one after the other."""
        spend, spend_rest, fee, fee_rest, calls, priced, *others = columns
        spends = [whole * MICRO + rest for whole, rest in zip(spend, spend_rest, strict=True)]
        fees = [whole * MICRO + rest for whole, rest in zip(fee, fee_rest, strict=True)]
        try:
            packed = map(self._small.pack, spends, calls, priced, fees, *others)
            return [int.from_bytes(each, "little") for each in packed]
        except error:
            return [self.pack(each) for each in zip(*columns, strict=True)]

    def _pack_large(self, numbers: Sequence[int]) -> int:
        spend, spend_rest, fee, fee_rest, calls, priced, *others = numbers
        spend, fee = spend * MICRO + spend_rest, fee * MICRO + fee_rest
        amounts = (spend, calls, priced, fee, *others)
        return sum(amount << (at * _BITS) for at, amount in enumerate(amounts))

    def unpack(self, value: int) -> tuple[int, ...]:
        """What is in a sum of packed numbers: spend, calls, priced, fee, units and the rest."""
        if value >= 0 and not value & self._upper:
            return self._small.unpack(value.to_bytes(self._small.size, "little"))
        # With a half added every part is positive and none borrows of the next one.
        halves = self._halves
        parts = ((value + halves) ^ halves).to_bytes(self._large.size, "little")
        found = self._large.unpack(parts)
        both = zip(found[0::2], found[1::2], strict=True)
        return tuple((upper << 64) + lower for lower, upper in both)

    def line(self, group: tuple[str, ...], value: int) -> SpendLine:
        """A sum of packed numbers as it is shown."""
        spend, calls, priced, fee, *others = self.unpack(value)
        failed, estimated, unpriced, inconsistent, unsettled = others[-len(_LAST) :]
        return SpendLine(
            group=group,
            calls=calls,
            failed=failed,
            tokens={unit: count for unit, count in zip(self.units, others, strict=False) if count},
            spend=spend,
            router_fee=fee,
            priced=priced,
            estimated=estimated,
            unpriced=unpriced,
            inconsistent=inconsistent,
            unsettled=unsettled,
        )


def spends_of(values: Iterable[int]) -> list[Usd]:
    """The spend alone, of each."""
    return [((value + _HALF) & _ALL) - _HALF for value in values]


class Block(NamedTuple):
    """Sums of several groups, none of them empty and each for the first time."""

    names: Sequence[tuple[str, ...]]
    values: Sequence[int]
    """Packed, in the order of the names."""
    day: str = ""
    at: int | None = None
    """Where in a group its day stands; None: the names are whole."""

    def groups(self) -> Sequence[tuple[str, ...]]:
        """The names with the day among them."""
        at, day = self.at, (self.day,)
        if at is None:
            return self.names
        if at == 0:
            return [day + names for names in self.names]
        return [names[:at] + day + names[at:] for names in self.names]


Found = tuple[Usd, tuple[str, ...], int]
"""What was spent, below zero so that the dearest is first; the group; its packed sums."""


def dearest(blocks: Sequence[Block], spends: Sequence[Sequence[Usd]], end: int) -> list[Found]:
    """The first ``end`` groups, in order, and those that cost as much as the last of them.

    Where they are few of many they are found by their spend alone.
    """
    count = sum(map(len, spends))
    bound: Usd | None = None
    if end < count // _MANY:
        bound = nlargest(end, chain.from_iterable(spends))[-1] if end else None
    elif end < count:
        bound = sorted(chain.from_iterable(spends), reverse=True)[end - 1]
    found: list[Found] = []
    for block, known in zip(blocks, spends, strict=True):
        if bound is None or max(known, default=bound - 1) >= bound:
            lines = zip(known, block.groups(), block.values, strict=True)
            found += [
                (-spend, group, value)
                for spend, group, value in lines
                if bound is None or spend >= bound
            ]
    found.sort()
    return found
