"""Bytes for many sockets, written together: none lost, none twice, in order for each socket."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faregate.core.outbox import FEW, Outbox, outbox_of


class Wire:
    """A socket that keeps what was written to it."""

    def __init__(self, *, breaks: bool = False) -> None:
        self.said = b""
        self.closed = False
        self.breaks = breaks

    def write(self, data: bytes) -> None:
        if self.breaks:
            raise RuntimeError("write after the end")
        self.said += data

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True
        if self.breaks:
            raise RuntimeError("and cannot be closed")


class Turn:
    """A loop's ready callbacks."""

    def __init__(self) -> None:
        self.ready: list[Callable[[], None]] = []

    def call_soon(self, callback: Callable[[], None], /) -> None:
        self.ready.append(callback)


def outbox(turn: Turn, in_flight: int = FEW + 1) -> Outbox:
    made = Outbox(turn)
    made.in_flight = range(in_flight)
    return made


def test_with_few_calls_in_flight_bytes_go_out_at_once() -> None:
    turn, wire = Turn(), Wire()
    outbox(turn, FEW).write(wire, b"now")
    assert wire.said == b"now"
    assert turn.ready == []


def test_with_many_they_go_out_at_the_end_of_the_turn() -> None:
    turn, one, other = Turn(), Wire(), Wire()
    box = outbox(turn)
    box.write(one, b"a")
    box.write(other, b"b")
    box.write(one, b"c")
    assert (one.said, other.said) == (b"", b"")
    assert turn.ready == [box.flush]  # once, however much waits
    box.flush()
    assert (one.said, other.said) == (b"ac", b"b")


def test_what_waits_goes_before_what_is_written_when_calls_have_become_few() -> None:
    turn, wire = Turn(), Wire()
    box = outbox(turn)
    box.write(wire, b"first ")
    box.in_flight = ()
    box.write(wire, b"second")
    box.flush()
    assert wire.said == b"first second"


@pytest.mark.parametrize("pieces", [[b"x"] * 32, [b"x" * 200_000, b"y" * 100_000]])
def test_neither_many_writes_nor_many_bytes_wait(pieces: list[bytes]) -> None:
    turn, wire = Turn(), Wire()
    box = outbox(turn)
    for piece in pieces:
        assert wire.said == b""
        box.write(wire, piece)
    assert wire.said == b"".join(pieces)


def test_a_closed_socket_is_passed_over_and_one_that_fails_takes_nobody_with_it() -> None:
    turn, closed, broken, well = Turn(), Wire(), Wire(breaks=True), Wire()
    box = outbox(turn)
    for wire in (closed, broken, well):
        box.write(wire, b"bytes")
    closed.closed = True
    box.flush()
    assert (closed.said, well.said) == (b"", b"bytes")
    assert broken.closed


def test_it_says_for_whom_bytes_wait() -> None:
    turn, one, other = Turn(), Wire(), Wire()
    box = outbox(turn)
    box.write(one, b"bytes")
    assert (box.holds(one), box.holds(other)) == (True, False)
    box.flush()
    assert not box.holds(one)


def test_flushing_with_nothing_there_does_nothing() -> None:
    turn = Turn()
    outbox(turn).flush()
    assert turn.ready == []


@given(
    st.lists(
        st.tuples(st.sampled_from(["write", "flush", "few", "many"]), st.integers(0, 3)),
        max_size=80,
    )
)
def test_each_socket_gets_every_byte_once_and_in_order(steps: list[tuple[str, int]]) -> None:
    turn, wires = Turn(), [Wire() for _ in range(4)]
    box = outbox(turn)
    expected = [b""] * 4
    for number, (step, index) in enumerate(steps):
        if step == "write":
            piece = b"%d," % number
            expected[index] += piece
            box.write(wires[index], piece)
        elif step == "flush":
            box.flush()
        else:
            box.in_flight = range(0 if step == "few" else FEW + 1)
    if any(wire.said != said for wire, said in zip(wires, expected, strict=True)):
        assert turn.ready  # then the end of the turn is still to come
        box.flush()
    assert [wire.said for wire in wires] == expected


def test_a_loop_has_one_outbox_and_another_loop_another() -> None:
    loops = [asyncio.new_event_loop() for _ in range(2)]
    assert outbox_of(loops[0]) is outbox_of(loops[0])
    assert outbox_of(loops[0]) is not outbox_of(loops[1])
    for loop in loops:
        loop.close()
