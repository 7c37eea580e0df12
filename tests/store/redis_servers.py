"""Redis for tests: the one of this machine under a prefix of its own, or one started here."""

import atexit
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from faregate.store.redis_counters import RedisCounters

LOCAL = "redis://127.0.0.1:6379/0"
_OURS = f"test-{os.getpid()}-"
_PATIENCE = 2.0
"""Seconds, in place of milliseconds: the machines that run tests are busy."""


def url_or_skip() -> str:
    """The address of a Redis that answers; skips where there is none."""
    import redis

    client = redis.Redis.from_url(LOCAL, socket_timeout=2, socket_connect_timeout=2)
    try:
        client.ping()
    except redis.RedisError:
        pytest.skip("no Redis answers at 127.0.0.1:6379")
    finally:
        client.close()
    return LOCAL


def prefix_of_its_own() -> str:
    """A prefix nobody else has; what is under it is removed when the tests end."""
    atexit.register(_sweep)  # once or often: the second time finds nothing
    return _OURS + secrets.token_hex(6)


def _sweep() -> None:
    import redis

    atexit.unregister(_sweep)
    with (
        contextlib.suppress(redis.RedisError),
        contextlib.closing(redis.Redis.from_url(LOCAL, socket_connect_timeout=2)) as client,
    ):
        for key in client.scan_iter(f"{{{_OURS}*", 500):
            client.delete(key)


def counters(url: str, prefix: str = "", **options: Any) -> RedisCounters:
    """Counters with a prefix nobody else has, and patience."""
    options.setdefault("timeout", _PATIENCE)
    return RedisCounters(url, prefix=prefix or prefix_of_its_own(), **options)


class Server:
    """A redis-server of the test's own, on a free port, that keeps nothing."""

    def __init__(self, folder: Path) -> None:
        binary = shutil.which("redis-server") or shutil.which("valkey-server")
        if binary is None:
            pytest.skip("there is no redis-server on this machine")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._command = [
            binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
            "--appendonly", "no", "--dir", str(folder), "--daemonize", "no",
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        import redis

        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        with contextlib.closing(redis.Redis(port=self.port, socket_connect_timeout=1)) as client:
            for _ in range(2000):
                with contextlib.suppress(redis.RedisError):
                    client.ping()
                    return
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(0.005)
        raise AssertionError("redis-server did not start")

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def flush(self) -> None:
        """It forgets everything and keeps its connections."""
        import redis

        with contextlib.closing(redis.Redis(port=self.port, socket_connect_timeout=1)) as client:
            client.flushall()

    def freeze(self) -> None:
        """It keeps its connections and answers nothing."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)


@contextlib.contextmanager
def server(folder: Path) -> Iterator[Server]:
    """A running server; gone afterwards."""
    made = Server(folder)
    made.start()
    try:
        yield made
    finally:
        made.kill()
