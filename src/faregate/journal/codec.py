"""The bytes of a journal: segment headers, frames, and what can still be read of a damaged file.

A segment is a header (twice, so that one damaged byte does not cost the file) and then frames. A
frame is 17 bytes (magic, kind, version, length of id and payload, sequence number, length of the
id), the call id, a payload in MessagePack and a checksum of all of it. What follows the last frame
is zeros: segments are given their blocks before they are written.

Checksums start from the segment's salt, a random number. So neither what an earlier file left on
the disk nor a text that a client chose can pass for a frame, and reading may go on behind damage.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct

from faregate.money import Usd
from faregate.types import Charge, Receipt, Route, Row, Usage

VERSION: Final = 1
"""The schema of payloads. Fields are only ever added, with defaults; else this goes up."""

ADMISSION: Final = 1
SETTLEMENT: Final = 2
STORED: Final = 3
"""A mark: the database has every settlement up to the sequence number in the payload."""

LONGEST_PAYLOAD: Final = 1 << 20
HEADER_BYTES: Final = 64

_SEGMENT = struct.Struct("<8sQII")  # magic, number, salt, checksum
_SEGMENT_MAGIC: Final = b"FAREJNL1"
_COPY: Final = 32
_HEAD = struct.Struct("<2sBBIQB")  # magic, kind, version, bytes to come, sequence, bytes of id
_CHECKSUM = struct.Struct("<I")
_MAGIC: Final = b"\xfa\xce"  # never part of UTF-8
_NUMBER = struct.Struct("<Q")


class Admission(Struct, frozen=True, array_like=True, gc=False):
    """A call as it is let in: enough to make a row of it should the process die.

    Kept by position. New fields go to the end and have defaults. Holds no prompt and no secret.
    """

    call_id: str
    at: float
    """Unix seconds."""
    requested_model: str
    operation: str = "chat/completions"
    stream: bool = False
    key: str = ""
    team: str = ""
    user: str = ""
    tags: tuple[str, ...] = ()
    hold: Usd | None = None
    """Pico-dollars reserved, the worst case; None where no price is known."""
    usage: Usage = Usage()
    """The counts the hold was computed from: prompt and longest answer."""
    deployment: str = ""
    """The first deployment of the plan."""
    provider: str = ""
    route: Route = "direct"
    sent_model: str = ""
    worst_model: str = ""
    """The dearest model the router may pick; for a direct deployment its model."""
    scope: str = "global"
    tier: str = "standard"
    request_id: str = ""
    session: str = ""
    end_user: str = ""
    client: str = ""
    traceparent: str = ""


class Frame(NamedTuple):
    """One intact record and where it stands in the bytes."""

    kind: int
    version: int
    sequence: int
    call_id: str
    payload: bytes
    start: int
    end: int


class Damage(NamedTuple):
    """Bytes that are no frame: from ``start`` up to ``end``."""

    start: int
    end: int


class SegmentHeader(NamedTuple):
    """What a segment says of itself."""

    number: int
    salt: int


Found: TypeAlias = Frame | Damage
Unreadable: TypeAlias = Literal["newer", "malformed"]

_encoder = msgspec.msgpack.Encoder()
_rows = msgspec.msgpack.Decoder(Row)
_admissions = msgspec.msgpack.Decoder(Admission)


def encode_payload(value: Row | Admission) -> bytes:
    """The payload of a record.

    Raises :class:`ValueError` or :class:`OverflowError` for what MessagePack cannot hold.
    """
    return _encoder.encode(value)


def decode_row(payload: bytes) -> Row:
    """A settlement's row. Raises :class:`msgspec.MsgspecError` when it is none."""
    return _rows.decode(payload)


def decode_admission(payload: bytes) -> Admission:
    """An admission. Raises :class:`msgspec.MsgspecError` when it is none."""
    return _admissions.decode(payload)


def frame(kind: int, sequence: int, call_id: bytes, payload: bytes, salt: int) -> bytes:
    """The bytes of one record. ``call_id`` has at most 255 bytes."""
    length = len(call_id)
    head = _HEAD.pack(_MAGIC, kind, VERSION, length + len(payload), sequence, length)
    content = b"".join((head, call_id, payload))
    return content + _CHECKSUM.pack(zlib.crc32(content, salt))


