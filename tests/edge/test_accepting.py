"""How many clients that come at once are let in, and how soon."""

import asyncio
import socket
from contextlib import closing
from typing import Any

import uvloop

from faregate.edge.listen import bind
from faregate.edge.server import Server

CLIENTS = 24


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Has a life and answers nothing."""
    assert scope["type"] == "lifespan"
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def turns_to_accept(count: int) -> int:
    """Turns of the loop from a burst of connections until all of them are accepted."""
    sockets = bind("127.0.0.1", 0)
    address = sockets[0].getsockname()
    server = Server(app, sockets)
    await server.start()
    clients = [socket.create_connection(address) for _ in range(count)]
    turns = 0
    while len(server.edge.connections) < count and turns < 10 * count:
        await asyncio.sleep(0)
        turns += 1
    for client in clients:
        client.close()
    await server.drain()
    with closing(socket.socket()) as late:
        assert late.connect_ex(address), "a socket still listens"
    return turns


def test_a_burst_of_clients_waits_for_few_turns_of_the_loop() -> None:
    """A turn lasts for as long as the requests in it, so that a turn for each would be seconds."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(turns_to_accept(CLIENTS)) <= CLIENTS // 2
