"""Getting an answer onto the wire at the wanted speed, and every fault of the way there."""

import asyncio
from collections.abc import AsyncIterator, Iterator

from msgspec import Struct

from faregate.emulator.asgi import Exchange, raw_headers
from faregate.emulator.config import Latency
from faregate.emulator.faults import Fault
from faregate.emulator.spoiling import MEGABYTE, broken_off, cut

_SSE = (b"content-type", b"text/event-stream; charset=utf-8")


class Delivery(Struct, frozen=True, kw_only=True):
    """How one answer travels."""

    exchange: Exchange
    headers: dict[str, str]
    fault: Fault
    latency: Latency
    closing: asyncio.Event
    """Set when the server stops, so that no stall holds it up."""

    async def before(self) -> None:
        """What happens before the first byte: the model's latency, a stall, a reset."""
        if self.latency.first_ms:
            await asyncio.sleep(self.latency.first_ms / 1000)
        if self.fault.name == "stall":
            await self._stall()
        if self.fault.name == "reset":
            await self.exchange.reset()

    async def whole(self, body: bytes, tokens: int) -> None:
        """Send an answer that is not streamed."""
        await self.before()
        if self.latency.token_ms:
            await asyncio.sleep(self.latency.token_ms * tokens / 1000)
        name = self.fault.name
        if name in ("drip", "split", "huge"):
            await self._start([(b"content-type", b"application/json")])
            await self._pieces(_blocks(body))
        elif name in ("truncate", "reset-in-body", "stall-in-stream"):
            length = str(len(body)).encode("ascii")
            await self._start([(b"content-type", b"application/json"), (b"content-length", length)])
            await self.exchange.write(broken_off(body))
            await self._interrupt()
            await self.exchange.write(body[len(broken_off(body)) :], more=False)
        else:
            await self.exchange.reply(200, body, self.headers)

    async def stream(self, frames: Iterator[bytes]) -> None:
        """Send the frames of a stream."""
        await self.before()
        await self._start([_SSE])
        if self.fault.name in ("drip", "split"):
            await self._pieces(frames)
            return
        after = int(self.fault.number("after", 3))
        interrupted = self.fault.name in ("truncate", "reset-in-body", "stall-in-stream")
        for number, one in enumerate(frames):
            if interrupted and number == after:
                if self.fault.name == "truncate":
                    await self.exchange.write(broken_off(one))
                await self._interrupt()
            if number and self.latency.token_ms:
                await asyncio.sleep(self.latency.token_ms / 1000)
            await self.exchange.write(one)
        if interrupted and self.fault.name != "stall-in-stream":
            await self._interrupt()  # the stream was shorter than ``after``
        await self.exchange.write(b"", more=False)

    async def _start(self, more: list[tuple[bytes, bytes]]) -> None:
        await self.exchange.start(200, raw_headers(self.headers) + more)

    async def _interrupt(self) -> None:
        if self.fault.name == "truncate":
            await self.exchange.close()
        elif self.fault.name == "reset-in-body":
            await self.exchange.reset()
        else:
            await self._stall()

    async def _pieces(self, pieces: Iterator[bytes]) -> None:
        pause = self.fault.number("ms", 0) / 1000
        sizes = {"drip": 1, "split": 7, "huge": MEGABYTE}
        size = max(1, int(self.fault.number("bytes", sizes[self.fault.name])))
        async for piece in _paced(cut(pieces, size), pause):
            await self.exchange.write(piece)
        await self.exchange.write(b"", more=False)

    async def _stall(self) -> None:
        """Say nothing until the client leaves, the server stops or the given seconds are over."""
        seconds = self.fault.number("seconds", 0) or None
        waits = {
            asyncio.ensure_future(self.exchange.gone()),
            asyncio.ensure_future(self.closing.wait()),
        }
        done, pending = await asyncio.wait(
            waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        if done:
            await self.exchange.close()


async def _paced(pieces: Iterator[bytes], pause: float) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
        if pause:
            await asyncio.sleep(pause)


def _blocks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), MEGABYTE):
        yield body[start : start + MEGABYTE]
