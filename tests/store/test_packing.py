"""Sums as single numbers: what goes in comes out, added up, whatever its sign and size."""

from hypothesis import given
from hypothesis import strategies as st

from faregate.store.packing import MICRO, Block, Layout, dearest, spends_of

LAYOUT = Layout({"input", "output", "reasoning"})
_NUMBERS = st.one_of(
    st.integers(0, 2_000), st.integers(0, 2**63 - 1), st.integers(-(2**63), 2**63 - 1)
)
_LINES = st.lists(
    st.lists(_NUMBERS, min_size=len(LAYOUT.columns), max_size=len(LAYOUT.columns)), max_size=6
)


def expected(numbers: list[int]) -> list[int]:
    """Money as one number, in the order of what is unpacked."""
    spend, spend_rest, fee, fee_rest, calls, priced, *others = numbers
    return [spend * MICRO + spend_rest, calls, priced, fee * MICRO + fee_rest, *others]


@given(lines=_LINES)
def test_packed_numbers_add_up(lines: list[list[int]]) -> None:
    total = sum(LAYOUT.pack(each) for each in lines)
    wanted = [sum(each) for each in zip(*map(expected, lines), strict=True)]
    assert list(LAYOUT.unpack(total)) == (wanted or [0] * (len(LAYOUT.columns) - 2))
    together = LAYOUT.pack_all(list(zip(*lines, strict=True))) if lines else []
    assert together == [LAYOUT.pack(each) for each in lines]
    assert spends_of([total]) == [sum(expected(each)[0] for each in lines)]
    assert sum(LAYOUT.pack(each) for each in [*lines, *([-n for n in one] for one in lines)]) == 0


def test_a_line_has_its_numbers_in_their_places() -> None:
    numbers = dict(zip(LAYOUT.columns, range(1, 40), strict=False))
    line = LAYOUT.line(("a",), LAYOUT.pack(list(numbers.values())))
    assert line.group == ("a",)
    assert line.spend == numbers["spend_micro"] * MICRO + numbers["spend_rest"]
    assert line.router_fee == numbers["router_fee_micro"] * MICRO + numbers["router_fee_rest"]
    assert line.tokens == {unit: numbers[unit] for unit in ("input", "output", "reasoning")}
    for name in ("calls", "failed", "priced", "estimated", "unpriced", "inconsistent"):
        assert getattr(line, name) == numbers[name], name
    assert line.unsettled == numbers["unsettled"]


@given(
    spends=st.lists(st.lists(st.integers(-3, 5), max_size=9), max_size=9), end=st.integers(0, 90)
)
def test_the_dearest_are_the_first_of_all(spends: list[list[int]], end: int) -> None:
    blocks = [
        Block(
            [(f"n{each}", "x") for each in range(len(known))], range(1, len(known) + 1), f"d{n}", 1
        )
        for n, known in enumerate(spends)
    ]
    whole = sorted(
        (-spend, (f"n{each}", f"d{n}", "x"), each + 1)
        for n, known in enumerate(spends)
        for each, spend in enumerate(known)
    )
    end = min(end, len(whole))
    assert dearest(blocks, spends, end)[:end] == whole[:end]
