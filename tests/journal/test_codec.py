"""The journal's bytes: what is read back, and what is when any of them is wrong."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faregate.journal import codec
from faregate.journal.codec import (
    ADMISSION,
    HEADER_BYTES,
    SETTLEMENT,
    Damage,
    Frame,
    frame,
    read_header,
    scan,
    segment_header,
)
from faregate.types import Attempt, Row, Usage
from tests.store.journals import admission, settled

SALT = 0x5EED


class Written(NamedTuple):
    """A segment's bytes and where each record ends."""

    content: bytes
    ends: list[int]


def segment(records: int = 4) -> Written:
    """Admissions and settlements in turn."""
    content, ends = segment_header(1, SALT), []
    for number in range(records):
        call_id = f"c{number // 2}"
        kind = SETTLEMENT if number % 2 else ADMISSION
        value = settled(call_id) if number % 2 else admission(call_id)
        payload = codec.encode_payload(value)
        content += frame(kind, number + 1, call_id.encode(), payload, SALT)
        ends.append(len(content))
    return Written(content, ends)


def frames(content: bytes) -> list[int]:
    """Sequence numbers of the intact records."""
    return [found.sequence for found in scan(content, SALT) if isinstance(found, Frame)]


def damages(content: bytes) -> list[Damage]:
    """What is no record."""
    return [found for found in scan(content, SALT) if isinstance(found, Damage)]


def test_what_was_written_is_read() -> None:
    found = list(scan(segment().content, SALT))
    assert [each.call_id for each in found if isinstance(each, Frame)] == ["c0", "c0", "c1", "c1"]
    first, second = found[:2]
    assert isinstance(first, Frame)
    assert isinstance(second, Frame)
    assert codec.decode_admission(first.payload) == admission("c0")
    assert codec.decode_row(second.payload) == settled("c0")
    assert read_header(segment().content) == (1, SALT)


def test_cut_at_every_byte_keeps_exactly_what_was_written_before() -> None:
    content, ends = segment()
    for cut in range(HEADER_BYTES, len(content) + 1):
        kept = content[:cut]
        assert frames(kept) == [at for at, end in enumerate(ends, start=1) if end <= cut]
        whole = max((end for end in ends if end <= cut), default=HEADER_BYTES)
        torn = Damage(whole, len(kept.rstrip(b"\0")))
        assert damages(kept) == ([torn] if torn.end > torn.start else [])


def test_cut_in_reserved_blocks_is_the_same() -> None:
    content, ends = segment()
    for cut in range(HEADER_BYTES, len(content) + 1):
        kept = content[:cut].ljust(len(content) + 4_096, b"\0")
        whole = [at for at, end in enumerate(ends, start=1) if end <= cut]
        # A record whose missing bytes are zeros is whole.
        assert frames(kept) in (whole, [*whole, len(whole) + 1])


def test_a_flipped_bit_costs_one_record_at_most() -> None:
    content, ends = segment()
    starts = [HEADER_BYTES, *ends[:-1]]
    for at in range(len(content)):
        flipped = bytearray(content)
        flipped[at] ^= 1 << (at % 8)
        kept = bytes(flipped)
        hit = [n for n, (a, b) in enumerate(zip(starts, ends, strict=True), 1) if a <= at < b]
        header = read_header(kept)
        assert header == (1, SALT)
        assert frames(kept) == [n for n in range(1, len(ends) + 1) if n not in hit]
        if hit:
            assert damages(kept) == [Damage(starts[hit[0] - 1], ends[hit[0] - 1])]
        else:
            assert damages(kept) == []


def test_zeros_behind_the_last_record_are_no_damage() -> None:
    content, _ = segment()
    assert damages(content + bytes(100_000)) == []
    assert frames(content + bytes(100_000)) == [1, 2, 3, 4]


@given(st.binary(min_size=1, max_size=200))
def test_garbage_at_the_end_is_damage(garbage: bytes) -> None:
    content, _ = segment()
    assert frames(content + garbage) == [1, 2, 3, 4]
    shown = garbage.rstrip(b"\0")
    assert damages(content + garbage) == (
        [Damage(len(content), len(content) + len(shown))] if shown else []
    )


@given(st.binary(max_size=2_000))
def test_anything_can_be_scanned(content: bytes) -> None:
    assert list(scan(content, SALT, 0)) == (
        [Damage(0, len(content.rstrip(b"\0")))] if content.strip(b"\0") else []
    )
    assert read_header(content) is None


