"""Serving an emulator with uvicorn: in a thread for tests, or until interrupted."""

import asyncio
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn

from faregate.emulator.app import Emulator
from faregate.emulator.config import Config
from faregate.emulator.protocol import BreakableProtocol
from faregate.tokenizer import encoding_for


class _Server(uvicorn.Server):
    """A uvicorn server that says when it listens, and lets stalled answers go when it stops."""

    def __init__(self, emulator: Emulator, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._emulator = emulator
        self._wake = asyncio.Event()
        self.on_listening: Callable[[], None] = lambda: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.on_listening()

    async def main_loop(self) -> None:
        ticks = 0
        while not self.should_exit and not await self.on_tick(ticks):
            ticks = (ticks + 1) % 864_000
            try:
                await asyncio.wait_for(self._wake.wait(), 0.1)
            except TimeoutError:
                continue

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._emulator.closing.set()
        await super().shutdown(sockets=sockets)

    def finish(self) -> None:
        """Stop at once; to be called in the server's loop."""
        self.should_exit = True
        self._wake.set()


def _server(emulator: Emulator) -> _Server:
    encoding_for("")  # so that the first answer is as quick as the others
    config = uvicorn.Config(
        emulator,
        http=BreakableProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=5,
        backlog=2048,
    )
    return _Server(emulator, config)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    if sys.platform == "win32":
        return asyncio.new_event_loop
    import uvloop

    found: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return found


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY for TCP by that name alone.
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
    except OSError:
        found.close()
        raise
    return found


class Running:
    """An emulator served from a thread of its own."""

    def __init__(self, emulator: Emulator, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._emulator = emulator
        self._address = (host, port)
        self._listening = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: _Server | None = None
        self._failure: BaseException | None = None

    def start(self) -> str:
        """Start serving; returns the base URL. Raises OSError when the port is taken."""
        listener = _listen(*self._address)
        host, port = listener.getsockname()[:2]
        self._thread = threading.Thread(
            target=self._run, args=(listener,), name="faregate-emulator", daemon=True
        )
        self._thread.start()
        self._listening.wait()
        if self._failure is not None:
            raise self._failure
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def stop(self) -> None:
        """Stop serving and wait until every connection is closed."""
        if self._loop is not None and self._server is not None:
            self._loop.call_soon_threadsafe(self._server.finish)
        if self._thread is not None:
            self._thread.join()

    def _run(self, listener: socket.socket) -> None:
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._serve(listener))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self._failure = error
        finally:
            listener.close()
            self._listening.set()

    async def _serve(self, listener: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._server = _server(self._emulator)
        self._server.on_listening = self._listening.set
        await self._server.serve(sockets=[listener])


@contextmanager
def running_emulator(**options: Any) -> Iterator[str]:
    """Run an emulator on a free local port while the block runs; yields its base URL.

    ``options`` are the fields of :class:`faregate.emulator.Config`.
    """
    server = Running(Emulator(Config(**options)))
    url = server.start()
    try:
        yield url
    finally:
        server.stop()


def serve(
    config: Config,
    *,
    host: str,
    port: int,
    on_listening: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until interrupted (SIGINT, SIGTERM). Raises OSError when the port is taken.

    For a process's main thread: it takes SIGTERM over.
    """
    listener = _listen(host, port)
    bound = listener.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host

    async def main() -> None:
        server = _server(Emulator(config))
        server.on_listening = lambda: on_listening(f"http://{shown}:{bound}")
        await server.serve(sockets=[listener])

    # uvicorn raises the signal that stopped it once more, which would end the process by it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    runner = asyncio.Runner(loop_factory=_loop_factory())
    with listener, runner, suppress(KeyboardInterrupt):
        runner.run(main())
