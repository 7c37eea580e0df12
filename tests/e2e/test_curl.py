"""curl, as the README has it."""

import json
import shutil
import subprocess

import pytest

from tests.e2e.processes import Gateway, environment

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

CALL = """
curl -X POST http://localhost:4000/chat/completions -H "Content-Type: application/json"
 -H "Authorization: Bearer <master key>"
 -d '{"model": "azure-model-router", "messages": [{"role": "user", "content": "Hello!"}]}'
"""


def shell(gateway: Gateway, command: str) -> str:
    """What a command line prints, with the gateway's address and key in it."""
    line = " ".join(command.split("\n")).strip()
    line = line.replace("http://localhost:4000", gateway.url).replace("<master key>", gateway.key)
    done = subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment(),
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_call_as_it_stands(gateway: Gateway) -> None:
    answer = json.loads(shell(gateway, CALL))
    assert answer["choices"][0]["message"]["content"].startswith("You asked: Hello!")
    assert answer["model"].startswith("azure_ai/")
    assert answer["usage"]["cost_details"]["status"] == "priced"


def test_headers_too(gateway: Gateway) -> None:
    shown = shell(gateway, CALL.replace("curl", "curl -sS -D - -o /dev/null", 1))
    assert shown.startswith("HTTP/1.1 200")
    assert "x-faregate-cost: 0.0" in shown


def test_a_stream(gateway: Gateway) -> None:
    streamed = CALL.replace("curl", "curl -sSN", 1).replace(
        '"messages"', '"stream":true,"messages"'
    )
    events = shell(gateway, streamed).strip().split("\n\n")
    assert events[-1] == "data: [DONE]"
    assert len(events) > 5


def test_a_head(gateway: Gateway) -> None:
    shown = shell(gateway, "curl -sS -I http://localhost:4000/health/readiness")
    assert shown.startswith("HTTP/1.1 200")
