"""Server-sent events: bytes in, events out; right for any split of the stream.

Follows the WHATWG event-stream rules (three line endings, comments, several ``data:`` lines joined
by a newline, a leading byte-order mark), with a bound on the size of one event.
"""

from msgspec import Struct

DEFAULT_LIMIT = 8 * 1024 * 1024
"""Bytes one event may have. Images in a delta are large; an endless line is an attack."""


class SseError(ValueError):
    """An event grew past the limit."""


class Event(Struct, frozen=True):
    """One event: its data, and its name where it has one (OpenAI's have none)."""

    data: bytes
    name: bytes = b""


class SseDecoder:
    """Feed it bytes as they come; it gives the events that are complete."""

    __slots__ = ("_after_cr", "_buffer", "_limit", "_scanned", "_started")

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._after_cr = False
        self._started = False
        self._limit = limit

    @property
    def pending(self) -> int:
        """Bytes held of an event that is not complete yet."""
        return len(self._buffer)

    @property
    def at_boundary(self) -> bool:
        """Whether the next byte begins an event, and not the stream."""
        return self._started and not self._buffer and not self._after_cr

    def is_one_event(self, chunk: bytes) -> bool:
        """Whether ``chunk``, the next one, is one event with one line of data, which
        :meth:`feed` would give as ``chunk[6:-2]``: nearly always, chunk by chunk."""
        return (
            chunk.startswith(b"data: ")
            and chunk.find(b"\n") == len(chunk) - 2
            and chunk.endswith(b"\n")
            and b"\r" not in chunk
            and self._started
            and not self._buffer
            and not self._after_cr
        )

    def feed(self, chunk: bytes) -> list[Event]:
        """The events completed by ``chunk``, in order. Raises :class:`SseError` past the limit."""
        if self.is_one_event(chunk):
            return [Event(chunk[6:-2])]
        buffer = self._buffer
        buffer += self._with_newlines(chunk)
        if not self._started and not self._skip_mark():
            return []
        events: list[Event] = []
        begin = 0
        end = buffer.find(b"\n\n", self._scanned)
        while end >= 0:
            event = _event(bytes(buffer[begin:end]))
            if event is not None:
                events.append(event)
            begin = end + 2
            end = buffer.find(b"\n\n", begin)
        if begin:
            del buffer[:begin]
        if len(buffer) > self._limit:
            raise SseError(f"an event of the stream is larger than {self._limit} bytes")
        # The next terminator may start with the last byte we have.
        self._scanned = max(len(buffer) - 1, 0)
        return events

    def finish(self) -> list[Event]:
        """What an ended stream left unterminated, if it is an event at all.

        A well-behaved server ends every event with a blank line; some close right after the data.
        """
        rest = bytes(self._buffer).rstrip(b"\n")
        self._buffer.clear()
        self._scanned = 0
        event = _event(rest) if rest else None
        return [] if event is None else [event]

    def _with_newlines(self, chunk: bytes) -> bytes:
        """``chunk`` with newlines for line endings; one split between CR and LF counts once."""
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk[:1] == b"\n":
                chunk = chunk[1:]
        if b"\r" not in chunk:
            return chunk
        self._after_cr = chunk[-1:] == b"\r"
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _skip_mark(self) -> bool:
        """Drop a byte-order mark at the very start; False while it cannot be told yet."""
        buffer = self._buffer
        if len(buffer) < 3 and b"\xef\xbb\xbf".startswith(bytes(buffer)):
            return False
        if buffer[:3] == b"\xef\xbb\xbf":
            del buffer[:3]
        self._started = True
        return True


def _event(block: bytes) -> Event | None:
    """One block between blank lines; None when it carries no data (a comment, an id)."""
    if block.startswith(b"data: ") and b"\n" not in block:  # nearly every event
        return Event(block[6:])
    data: list[bytes] = []
    name = b""
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return Event(b"\n".join(data), name) if data else None
