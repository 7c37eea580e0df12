"""What a request comes back as: all at once, or as it arrives."""

from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Self

from msgspec import Struct

from faregate.upstream.connection import Connection
from faregate.upstream.decoding import Bomb, Broken, Decoder
from faregate.upstream.exchange import Exchange
from faregate.upstream.transport_errors import BodyTooLarge, DecodeError

_PIECE = 256 * 1024
"""The most a decoded piece of a stream holds."""


class Answer(Struct, frozen=True):
    """A whole answer.

    ``headers`` has lower-case names; repeated ones are joined by ``", "``. The body is decoded,
    and then content-encoding and content-length, which no longer apply, are not among the headers.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class AnswerStream:
    """An answer whose body is still arriving.

    Iterate over it for pieces of the body, decoded, as they come; or ``read`` the rest. Close it
    in any case, best with ``async with``: a body read to its end gives the connection back for
    the next request, anything else closes it at once.
    """

    __slots__ = ("_connection", "_decoder", "_exchange", "_release", "headers", "status")

    def __init__(
        self,
        connection: Connection,
        exchange: Exchange,
        decoder: Decoder | None,
        release: Callable[[Connection], None],
    ) -> None:
        self._connection: Connection | None = connection
        self._exchange = exchange
        self._decoder = decoder
        self._release = release
        self.status: int = exchange.status
        self.headers: Mapping[str, str] = exchange.headers

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """The next piece. Raises a TransportError if the body breaks off or stalls."""
        connection = self._connection
        if connection is None:
            raise StopAsyncIteration
        exchange = self._exchange
        try:
            while True:
                piece = self._next_piece(connection, exchange)
                if piece:
                    return piece
                if exchange.error is not None:
                    raise exchange.error  # noqa: TRY301 - one place drops the connection
                if exchange.complete and not exchange.chunks:
                    break
                if not exchange.chunks:
                    await exchange.wait()
            self._finish_decoding()
        except BaseException:
            self._drop(connection)
            raise
        self._connection = None
        self._release(connection)
        raise StopAsyncIteration

    async def read(self, limit: int) -> bytes:
        """The rest of the body. Raises BodyTooLarge past ``limit`` bytes, decoded."""
        pieces: list[bytes] = []
        size = 0
        async for piece in self:
            size += len(piece)
            if size > limit:
                await self.aclose()
                raise BodyTooLarge(f"{self._exchange.peer}: the body is over {limit} bytes", True)
            pieces.append(piece)
        return b"".join(pieces)

    async def aclose(self) -> None:
        """Give the connection back if the body has been read to its end, else close it at once."""
        connection = self._connection
        if connection is not None:
            self._connection = None
            if not self._exchange.complete:
                connection.abort()
            self._release(connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        """A stream nobody closed still gives its place in the pool back."""
        connection = self._connection
        if connection is not None:
            connection.abandon(self._release)

    def _next_piece(self, connection: Connection, exchange: Exchange) -> bytes:
        decoder = self._decoder
        if decoder is None:
            piece = exchange.take()
        else:
            try:
                piece = decoder.decode(b"" if decoder.pending else exchange.take(), _PIECE)
            except (Broken, Bomb) as problem:
                raise undecodable(exchange.peer, problem) from None
            if decoder.pending:
                return piece
        if not exchange.chunks:
            connection.resume()
        return piece

    def _finish_decoding(self) -> None:
        if self._decoder is not None:
            try:
                self._decoder.finish()
            except Broken as problem:
                raise undecodable(self._exchange.peer, problem) from None

    def _drop(self, connection: Connection) -> None:
        self._connection = None
        connection.abort()
        self._release(connection)


def undecodable(peer: str, problem: Broken | Bomb) -> DecodeError | BodyTooLarge:
    """The transport error of a body that cannot be decoded."""
    kind = BodyTooLarge if isinstance(problem, Bomb) else DecodeError
    return kind(f"{peer}: cannot decode the body: {problem}", True)
