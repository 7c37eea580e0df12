"""The server process: sockets, signals, start and a stop that finishes what it began."""

import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable
from functools import partial

import uvloop
from msgspec import Struct

from faregate.edge.cycle import Application
from faregate.edge.edge import Edge
from faregate.edge.lifespan import Lifespan, LifespanError
from faregate.edge.limits import EdgeLimits
from faregate.edge.listen import BACKLOG, addresses, allow_descriptors
from faregate.edge.workers import Supervisor

_log = logging.getLogger("faregate.server")

_GARBAGE = (20_000, 20, 50)
"""Thresholds of the collector. Calls leave no cycles behind, so that it finds nothing, while many
of them at once look to Python's own 700 like a heap that grows."""

_ACCEPTED_A_TURN = 8
"""uvloop accepts one connection of a listening socket in a turn of its loop, and under load turns
are long: clients that come then would wait for seconds. So it listens by several descriptors."""

_AFTER_CANCEL = 5.0
"""Seconds a cancelled request has to write its record."""


class Hooks(Struct, frozen=True, kw_only=True):
    """What is called when."""

    on_ready: Callable[[list[str]], None] | None = None
    """Gets the base URLs once requests are answered; in the parent when there are workers."""
    on_reload: Callable[[], object] | None = None
    """On SIGHUP, in each serving process, on its loop."""


class Server:
    """Serves one application in one process, on sockets that listen already."""

    def __init__(
        self,
        app: Application,
        sockets: list[socket.socket],
        *,
        limits: EdgeLimits | None = None,
        drain_timeout: float = 30.0,
        on_reload: Callable[[], object] | None = None,
    ) -> None:
        self.edge = Edge(app, limits)
        self._lifespan = Lifespan(app)
        self._sockets = sockets
        self._drain_timeout = drain_timeout
        self._on_reload = on_reload
        self._stopping: asyncio.Event = asyncio.Event()

    async def start(self) -> None:
        """Start the application, then accept. Raises :class:`LifespanError`."""
        loop = asyncio.get_running_loop()
        await self._lifespan.start()
        self.edge.start()
        self._servers = [
            await loop.create_server(self.edge.connect, sock=each, backlog=BACKLOG)
            for sock in self._sockets
            for each in (sock, *(sock.dup() for _ in range(_ACCEPTED_A_TURN - 1)))
        ]

    def stop_soon(self) -> None:
        """Ask :meth:`run` to drain and return."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until :meth:`stop_soon`, then drain."""
        await self._stopping.wait()
        await self.drain()

    async def drain(self) -> None:
        """Accept no more, finish what is in flight up to the deadline, cancel the rest."""
        for server in self._servers:
            server.close()
        for sock in self._sockets:
            sock.close()
        if not await self.edge.drain(self._drain_timeout):
            cancelled = self.edge.abandon()
            if cancelled:
                _log.warning("drain deadline: %d requests were cut off", len(cancelled))
                await asyncio.wait(cancelled, timeout=_AFTER_CANCEL)
        self.edge.stop()
        await self._lifespan.stop()

    def handle_signals(self, *, interrupt: bool) -> None:
        """SIGTERM and SIGINT drain, a second one exits at once; SIGHUP reloads.

        ``interrupt=False`` ignores SIGINT: a terminal sends it to every worker, but the
        supervisor decides.
        """
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._on_stop_signal, signal.SIGTERM)
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup)
        if interrupt:
            loop.add_signal_handler(signal.SIGINT, self._on_stop_signal, signal.SIGINT)
        else:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        # The supervisor forks with these blocked, so that none is lost before this point.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))

    def _on_stop_signal(self, number: signal.Signals) -> None:
        if self._stopping.is_set():
            os._exit(128 + number)
        _log.info("stopping: finishing what is in flight, for up to %g s", self._drain_timeout)
        self.stop_soon()

    def _on_hangup(self) -> None:
        if self._on_reload is not None:
            self._on_reload()


def serve(
    app: Application,
    sockets: list[socket.socket],
    *,
    limits: EdgeLimits | None = None,
    drain_timeout: float = 30.0,
    workers: int = 1,
    hooks: Hooks | None = None,
) -> int:
    """Serve until a signal says stop; gives the exit code (0 after a drain).

    ``sockets`` listen already (:func:`listen.bind`, :func:`listen.inherited`) and are closed here.
    With ``workers`` over 1 the process forks: call it before any loop or thread exists.
    """
    limits = limits or EdgeLimits()
    hooks = hooks or Hooks()
    allow_descriptors(limits.max_connections)
    urls = addresses(sockets)

    def make_server() -> Server:
        return Server(
            app, sockets, limits=limits, drain_timeout=drain_timeout, on_reload=hooks.on_reload
        )

    def ready() -> None:
        if hooks.on_ready is not None:
            hooks.on_ready(urls)

    if workers > 1:
        return Supervisor(workers, partial(_serve_here, make_server), ready, sockets).run()
    return _serve_here(make_server, ready, None)


def _serve_here(
    make_server: Callable[[], Server], ready: Callable[[], None], lifeline: int | None
) -> int:
    """One process's loop. ``lifeline``: a descriptor that ends when the supervisor does."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve_on_loop(make_server, ready, lifeline))


async def _serve_on_loop(
    make_server: Callable[[], Server], ready: Callable[[], None], lifeline: int | None
) -> int:
    server = make_server()
    server.handle_signals(interrupt=lifeline is None)
    if lifeline is not None:
        asyncio.get_running_loop().add_reader(lifeline, _orphaned, lifeline, server)
    try:
        await server.start()
    except LifespanError as error:
        _log.error("%s", error)
        return 1
    gc.collect()
    gc.freeze()  # modules and configuration stay; the collector need not walk them again
    gc.set_threshold(*_GARBAGE)
    ready()
    try:
        await server.run()
    except LifespanError as error:
        _log.error("%s", error)
        return 1
    return 0


def _orphaned(lifeline: int, server: Server) -> None:
    asyncio.get_running_loop().remove_reader(lifeline)
    server.stop_soon()
