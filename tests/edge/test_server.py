"""The server process: signals, draining, several workers, and addresses that cannot be had."""

import http.client
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 20.0


class Process:
    """A server process, its lines and its exit."""

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 0, workers: int = 1, drain: float = 10,
        fails: str = "",
    ) -> None:  # fmt: skip
        command = [sys.executable, "-m", "tests.edge.served"]
        self.process = subprocess.Popen(
            [*command, host, str(port), str(workers), str(drain), fails],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self.heard: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.port = 0

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def line(self, start: str) -> str:
        """The next line that begins so; earlier ones are put aside."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                line = self._lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line {start!r} among {self.heard}") from None
            self.heard.append(line)
            if line.startswith(start):
                return line

    def ready(self) -> str:
        url = self.line("ready").split()[1]
        self.port = int(url.rpartition(":")[2])
        return url

    def connect(self, host: str = "127.0.0.1") -> http.client.HTTPConnection:
        return http.client.HTTPConnection(host, self.port, timeout=PATIENCE)

    def pid(self) -> int:
        """The process that answers now."""
        connection = self.connect()
        try:
            connection.request("GET", "/")
            return int(connection.getresponse().read())
        finally:
            connection.close()

    def refuses(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), PATIENCE).close()
        except OSError:
            return True
        return False

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        while not self._lines.empty():
            self.heard.append(self._lines.get())
        return code


@contextmanager
def running(**options: object) -> Iterator[Process]:
    process = Process(**options)  # type: ignore[arg-type]
    try:
        yield process
    finally:
        process.process.kill()
        process.process.wait(PATIENCE)
        process._reader.join(PATIENCE)
        assert process.process.stdout is not None
        process.process.stdout.close()


def until(holds: object) -> None:
    end = time.monotonic() + PATIENCE
    assert callable(holds)
    while not holds():
        assert time.monotonic() < end, "it never came to be"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_an_idle_server_at_once(number: signal.Signals) -> None:
    with running() as server:
        server.ready()
        assert server.pid() == server.process.pid
        idle = server.connect()
        idle.request("GET", "/")
        idle.getresponse().read()
        server.signal(number)
        assert server.end() == 0
        assert idle.sock.recv(1) == b""
        assert server.heard[-1] == f"stopped {server.process.pid}"
        idle.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stream_in_flight_is_finished(workers: int) -> None:
    with running(workers=workers) as server:
        server.ready()
        connection = server.connect()
        connection.request("GET", "/stream")
        answer = connection.getresponse()
        assert answer.read(5) == b"first"
        server.signal(signal.SIGTERM)
        until(server.refuses)
        server.signal(signal.SIGHUP)
        assert answer.read() == b"last"
        assert server.end() == 0
        assert not [line for line in server.heard if line.startswith("cancelled")]
        connection.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_what_outlasts_the_deadline_is_cancelled(workers: int) -> None:
    with running(drain=0.2, workers=workers) as server:
        server.ready()
        connection = server.connect()
        connection.request("GET", "/stream")
        answer = connection.getresponse()
        assert answer.read(5) == b"first"
        server.signal(signal.SIGTERM)
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
        assert server.end() == 0
        assert "cancelled" in server.heard
        assert "log drain deadline: 1 requests were cut off" in server.heard
        assert sum(line.startswith("stopped") for line in server.heard) == workers
        connection.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_second_signal_ends_it_at_once(workers: int) -> None:
    with running(workers=workers) as server:
        server.ready()
        connection = server.connect()
        connection.request("GET", "/stream")
        assert connection.getresponse().read(5) == b"first"
        server.signal(signal.SIGTERM)
        until(server.refuses)
        server.signal(signal.SIGTERM)
        assert server.end() == 128 + signal.SIGTERM
        connection.close()


def test_sighup_reloads_and_serving_goes_on() -> None:
    with running() as server:
        server.ready()
        server.signal(signal.SIGHUP)
        server.line("reloaded")
        assert server.pid() == server.process.pid


def test_sighup_reaches_every_worker() -> None:
    with running(workers=3) as server:
        server.ready()
        server.signal(signal.SIGHUP)
        for _ in range(3):
            server.line("reloaded")


def test_workers_share_the_port_and_one_that_died_is_replaced() -> None:
    with running(workers=2) as server:
        server.ready()
        born = {int(line.split()[1]) for line in server.heard if line.startswith("started")}
        assert len(born) == 2
        assert server.process.pid not in born
        victim = server.pid()
        assert victim in born
        os.kill(victim, signal.SIGKILL)
        replaced = int(server.line("started").split()[1])
        assert replaced not in born
        alive = (born - {victim}) | {replaced}
        for _ in range(20):
            assert server.pid() in alive
        server.signal(signal.SIGTERM)
        assert server.end() == 0
        stopped = {int(line.split()[1]) for line in server.heard if line.startswith("stopped")}
        assert stopped == alive


def test_workers_do_not_outlive_their_parent() -> None:
    with running(workers=2) as server:
        server.ready()
        server.process.kill()
        server.line("stopped")
        server.line("stopped")
        until(server.refuses)


@pytest.mark.parametrize("fails", ["raise", "say"])
def test_an_application_that_cannot_start_ends_the_server(fails: str) -> None:
    with running(fails=fails) as server:
        assert server.end() == 1
        assert any("startup failed: no database" in line for line in server.heard)
        assert not any(line.startswith("ready") for line in server.heard)


def test_workers_that_cannot_start_are_given_up() -> None:
    with running(workers=2, fails="raise") as server:
        assert server.end() == 1
        assert "log workers die as soon as they start (5 times); giving up" in server.heard


def test_a_taken_port_is_one_line_and_exit_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        why = "the port is taken; stop the other server or choose another port"
        with running(port=port) as server:
            assert server.end() == 1
            assert server.heard == [f"config cannot listen on 127.0.0.1, port {port}: {why}"]


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_ipv6() -> None:
    with running(host="::1") as server:
        url = server.ready()
        assert url.startswith("http://[::1]:")
        connection = server.connect("::1")
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        connection.close()


def test_sockets_from_systemd() -> None:
    with running(port=1, fails="activated") as server:
        server.ready()
        assert server.pid() == server.process.pid
