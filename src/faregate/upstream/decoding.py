"""Content decoding, piece by piece and with a bound on what a small input may become.

Pure: bytes in, bytes out. A decoder never returns more than it is asked for at a time; what is
left waits inside it, compressed, until the next call.
"""

import zlib

_GZIP = 16 + zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS
_FREE = 8 * 1024 * 1024
_MAX_RATIO = 200
"""JSON and event streams compress by 3 to 30. Beyond the first 8 MiB, 200 is no text but a bomb."""


class Broken(ValueError):  # noqa: N818 - a state of the data, turned into a DecodeError by callers
    """The data is not what its encoding says."""


class Bomb(ValueError):  # noqa: N818
    """The data grows out of all proportion."""


def decoder_for(content_encoding: str) -> "Decoder | None":
    """The decoder of a Content-Encoding value; None for identity. Raises Broken if unknown."""
    match content_encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return Decoder(gzip=True)
        case "deflate":
            return Decoder(gzip=False)
    raise Broken("its content encoding is not gzip or deflate")


class Decoder:
    """gzip (any number of members) or deflate (with or without the zlib wrapper)."""

    __slots__ = ("_gzip", "_held", "_in", "_inner", "_out")

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._inner = zlib.decompressobj(_GZIP) if gzip else None
        self._held = b""
        self._in = 0
        self._out = 0

    @property
    def pending(self) -> bool:
        """Whether input waits inside, so that another ``decode(b"")`` may return more."""
        return bool(self._held) and (self._inner is not None or len(self._held) >= 2)

    def decode(self, piece: bytes, at_most: int) -> bytes:
        """Decode ``piece`` after what is held; return up to ``at_most`` bytes.

        Raises Broken or Bomb.
        """
        self._in += len(piece)
        piece = self._held + piece if self._held else piece
        self._held = b""
        if self._inner is None:
            if len(piece) < 2:
                self._held = piece
                return b""
            self._inner = zlib.decompressobj(_wbits(piece))
        made: list[bytes] = []
        room = at_most
        while piece and room > 0:
            if self._inner.eof:
                if not self._gzip:
                    raise Broken("bytes follow the end of its compressed data")
                self._inner = zlib.decompressobj(_GZIP)
            try:
                out = self._inner.decompress(piece, room)
            except zlib.error:
                raise Broken("its compressed data is corrupt") from None
            piece = self._inner.unused_data if self._inner.eof else self._inner.unconsumed_tail
            made.append(out)
            room -= len(out)
        self._held = piece
        result = made[0] if len(made) == 1 else b"".join(made)
        self._out += len(result)
        if self._out > _FREE and self._out > _MAX_RATIO * (self._in - len(piece)):
            raise Bomb(f"its compressed data grows more than {_MAX_RATIO}-fold")
        return result

    def finish(self) -> None:
        """To be called at the end of the input. Raises Broken if the data stops half-way.

        An empty body is taken as empty, whatever its encoding says.
        """
        if self._in and (self._held or self._inner is None or not self._inner.eof):
            raise Broken("its compressed data is cut short")


def _wbits(start: bytes) -> int:
    """The zlib wrapper has a checksum in its first two bytes; some servers leave it out."""
    wrapped = start[0] & 0x0F == 8 and (start[0] << 8 | start[1]) % 31 == 0
    return zlib.MAX_WBITS if wrapped else _RAW
