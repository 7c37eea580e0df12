"""The chunks of a stream are alike but for their words: one look at the form instead of a parse."""

from msgspec import Struct

_STYLES = (
    (b'"delta":{"content":"', b'"obfuscation":"'),
    (b'"delta": {"content": "', b'"obfuscation": "'),
)
"""What stands before the words, and before the padding some providers hide their length with."""


class ChunkForm(Struct, frozen=True, gc=False):
    """What an event that brings nothing but words looks like around them.

    ``head`` + words + ``middle`` + padding + ``end``; without padding, ``middle`` is empty and the
    words are followed by ``end``. ``shown_…``: the same with the model's name as clients see it.
    """

    head: bytes
    middle: bytes
    end: bytes
    shown_head: bytes
    shown_middle: bytes
    shown_end: bytes

    def shown(self, event: bytes) -> bytes:
        """The event with the model's name replaced; empty for one of another form."""
        head, end = self.head, self.end
        if (
            not event.startswith(head)
            or not event.endswith(end)
            or len(event) < len(head) + len(end)
        ):
            return b""
        words = event[len(head) : -len(end)]
        # Without a quote the words cannot end early, and so nothing else can be said in them.
        if not self.middle:
            if b'"' in words or b"\n" in words or b"\r" in words:
                return b""
            return self.shown_head + words + self.shown_end
        words, found, padding = words.partition(self.middle)
        if (
            not found
            or b'"' in words
            or b"\n" in words
            or b"\r" in words
            or b'"' in padding
            or b"\n" in padding
            or b"\r" in padding
        ):
            return b""
        return self.shown_head + words + self.shown_middle + padding + self.shown_end


def form_of(event: bytes, find: bytes, put: bytes) -> ChunkForm | None:
    """The form of one event, a single line of data with its blank line, that says nothing but words
    and holds ``find`` exactly once; None where it is not of a form that is known.
    """
    for opening, padding in _STYLES:
        before, found, after = event.partition(opening)
        if found:
            return _form(before + opening, after, padding, find, put)
    return None


def _form(head: bytes, rest: bytes, opening: bytes, find: bytes, put: bytes) -> ChunkForm | None:
    words, _quote, after = rest.partition(b'"')
    middle, padded, end = after.partition(opening)
    if words.endswith(b"\\"):
        return None  # the quote was one of the words'
    if padded:
        end = end.partition(b'"')[2]
        parts = (head, b'"' + middle + padded, b'"' + end)
    else:
        parts = (head, b"", b'"' + after)
    if sum(part.count(find) for part in parts) != 1:
        return None
    return ChunkForm(*parts, *(part.replace(find, put) for part in parts))