def test_a_segment_of_magic_bytes_is_scanned_in_time() -> None:
    content = segment_header(1, SALT) + b"\xfa\xce" * 100_000
    assert damages(content) == [Damage(HEADER_BYTES, len(content))]


def test_a_client_cannot_write_records() -> None:
    """Even where the record around it is damaged, a record in a client's text is none."""
    forged = frame(SETTLEMENT, 9, b"evil", codec.encode_payload(settled("evil", 0)), SALT ^ 1)
    outer = frame(ADMISSION, 1, b"c0", b"\xc4" + forged, SALT)
    content = segment_header(1, SALT) + b"\0" + outer[1:] + frame(SETTLEMENT, 2, b"c0", b"x", SALT)
    assert frames(content) == [2]


def test_bytes_of_an_earlier_file_are_no_records() -> None:
    content, _ = segment(2)
    older = frame(SETTLEMENT, 1, b"c9", b"payload", SALT)
    assert frames(content + older) == [1, 2]
    assert damages(content + older) == [Damage(len(content), len(content) + len(older))]


def test_one_copy_of_the_header_is_enough() -> None:
    content, _ = segment()
    half = HEADER_BYTES // 2
    assert read_header(bytes(half) + content[half:]) == (1, SALT)
    assert read_header(content[:half] + b"\xff" * half) == (1, SALT)
    assert read_header(bytes(HEADER_BYTES) + content[HEADER_BYTES:]) is None


@given(st.text(max_size=60), st.integers(0, 2**63 - 1), st.lists(st.text(max_size=9)))
def test_rows_and_admissions_survive(name: str, total: int, tags: list[str]) -> None:
    row = settled("c", total, name)
    assert codec.decode_row(codec.encode_payload(row)) == row
    let_in = codec.Admission(
        call_id=name, at=1.5, requested_model=name, hold=total, tags=tuple(tags)
    )
    assert codec.decode_admission(codec.encode_payload(let_in)) == let_in


def test_an_admission_of_another_version_is_read() -> None:
    """Fields are added at the end: an older record lacks them, a newer one has more."""
    older = codec._encoder.encode(["c", 1.5, "m"])
    assert codec.decode_admission(older) == codec.Admission("c", 1.5, "m")
    names = codec.Admission.__struct_fields__
    newer = codec._encoder.encode([*(getattr(admission("c"), name) for name in names), "new"])
    assert codec.decode_admission(newer) == admission("c")


def test_a_row_of_another_version_is_read() -> None:
    newer = codec._encoder.encode({**_fields(settled("c")), "added_later": 1})
    assert codec.decode_row(newer) == settled("c")


def _fields(row: Row) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


@pytest.mark.parametrize("hold", [None, 0, 5_000])
def test_a_lost_call_is_a_row_of_the_worst_case(hold: int | None) -> None:
    row = codec.lost_row(admission("c", hold))
    assert row.outcome == "lost"
    assert row.error == "lost"
    assert row.status == 0
    assert row.started == row.ended == 1_795_000_000.0
    assert (row.key, row.team, row.user, row.tags) == ("key_1", "red", "ada", ("a", "b"))
    assert (row.request_id, row.session, row.end_user) == ("request-c", "s", "someone")
    assert row.stream
    assert row.receipt is not None
    assert row.receipt.status == "unsettled"
    assert row.receipt.total == hold
    charge = row.receipt.charge
    assert (charge.total, charge.status, charge.lines) == (hold, "unsettled", ())
    assert charge.usage == Usage(input=10, output=100, estimated=True)
    assert charge.served_model == ""
    assert "before the call was settled" in charge.reason
    assert ("no price was known" in charge.reason) == (hold is None)
    assert "gpt-5" in charge.reason


def test_a_mark_names_a_ticket() -> None:
    assert codec.marked(codec.mark(2**40)) == 2**40
    assert codec.marked(b"short") == 0


def test_a_row_of_many_attempts_fits() -> None:
    attempts = tuple(Attempt(deployment=f"d{n}", provider="p", error="e" * 40) for n in range(100))
    row = Row(
        call_id="c",
        started=1.0,
        ended=2.0,
        requested_model="m",
        attempts=attempts,
        status=503,
        outcome="failed",
    )
    payload = codec.encode_payload(row)
    assert len(payload) < codec.LONGEST_PAYLOAD
    found = next(iter(scan(frame(SETTLEMENT, 1, b"c", payload, 7), 7, 0)))
    assert isinstance(found, Frame)
    assert codec.decode_row(found.payload) == row
