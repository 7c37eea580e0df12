"""Gateways that tests configure, change, signal and watch themselves; none may show a secret."""

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.e2e import wire
from tests.e2e.processes import FAREGATE, MASTER_KEY, Gateway, environment

PROMPT = "Zanzibar counts 77 tides"
"""What these tests ask, so that a leak of prompts can be searched for."""

UPSTREAM_KEY = "emulator-key"
_READY = re.compile(r" at (http://\S+:\d+)")


class Life(Gateway):
    """A gateway whose end is the test's own business."""

    base = ""
    """The resource behind it, for tests that write its configuration later."""

    def __init__(
        self, process: subprocess.Popen[bytes], url: str, output: Path, config: Path
    ) -> None:
        super().__init__(process, url, output)
        self.config = config

    def write(self, text: str) -> None:
        """Replace the configuration as an editor does: whole, by renaming."""
        fresh = self.config.with_suffix(".new")
        fresh.write_text(text, "utf-8")
        fresh.replace(self.config)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process that was started."""
        self.process.send_signal(number)

    def models(self) -> list[str]:
        """What GET /v1/models lists."""
        _, found, _ = self.ask("GET", "/v1/models", headers=self.bearer)
        return [each["id"] for each in found["data"]]

    def ask_model(self, model: str, **more: Any) -> tuple[int, Any, dict[str, str]]:
        """One chat completion with :data:`PROMPT`."""
        return self.chat(model, PROMPT, **more)

    def open_stream(self, model: str) -> wire.Raw:
        """A streamed call that has begun: its first event is here."""
        client = wire.Raw(self.port)
        client.send(wire.request(self, wire.chat(model, PROMPT, stream=True)))
        client.until(b"data: ")
        return client

    def metrics(self) -> dict[str, float]:
        """Every sample of /metrics by its name and labels, as written."""
        _, text, _ = self.ask("GET", "/metrics")
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, _, value in (x.rpartition(" ") for x in lines)}

    def total(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        return sum(
            value
            for key, value in self.metrics().items()
            if key.partition("{")[0] == name
            and all(f'{label}="{wanted}"' in key for label, wanted in labels.items())
        )

    def lines(self) -> list[dict[str, Any]]:
        """The log's lines that are JSON."""
        return [json.loads(x) for x in self.printed().splitlines() if x.startswith("{")]

    def stopped(self, *, seconds: float = 20.0) -> int:
        """The exit code, once it has stopped."""
        return self.process.wait(timeout=seconds)

    def workers(self) -> list[int]:
        """Process ids of its workers."""
        tasks = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in tasks.read_text().split()]


def entry(name: str, model: str, base: str, **params: Any) -> dict[str, Any]:
    """An entry of ``model_list``. ``id=`` gives the deployment's id."""
    chosen = params.pop("id", "")
    found: dict[str, Any] = {
        "model_name": name,
        "params": {
            "model": f"azure_ai/{model}",
            "api_base": f"{base}/openai/v1/",
            "api_key": "os.environ/AZURE_MODEL_ROUTER_API_KEY",
            **params,
        },
    }
    return found | ({"model_info": {"id": chosen}} if chosen else {})


def config(*entries: dict[str, Any], **sections: Any) -> str:
    """A configuration as text (JSON is YAML); ``router=`` and ``general=`` are short names."""
    found: dict[str, Any] = {"model_list": list(entries)}
    names = {"router": "router_settings", "general": "general_settings"}
    return json.dumps(found | {names.get(key, key): value for key, value in sections.items()})


def variables(directory: Path, **more: str) -> dict[str, str]:
    """The environment of a gateway; an empty text takes a variable away."""
    given = {
        "AZURE_MODEL_ROUTER_API_KEY": UPSTREAM_KEY,
        "FAREGATE_MASTER_KEY": MASTER_KEY,
        "FAREGATE_DATA_DIR": str(directory / "state"),
        **more,
    }
    return environment(**{name: value for name, value in given.items() if value})


def run(*arguments: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A command to its end."""
    return subprocess.run(
        [*FAREGATE, *arguments],
        capture_output=True,
        text=True,
        env=dict(env),
        timeout=30,
        check=False,
    )


@contextmanager
def started(
    directory: Path, text: str, *arguments: str, env: Mapping[str, str] | None = None
) -> Iterator[Life]:
    """A gateway in front of whatever its configuration says, on a free port.

    If it still runs when the block ends it is stopped by SIGTERM and must exit with 0. In all it
    has written there must be no key and no prompt.
    """
    path, output = directory / "config.yaml", directory / "gateway.log"
    path.write_text(text, "utf-8")
    command = [*FAREGATE, "--config", str(path), "--port", "0", *arguments]
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env=dict(env or variables(directory))
        )
    try:
        life = Life(process, _url(process, output), output, path)
        yield life
        if process.poll() is None:
            life.signal(signal.SIGTERM)
            assert life.stopped() == 0, life.printed()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    check_no_secrets(output.read_text("utf-8"))


def check_no_secrets(text: str) -> None:
    """Raises AssertionError for a key or a prompt in what is shown to anybody."""
    for secret in (MASTER_KEY, UPSTREAM_KEY, PROMPT, "Zanzibar"):
        assert secret not in text, f"{secret!r} is shown"


def _url(process: subprocess.Popen[bytes], output: Path) -> str:
    """Where it answers. In JSON it says nothing of that, so its socket is looked for."""

    def look() -> str:
        assert process.poll() is None, output.read_text("utf-8")
        said = _READY.search(output.read_text("utf-8", "replace"))
        port = _listening(process.pid)
        if not said and not port:
            return ""
        url = said[1] if said else f"http://127.0.0.1:{port}"
        return url if _answers(int(url.rpartition(":")[2])) else ""

    return wire.soon(look, seconds=20)


def sockets(pid: int) -> list[str]:
    """The sockets a process has open, such as ``socket:[1234]``."""
    found = []
    with suppress(OSError):
        for each in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                found.append(str(each.readlink()))
    return [name for name in found if name.startswith("socket:[")]


def _listening(pid: int) -> int:
    """The TCP port a process listens on; 0 for none."""
    inodes = {name[8:-1] for name in sockets(pid)}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        found = line.split()
        if found[3] == "0A" and found[9] in inodes:
            return int(found[1].partition(":")[2], 16)
    return 0


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
            client.sendall(
                b"GET /health/readiness HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            )
            return client.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def refused(port: int) -> bool:
    """Whether nothing listens there any more."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def waited(began: float) -> float:
    """Seconds since an instant of the monotonic clock."""
    return time.monotonic() - began
