"""The last part of ``faregate demo``: a key with a budget, called until it is refused."""

import textwrap
import time
from typing import Any

import click
import msgspec

from faregate.cli import demo_gateway
from faregate.cli.demo_gateway import Gateway
from faregate.money import format_usd, parse_usd

_BUDGET = "0.0005"
_QUESTION = {
    "model": "nano",
    "messages": [{"role": "user", "content": "Tell me about the sea."}],
    "max_completion_tokens": 120,
}
_MOST = 500
"""Calls after which the budget cannot have held."""

_PATIENCE = 5.0
_NOT_YET = (401, 503)


def show_budget(gateway: Gateway) -> list[dict[str, Any]]:
    """Make a key and call with it until its budget is used up; the receipts of the calls."""
    command = ["keys", "make", "--name", "tour", "--model", "nano", "--budget", f"{_BUDGET}/1mo"]
    click.secho("\nA key with a budget, made while the gateway runs", bold=True)
    click.echo(f"faregate {' '.join(command)} --data-dir {gateway.directory}")
    made = msgspec.json.decode(demo_gateway.run(gateway, *command, "--json"))
    began = time.monotonic()
    calls = [_first(gateway, made["secret"], began + _PATIENCE)]
    seconds = time.monotonic() - began
    click.echo(
        f"  made {made['key']['id']} ({made['key']['shown']}), in force {seconds:.2f} s later"
    )
    while True:
        status, headers, content = demo_gateway.ask(gateway, _QUESTION, made["secret"])
        if status != 200:
            break
        calls.append(headers["x-faregate-call-id"])
        if len(calls) == _MOST:
            raise click.ClickException("the budget was not kept; please report this")
    receipts = [demo_gateway.get(gateway, f"/v1/receipts/{each}") for each in calls]
    spent = format_usd(sum(parse_usd(each["total"]) for each in receipts))
    error = msgspec.json.decode(content)["error"]
    click.echo("POST /chat/completions with it, until it is refused:")
    click.echo(f"  {len(calls)} calls answered, which cost ${spent} of ${_BUDGET}")
    retry = headers.get("x-should-retry")
    click.echo(f"  the next one: {status} {error['code']}, x-should-retry: {retry}")
    click.echo(textwrap.indent(textwrap.fill(error["message"], 96), "  "))
    if error["code"] != "budget_exceeded":
        raise click.ClickException("it was refused for another reason; please report this")
    return receipts


def _first(gateway: Gateway, secret: str, deadline: float) -> str:
    """The call id of the first call, as soon as the gateway knows the key."""
    while True:
        status, headers, content = demo_gateway.ask(gateway, _QUESTION, secret)
        if status == 200:
            return headers["x-faregate-call-id"]
        if status not in _NOT_YET or time.monotonic() > deadline:
            raise click.ClickException(f"the new key was answered {status}: {content.decode()}")
        time.sleep(0.02)
