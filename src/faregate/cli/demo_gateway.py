"""The second half of ``faregate demo``: the same resource behind the gateway."""

import contextlib
import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec

from faregate.money import format_usd, parse_usd

PORT = 4000
_PATIENCE = 20.0


class Gateway(NamedTuple):
    """A gateway that answers."""

    host: str
    port: int
    key: str
    seconds: float
    """From the start of its process to its first answer."""
    directory: Path
    """Its data directory."""


@contextlib.contextmanager
def running_gateway(base: str, upstream_key: str, port: int) -> Iterator[Gateway]:
    """The gateway as a process of its own, with the example configuration.

    Its ledger is in a temporary directory, which goes with it: nobody's own is touched.
    """
    with (
        tempfile.TemporaryDirectory(prefix="faregate-demo-") as directory,
        _running(base, upstream_key, port, Path(directory)) as gateway,
    ):
        yield gateway


@contextlib.contextmanager
def _running(base: str, upstream_key: str, port: int, directory: Path) -> Iterator[Gateway]:
    host, port = "127.0.0.1", _free(port)
    key = f"sk-demo-{secrets.token_urlsafe(18)}"
    environment = {
        **os.environ,
        "AZURE_AI_API_BASE": base,
        "AZURE_MODEL_ROUTER_API_KEY": upstream_key,
        "FAREGATE_MASTER_KEY": key,
        "FAREGATE_DATA_DIR": str(directory),
    }
    with as_file(files("faregate.cli") / "demo.yaml") as config:
        command = [sys.executable, "-m", "faregate", "--config", str(config), "--port", str(port)]
        began = time.monotonic()
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603
        try:
            _wait(process, host, port)
            yield Gateway(host, port, key, time.monotonic() - began, directory)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=40)


def show(gateway: Gateway) -> list[dict[str, Any]]:
    """A plain and a streamed call: what their answers carry, and a receipt. Their receipts."""
    click.secho(f"The gateway on http://{gateway.host}:{gateway.port}", bold=True)
    click.echo(f"it answered {gateway.seconds:.2f} s after its process was started\n")
    asked = [{"role": "user", "content": "Hello!"}]
    body = {"model": "azure-model-router", "messages": asked}
    click.echo("POST /chat/completions, and what the answer's head says:")
    headers, _ = _post(gateway, body)
    calls = [headers["x-faregate-call-id"]]
    _show_headers(headers)
    click.echo("\nPOST /chat/completions with stream: true; the cost is on the usage chunk:")
    streamed = {**body, "stream": True, "stream_options": {"include_usage": True}}
    headers, answer = _post(gateway, streamed)
    chunks = [line[6:] for line in answer.split(b"\n") if line.startswith(b"data: {")]
    usage = msgspec.json.decode(chunks[-1])["usage"]
    click.echo(f"  {len(chunks)} chunks, usage.cost_details.total {usage['cost_details']['total']}")
    calls.append(headers["x-faregate-call-id"])
    receipts = [get(gateway, f"/v1/receipts/{call_id}") for call_id in calls]
    click.echo(f"\nGET /v1/receipts/{calls[-1]}")
    _show_receipt(receipts[-1])
    return receipts


def where(gateway: Gateway) -> str:
    """Where to point a client, as lines a shell takes."""
    url = f"http://localhost:{gateway.port}"
    return (
        f"Point any OpenAI client at it:\n"
        f"  export OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY={gateway.key}\n"
        f"or:\n"
        f"  curl -X POST {url}/chat/completions -H 'Content-Type: application/json' \\\n"
        f"    -H 'Authorization: Bearer {gateway.key}' \\\n"
        '    -d \'{"model": "azure-model-router",'
        ' "messages": [{"role": "user", "content": "Hello!"}]}\''
    )


def _show_headers(headers: dict[str, str]) -> None:
    shown = {name: value for name, value in headers.items() if name.startswith("x-faregate-")}
    width = max(map(len, shown))
    for name, value in shown.items():
        click.echo(f"  {name:<{width}}  {value}")


def _show_receipt(found: dict[str, Any]) -> None:
    charge = found["charges"][-1]
    click.echo(f"  {found['requested_model']} → {charge['served_model']}")
    lines = charge["lines"]
    width = max(len(line["label"]) for line in lines)
    for line in lines:
        price = format_usd(parse_usd(line["usd_per_million"]), places=2)
        click.echo(
            f"  {line['label']:<{width}}  {line['quantity']:>6,} × ${price}/M  ${line['amount']}"
        )
    summed = format_usd(sum(parse_usd(line["amount"]) for line in lines))
    click.echo(f"  {'total':<{width}}  ${found['total']} (the lines add up to ${summed})")


def show_spend(gateway: Gateway, receipts: Sequence[dict[str, Any]]) -> None:
    """What the ledger has, as the command prints it, beside the sum of the receipts."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        ledger = get(gateway, "/health/readiness")["ledger"]
        if ledger["database"] == "up" and not ledger["pending_rows"]:
            break
        time.sleep(0.02)
    command = ("spend", "--by", "key,model,served_model")
    click.echo(f"\nfaregate {' '.join(command)} --data-dir {gateway.directory}")
    for line in run(gateway, *command).rstrip().splitlines():
        click.echo(f"  {line}")
    total = msgspec.json.decode(run(gateway, *command, "--json"))["total"]["spend_usd"]
    summed = format_usd(sum(parse_usd(each["total"] or "0") for each in receipts))
    click.echo(f"  the ledger has ${total}, the {len(receipts)} receipts add up to ${summed}")
    if total != summed:
        raise click.ClickException("the ledger and the receipts disagree; please report this")


def run(gateway: Gateway, *words: str) -> str:
    """What a command prints of the gateway's ledger."""
    command = [sys.executable, "-m", "faregate", *words, "--data-dir", str(gateway.directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise click.ClickException(done.stderr.strip())
    return done.stdout


def _free(port: int) -> int:
    """The port, or any other when somebody has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


def _wait(process: subprocess.Popen[bytes], host: str, port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise click.ClickException(
                "the gateway ended before it was ready; its message is above"
            )
        try:
            connection = http.client.HTTPConnection(host, port, timeout=5)
            connection.request("GET", "/health/readiness")
            ready = connection.getresponse().status == 200
            connection.close()
        except OSError:
            ready = False
        if ready:
            return
        time.sleep(0.02)
    raise click.ClickException(f"the gateway was not ready within {_PATIENCE:.0f} s")


def ask(gateway: Gateway, body: dict[str, Any], key: str = "") -> tuple[int, dict[str, str], bytes]:
    """(status, headers in lower case, content) of a chat completion, with the master key unless
    another one is given."""
    return _call(gateway, "POST", "/chat/completions", msgspec.json.encode(body), key)


def get(gateway: Gateway, path: str) -> dict[str, Any]:
    """The JSON of a GET."""
    status, _, content = _call(gateway, "GET", path, None)
    if status != 200:
        raise click.ClickException(f"GET {path} answered {status}: {content.decode()}")
    found: dict[str, Any] = msgspec.json.decode(content)
    return found


def _post(gateway: Gateway, body: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    status, headers, content = ask(gateway, body)
    if status != 200:
        raise click.ClickException(f"the call was answered {status}: {content.decode()}")
    return headers, content


def _call(
    gateway: Gateway, method: str, path: str, body: bytes | None, key: str = ""
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(gateway.host, gateway.port, timeout=60)
    bearer = f"Bearer {key or gateway.key}"
    headers = {"Authorization": bearer, "Content-Type": "application/json"}
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, found, answer.read()
    finally:
        connection.close()
