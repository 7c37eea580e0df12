"""The emulator and the gateway as processes of their own, started and stopped as a person would."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

FAREGATE = [sys.executable, "-c", "from faregate.cli import main; main(prog_name='faregate')"]
MASTER_KEY = "sk-fg-Vv3kZ8qLr1Xc7TnB5mYw2HsD"
"""Long and mixed enough not to be called weak; opens nothing but a server of these tests."""

R = TypeVar("R", bound="Running")

_READY = re.compile(r" at (http://127\.0\.0\.1:\d+)")
_POLL = 0.02
_PATIENCE = 20.0


def environment(**more: str) -> dict[str, str]:
    """The machine's variables without anything that steers a client or a server."""
    steering = ("AZURE_", "OPENAI_", "FAREGATE_", "LITELLM_", "LLM_", "LISTEN_", "COV_")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(steering)
        and not name.upper().endswith(("_PROXY", "_API_KEY", "_API_BASE"))
    }
    return kept | {"PYTHONUNBUFFERED": "1"} | more


class Running:
    """A server that answers."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, output: Path) -> None:
        self.process = process
        self.url = url
        self.port = urlsplit(url).port or 0
        self._output = output

    def printed(self) -> str:
        """Everything it has written so far."""
        return self._output.read_text("utf-8", "replace")

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        """(status, JSON) of a GET."""
        return self.ask("GET", path, headers=headers)[:2]

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float = 30.0,
    ) -> tuple[int, Any, dict[str, str]]:
        """(status, JSON or text, headers in lower case) of one request on a connection of its own.

        ``body`` is sent as it is when it is bytes, else as JSON.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"content-type": "application/json"} if data is not None else {}
        try:
            connection.request(method, path, data, {**sent, **(headers or {})})
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
            found = {name.lower(): value for name, value in answer.getheaders()}
            is_json = "json" in found.get("content-type", "") and text
            return answer.status, json.loads(text) if is_json else text, found
        finally:
            connection.close()


class Gateway(Running):
    """A gateway; requests carry its master key."""

    key = MASTER_KEY

    @property
    def bearer(self) -> dict[str, str]:
        """The header that lets a request in."""
        return {"authorization": f"Bearer {self.key}"}

    def chat(
        self, model: str, content: str = "Say hello", **more: Any
    ) -> tuple[int, Any, dict[str, str]]:
        """One chat completion."""
        body = {"model": model, "messages": [{"role": "user", "content": content}], **more}
        return self.ask("POST", "/v1/chat/completions", body, self.bearer)

    def stream(self, model: str, content: str = "Say hello", **more: Any) -> "Streamed":
        """One streamed chat completion, read to its end."""
        status, text, headers = self.chat(model, content, stream=True, **more)
        if status != 200:
            raise AssertionError(f"{status}: {text}")
        return Streamed(text, headers)

    def receipt(self, call_id: str) -> dict[str, Any]:
        """The receipt of a call that has ended."""
        status, found, _ = self.ask("GET", f"/v1/receipts/{call_id}", headers=self.bearer)
        assert status == 200, found
        assert isinstance(found, dict)
        return found

    def healthy(self) -> bool:
        """Whether it still serves a call, start to end."""
        status, _, _ = self.chat("azure-model-router")
        return status == 200


class Streamed:
    """What came of a stream: its events, and the facts tests ask about."""

    def __init__(self, text: str, headers: dict[str, str]) -> None:
        self.headers = headers
        self.events = [line[6:] for line in text.split("\n") if line.startswith("data: ")]
        self.done = bool(self.events) and self.events[-1] == "[DONE]"
        chunks = self.events[:-1] if self.done else self.events
        self.chunks: list[dict[str, Any]] = [json.loads(each) for each in chunks]

    @property
    def call_id(self) -> str:
        """Ours."""
        return self.headers["x-faregate-call-id"]

    @property
    def text(self) -> str:
        """What was said."""
        deltas = [c["choices"][0].get("delta", {}) for c in self.chunks if c.get("choices")]
        return "".join(delta.get("content") or "" for delta in deltas)

    @property
    def usage(self) -> dict[str, Any] | None:
        """The usage chunk's usage."""
        found = [chunk["usage"] for chunk in self.chunks if chunk.get("usage")]
        return found[-1] if found else None

    @property
    def error(self) -> dict[str, Any] | None:
        """The error event's error."""
        found = [chunk["error"] for chunk in self.chunks if "error" in chunk]
        return found[-1] if found else None