def mark(sequence: int) -> bytes:
    """The payload of a ``STORED`` record."""
    return _NUMBER.pack(sequence)


def marked(payload: bytes) -> int:
    """The sequence number a ``STORED`` record names; 0 when it is malformed."""
    return int(_NUMBER.unpack(payload)[0]) if len(payload) == _NUMBER.size else 0


def segment_header(number: int, salt: int) -> bytes:
    """The first bytes of a segment."""
    fields = _SEGMENT.pack(_SEGMENT_MAGIC, number, salt, 0)[: -_CHECKSUM.size]
    copy = (fields + _CHECKSUM.pack(zlib.crc32(fields))).ljust(_COPY, b"\0")
    return copy * (HEADER_BYTES // _COPY)


def read_header(content: bytes) -> SegmentHeader | None:
    """The header of a segment's bytes; None when no copy of it is intact."""
    for start in range(0, HEADER_BYTES, _COPY):
        copy = content[start : start + _SEGMENT.size]
        if len(copy) < _SEGMENT.size:
            break
        magic, number, salt, checksum = _SEGMENT.unpack(copy)
        if magic == _SEGMENT_MAGIC and zlib.crc32(copy[: -_CHECKSUM.size]) == checksum:
            return SegmentHeader(number, salt)
    return None


def scan(content: bytes, salt: int, start: int = HEADER_BYTES) -> Iterator[Found]:
    """Every intact frame from ``start`` on, in order, and the damage between and behind them.

    The zeros at the end are not damage.
    """
    at, last = start, 0
    end = len(content.rstrip(b"\0"))
    while at < end:
        found = _frame_at(content, at, salt, last)
        if found is None:
            found = _next_frame(content, at + 1, salt, last)
            yield Damage(at, found.start if found is not None else end)
            if found is None:
                return
        yield found
        at, last = found.end, found.sequence


def _next_frame(content: bytes, at: int, salt: int, last: int) -> Frame | None:
    while (at := content.find(_MAGIC, at)) >= 0:
        found = _frame_at(content, at, salt, last)
        if found is not None:
            return found
        at += 1
    return None


def _frame_at(content: bytes, at: int, salt: int, last: int) -> Frame | None:
    name = at + _HEAD.size
    if name > len(content):
        return None
    magic, kind, version, length, sequence, id_length = _HEAD.unpack_from(content, at)
    checksum = name + length
    end = checksum + _CHECKSUM.size
    if magic != _MAGIC or not id_length <= length <= LONGEST_PAYLOAD or end > len(content):
        return None
    (expected,) = _CHECKSUM.unpack_from(content, checksum)
    if zlib.crc32(memoryview(content)[at:checksum], salt) != expected or sequence <= last:
        return None
    payload = name + id_length
    call_id = content[name:payload].decode("utf-8", "replace")
    return Frame(kind, version, sequence, call_id, content[payload:checksum], at, end)


def lost_row(admission: Admission) -> Row:
    """The row of a call whose process died before it was settled.

    Its total is the hold, its receipt ``unsettled``, its HTTP status 0. It ends when it started:
    how long it ran is not known.
    """
    priced = "the hold is the worst case" if admission.hold is not None else "no price was known"
    charge = Charge(
        provider=admission.provider,
        deployment=admission.deployment,
        route=admission.route,
        requested_model=admission.requested_model,
        sent_model=admission.sent_model,
        served_model="",
        scope=admission.scope,
        tier=admission.tier,
        usage=admission.usage,
        lines=(),
        total=admission.hold,
        status="unsettled",
        reason=f"the process ended before the call was settled; {priced}"
        + (f" ({admission.worst_model})" if admission.worst_model else ""),
        at=admission.at,
    )
    return Row(
        call_id=admission.call_id,
        request_id=admission.request_id or admission.call_id,
        operation=admission.operation,
        started=admission.at,
        ended=admission.at,
        key=admission.key,
        team=admission.team,
        user=admission.user,
        tags=admission.tags,
        session=admission.session,
        requested_model=admission.requested_model,
        deployment=admission.deployment,
        provider=admission.provider,
        stream=admission.stream,
        status=0,
        error="lost",
        outcome="lost",
        receipt=Receipt(
            call_id=admission.call_id, charges=(charge,), total=admission.hold, status="unsettled"
        ),
        client=admission.client,
        end_user=admission.end_user,
        traceparent=admission.traceparent,
    )
