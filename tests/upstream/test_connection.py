"""One connection and the outbox of its loop: bytes of two requests never mix."""

import asyncio
from typing import cast

import pytest

from faregate.core.outbox import FEW, outbox_of
from faregate.upstream.connection import Connection
from faregate.upstream.exchange import Exchange
from faregate.upstream.limits import Limits, Timeouts

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class Wire(asyncio.Transport):
    """A transport that keeps what was written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.said = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.said += bytes(data)

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        """Nothing to close."""


def begun(connection: Connection, head: bytes, body: bytes) -> None:
    """Begin an exchange on a connection."""
    loop = asyncio.get_running_loop()
    exchange = Exchange(loop, Limits(), "peer", is_head=False, max_body=1000)
    connection.begin(exchange, head, body, Timeouts(), float("inf"))


@pytest.fixture
def wire() -> Wire:
    return Wire()


async def busy_connection(wire: Wire) -> Connection:
    """On a loop that writes at the end of its turns."""
    loop = asyncio.get_running_loop()
    outbox_of(loop).in_flight = range(FEW + 1)
    connection = Connection(loop, "peer", 1000)
    connection.connection_made(cast("asyncio.BaseTransport", wire))
    return connection


async def test_an_answer_that_overtakes_its_request_ends_the_connection(wire: Wire) -> None:
    """Nobody knows what it answers; and what waits would end up within the next request."""
    connection = await busy_connection(wire)
    begun(connection, b"one", b"")
    assert wire.said == b""
    connection.data_received(ANSWER)
    assert not connection.end()
    outbox_of(asyncio.get_running_loop()).flush()
    assert wire.said == b"one"


async def test_an_answer_to_a_request_that_went_out_leaves_it_of_use(wire: Wire) -> None:
    connection = await busy_connection(wire)
    begun(connection, b"one", b"")
    outbox_of(asyncio.get_running_loop()).flush()
    connection.data_received(ANSWER)
    assert connection.end()


async def test_a_large_request_goes_behind_what_waits(wire: Wire) -> None:
    connection = await busy_connection(wire)
    begun(connection, b"one", b"")
    connection.end()
    begun(connection, b"two", b"x" * 200_000)
    assert wire.said.startswith(b"onetwox")
    connection.abort()