class Emulator(Running):
    """An emulated Azure AI Foundry resource."""

    def fault(self, fault: str, deployment: str = "", times: int = 1) -> None:
        """What happens to the next calls of a deployment."""
        queued = {"fault": fault, "deployment": deployment, "times": times}
        status, said, _ = self.ask("POST", "/_emulator/faults", queued)
        assert status == 200, said

    def script(self, served: str, usage: Mapping[str, Any], deployment: str = "") -> None:
        """The next answer of a deployment, with its exact usage."""
        laid = {"served": served, "usage": dict(usage), "deployment": deployment}
        status, said, _ = self.ask("POST", "/_emulator/script", laid)
        assert status == 200, said

    def reset(self) -> None:
        """As it was when it started."""
        assert self.ask("POST", "/_emulator/reset")[0] == 200

    def meter(self) -> dict[str, Any]:
        """What it billed."""
        status, found = self.get("/_emulator/meter")
        assert status == 200
        assert isinstance(found, dict)
        return found


@contextmanager
def _running(
    kind: type[R], command: list[str], ready: str, output: Path, env: Mapping[str, str]
) -> Iterator[R]:
    """Run a server until the block ends; given once GET ``ready`` is answered with 200.

    It is stopped by SIGTERM and must then exit with 0.
    """
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*FAREGATE, *command], stdout=file, stderr=subprocess.STDOUT, env=dict(env)
        )
    try:
        yield kind(process, _url_of(process, ready, output), output)
    except BaseException:
        process.kill()
        process.wait()
        raise
    _stop(process, output)


def _url_of(process: subprocess.Popen[bytes], ready: str, output: Path) -> str:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        found = _READY.search(output.read_text("utf-8", "replace"))
        if found is not None:
            try:
                if Running(process, found[1], output).get(ready)[0] == 200:
                    return found[1]
            except OSError:
                pass
        time.sleep(_POLL)
    raise AssertionError(f"it did not start:\n{output.read_text('utf-8', 'replace')}")


def _stop(process: subprocess.Popen[bytes], output: Path) -> None:
    """Ask a server to stop. Raises AssertionError when it does not, or not with exit code 0."""
    assert process.poll() is None, f"it had stopped already:\n{output.read_text('utf-8')}"
    process.send_signal(signal.SIGTERM)
    try:
        code = process.wait(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"it did not stop:\n{output.read_text('utf-8')}") from None
    assert code == 0, f"exit code {code}:\n{output.read_text('utf-8')}"


@contextmanager
def emulator(directory: Path, *arguments: str) -> Iterator[Emulator]:
    """``faregate emulate`` on a free port."""
    output = directory / "emulator.log"
    command = ["emulate", "--port", "0", *arguments]
    with _running(Emulator, command, "/_emulator/meter", output, environment()) as running:
        yield running


@contextmanager
def gateway(directory: Path, config: str, *arguments: str) -> Iterator[Gateway]:
    """``faregate --config`` on a free port, with ``config`` as its file's text."""
    path = directory / "config.yaml"
    path.write_text(config, "utf-8")
    env = environment(
        AZURE_MODEL_ROUTER_API_KEY="emulator-key",
        FAREGATE_MASTER_KEY=MASTER_KEY,
        FAREGATE_DATA_DIR=str(directory / "state"),
    )
    command = ["--config", str(path), "--port", "0", *arguments]
    output = directory / "gateway.log"
    with _running(Gateway, command, "/health/readiness", output, env) as running:
        yield running
