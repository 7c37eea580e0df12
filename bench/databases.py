"""A Redis and a PostgreSQL of one's own, on free ports, that are gone afterwards."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_PATIENCE = 30.0
_INSTALLED = "/usr/lib/postgresql"


class Missing(Exception):  # noqa: N818 - a state of the machine, told to whoever asked
    """A program that is not on this machine."""


class Process:
    """A server that can be stopped, started and killed."""

    def __init__(self, command: list[str], port: int, url: str, user: str | None = None) -> None:
        self.port = port
        self.url = url
        self._command = command
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        silent = subprocess.DEVNULL
        self._process = subprocess.Popen(
            self._command, stdout=silent, stderr=silent, user=self._user
        )
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            time.sleep(0.01)
        raise RuntimeError(f"{self._command[0]} did not start")

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it, as a crash does unless another signal is given."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait()


@contextlib.contextmanager
def redis() -> Iterator[Process]:
    """A Redis that keeps nothing. Raises :class:`Missing`."""
    binary = shutil.which("redis-server") or shutil.which("valkey-server")
    if binary is None:
        raise Missing("there is no redis-server on this machine")
    port = _free_port()
    with tempfile.TemporaryDirectory() as directory:
        command = [
            binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "",
            "--appendonly", "no", "--dir", directory,
        ]  # fmt: skip
        server = Process(command, port, f"redis://127.0.0.1:{port}/0")
        server.start()
        try:
            yield server
        finally:
            server.kill()


@contextlib.contextmanager
def postgres() -> Iterator[Process]:
    """A PostgreSQL with an empty database. Raises :class:`Missing`."""
    binaries = _postgres()
    user = None
    if os.geteuid() == 0:  # it does not run as root
        user = next((each for each in ("postgres", "nobody") if _known(each)), None)
    with tempfile.TemporaryDirectory(prefix="faregate-pg-") as directory:
        if user is not None:
            shutil.chown(directory, user)
        data, port = Path(directory) / "data", _free_port()
        made = subprocess.run(
            [str(binaries / "initdb"), "-D", str(data), "-A", "trust", "-U", "faregate"],
            capture_output=True,
            text=True,
            user=user,
            check=False,
            cwd=directory,
        )
        if made.returncode:
            raise Missing(f"initdb failed: {made.stderr.strip()[-200:]}")
        command = [
            str(binaries / "postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1",
            "-k", directory,
        ]  # fmt: skip
        url = f"postgresql://faregate@127.0.0.1:{port}/postgres"
        server = Process(command, port, url, user)
        server.start()
        try:
            yield server
        finally:
            server.kill(signal.SIGINT)


def _postgres() -> Path:
    """Where its programs are: the newest that is installed."""
    found = sorted(Path(_INSTALLED).glob("*/bin"), key=lambda path: int(path.parent.name))
    if found:
        return found[-1]
    binary = shutil.which("postgres")
    if binary is None:
        raise Missing("there is no PostgreSQL on this machine")
    return Path(binary).resolve().parent


def _known(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
