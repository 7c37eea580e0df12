"""The servers under load, each a process of its own, and what the system says of them."""

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
KEY = "sk-bench-Vv3kZ8qLr1Xc7TnB5mYw2HsD"
"""Long enough not to be called weak."""
MODEL = "bench"

_PATIENCE = 90.0

_FAREGATE = """
model_list:
  - model_name: bench
    litellm_params:
      model: azure_ai/model_router/bench
      api_base: {url}
      api_key: bench
general_settings:
  log: {{level: {level}}}
  ledger: {ledger}
"""
_LITELLM = """
model_list:
  - model_name: bench
    litellm_params: {{model: azure_ai/bench, api_base: {url}, api_key: bench}}
general_settings: {{master_key: {key}}}
litellm_settings: {{telemetry: false}}
"""


class Server(NamedTuple):
    """A server that answers."""

    name: str
    pid: int
    port: int
    headers: Mapping[str, str] = {}
    started: float = 0.0
    """Seconds from the start of its process to its first answer."""
    key: str = KEY
    ledger: bool = False
    """Whether it writes rows, which are waited for before its CPU time is read."""

    def cpu(self) -> float:
        """Seconds of CPU so far, user and system, its children included."""
        return sum(map(_cpu, _tree(self.pid)))

    def memory(self) -> int:
        """Bytes resident, its children included."""
        return sum(map(_resident, _tree(self.pid)))


@contextmanager
def floor(url: str) -> Iterator[Server]:
    """The least there can be."""
    port = _free_port()
    command = [sys.executable, "-m", "bench.floor", url, str(port)]
    with _running("floor", command, port, {}) as server:
        yield server


@contextmanager
def faregate(url: str, level: str = "warning", *, ledger: bool = False) -> Iterator[Server]:
    """The gateway, with key, routing, prices, receipts and metrics; its log at ``level``.

    ``ledger``: every call also goes to the journal and to a database of its own (SQLite).
    """
    name = "gateway" if level == "warning" else f"gateway, {level} log"
    name = f"{name}, ledger" if ledger else name
    config = _FAREGATE.format(url=url, level=level, ledger=str(ledger).lower())
    with faregate_with(config, name) as server:
        yield server


@contextmanager
def faregate_with(config: str, name: str = "gateway") -> Iterator[Server]:
    """The gateway with this text as its configuration."""
    port = _free_port()
    with _file(config) as path:
        command = [sys.executable, "-m", "faregate", "--config", path, "--port", str(port)]
        environment = {"FAREGATE_MASTER_KEY": KEY, "FAREGATE_DATA_DIR": str(Path(path).parent)}
        with _running(name, command, port, environment) as server:
            yield server


@contextmanager
def emulator(*arguments: str) -> Iterator[Server]:
    """``faregate emulate`` with these arguments."""
    port = _free_port()
    command = [sys.executable, "-m", "faregate", "emulate", "--port", str(port), *arguments]
    with _running("emulator", command, port, {}) as server:
        yield server


@contextmanager
def litellm(url: str, python: str) -> Iterator[Server]:
    """LiteLLM's proxy, from the environment of ``python``."""
    port = _free_port()
    with _file(_LITELLM.format(url=url, key=KEY)) as config:
        command = [str(Path(python).parent / "litellm"), "--config", config, "--port", str(port)]
        environment = {"LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION"}
        with _running("litellm", command, port, environment) as server:
            yield server


@contextmanager
def portkey(url: str, modules: str) -> Iterator[Server]:
    """Portkey's gateway on Node, from ``node_modules``."""
    port = _free_port()
    script = Path(modules) / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": url}
    command = ["node", str(script), "--headless", f"--port={port}"]
    trusted = {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"}
    with _running("portkey", command, port, trusted) as server:
        yield server._replace(headers=headers)


@contextmanager
def _running(
    name: str, command: Sequence[str], port: int, environment: Mapping[str, str]
) -> Iterator[Server]:
    steering = ("FAREGATE_", "AZURE_", "OPENAI_", "LITELLM_", "PORTKEY_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(steering)}
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, env={**kept, **environment}, cwd=ROOT, stdout=said, stderr=said
        )
        try:
            if not _answers(process, port):
                said.seek(0)
                tail = said.read()[-2000:].decode("utf-8", "replace")
                raise RuntimeError(f"{name} did not start:\n{tail}")
            yield Server(name, process.pid, port, started=time.perf_counter() - began)
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(process: "subprocess.Popen[bytes]", port: int) -> bool:
    """Whether it answers before patience ends; any answer to any GET will do."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.connect()
            if "floor" in str(process.args):
                return True  # it would forward the question
            connection.request("GET", "/health/liveliness")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.005)
        else:
            return True
        finally:
            connection.close()
    return False


@contextmanager
def _file(text: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "config.yaml"
        path.write_text(text, "utf-8")
        yield str(path)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    found, at = [pid], 0
    while at < len(found):
        for tasks in Path(f"/proc/{found[at]}/task").glob("*/children"):
            try:
                found += map(int, tasks.read_text().split())
            except OSError:
                continue
        at += 1
    return found


def _cpu(pid: int) -> float:
    """By the clock of the process's CPU time (``clock_getcpuclockid``), exact to the nanosecond:
    ``/proc/PID/stat`` counts in hundredths of a second, which is 1.5 µs a chunk."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def _resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
