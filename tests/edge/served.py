"""A server process for tests to start, signal and watch: ``python -m tests.edge.served``.

It says on its standard output what happens to it, a line each. SIGHUP releases its streams.
"""

import asyncio
import logging
import os
import socket
import sys
from typing import Any

from faregate.edge.listen import bind, inherited
from faregate.edge.server import Hooks, serve
from faregate.errors import ConfigError


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())  # one write, whole, from any process


class App:
    def __init__(self, fails: str) -> None:
        self._fails = fails
        self._released = asyncio.Event()

    def reload(self) -> None:
        say("reloaded")
        self._released.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["path"] == "/stream":
            await self._stream(send)
        else:
            await send({"type": "http.response.start", "status": 200, "headers": ()})
            await send({"type": "http.response.body", "body": b"%d" % os.getpid()})

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        if self._fails == "raise":
            raise RuntimeError("no database")
        if self._fails == "say":
            await send({"type": "lifespan.startup.failed", "message": "no database"})
            return
        say("started", os.getpid())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        say("stopped", os.getpid())
        await send({"type": "lifespan.shutdown.complete"})

    async def _stream(self, send: Any) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": ()})
            await send({"type": "http.response.body", "body": b"first", "more_body": True})
            await self._released.wait()
            await send({"type": "http.response.body", "body": b"last"})
        except asyncio.CancelledError:
            say("cancelled")
            raise


def activated() -> list[socket.socket]:
    """What systemd would have done before this process began."""
    sock = socket.create_server(("127.0.0.1", 0))
    os.dup2(sock.fileno(), 3)
    if sock.fileno() == 3:
        sock.detach()
    return inherited({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"})


def main(host: str, port: str, workers: str, drain: str, fails: str) -> int:
    logging.basicConfig(stream=sys.stdout, format="log %(message)s", level=logging.INFO)
    app = App(fails)
    try:
        return serve(
            app,
            activated() if fails == "activated" else bind(host, int(port)),
            workers=int(workers),
            drain_timeout=float(drain),
            hooks=Hooks(on_ready=lambda urls: say("ready", *urls), on_reload=app.reload),
        )
    except ConfigError as error:
        say("config", error)
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
