"""``faregate demo``: routed calls through an emulated Azure resource, with their receipts."""

import contextlib
import random
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import click

from faregate.cli.demo_budget import show_budget
from faregate.cli.demo_gateway import PORT, Gateway, ask, running_gateway, show, show_spend, where
from faregate.cli.demo_live import Caller, keep_calling

ROUTER = "azure_ai/model_router/azure-model-router"

_WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
_MANUAL = "Chapter {}: the tariff applies to every journey begun before midnight. "


@contextlib.contextmanager
def _resource(base: str | None, key: str | None) -> Iterator[tuple[str, str]]:
    """The address and key to call: the caller's own, or an emulator's."""
    if base:
        yield base, key or ""
        return
    from faregate.emulator.config import DEFAULT_KEY
    from faregate.emulator.serve import running_emulator

    with running_emulator() as url:
        yield f"{url}/openai/v1", DEFAULT_KEY


@click.command()
@click.option("--api-base", help="A real resource instead of the emulator.")
@click.option("--api-key", envvar="AZURE_AI_API_KEY", help="Its key.")
@click.option("--model", default=ROUTER, show_default=True, help="The router deployment.")
@click.option("--json", "as_json", is_flag=True, help="Print the SDK's receipts as JSON, and stop.")
@click.option("--serve", is_flag=True, help="Keep emulator and gateway running until Ctrl+C.")
@click.option("--port", default=PORT, show_default=True, help="The gateway's, if it is free.")
def demo(
    api_base: str | None,
    api_key: str | None,
    model: str,
    as_json: bool,
    serve: bool,
    port: int,
) -> None:
    """Send routed calls through the SDK and the gateway; print what each cost, and why.

    Without --api-base an emulated Azure AI Foundry resource answers: no account is needed. With it
    the calls are real and billed by Azure.
    """
    with _resource(api_base, api_key) as (base, key):
        if not as_json:
            whose = "Azure resource" if api_base else "emulated Azure AI Foundry resource"
            click.echo(f"{whose} at {base}\nmodel {model}\n")
        common: dict[str, Any] = {"model": model, "api_base": base, "api_key": key or None}
        for title, call in _calls(common, emulated=not api_base):
            _show(title, call, as_json)
        if as_json or api_base:
            return
        with running_gateway(base, key, port) as gateway:
            receipts = show(gateway) + show_budget(gateway)
            show_spend(gateway, receipts)
            click.echo()
            if not serve:
                click.echo("`make run` keeps both running, for clients of your own.")
                return
            callers = _fill_a_day(base, key, gateway)
            click.echo(where(gateway))
            click.echo("\nRunning; Ctrl+C stops it.")
            _until_told(gateway, callers)


def _fill_a_day(base: str, key: str, gateway: Gateway) -> list[Caller]:
    """Give the dashboard something to show; who goes on calling."""
    from faregate.cli.demo_day import seed

    calls, callers = seed(base, key, gateway.directory)
    click.secho("The dashboard", bold=True)
    click.echo(f"  http://localhost:{gateway.port}/ui  (sign in with {gateway.key})")
    click.echo(
        f"  with {calls} calls that the emulator has just served, entered over the last 24 hours,\n"
        "  and a new one every few seconds\n"
    )
    return callers


def _until_told(gateway: Gateway, callers: list[Caller]) -> None:
    """Go on calling until Ctrl+C or SIGTERM."""
    from faregate.cli.demo_day import PROMPTS

    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    with contextlib.suppress(KeyboardInterrupt):
        dice = random.Random()  # noqa: S311 - chance, not secrecy
        keep_calling(callers, PROMPTS, partial(ask, gateway), told.wait, dice)
    click.echo("stopped")


def _calls(common: dict[str, Any], *, emulated: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The calls of the tour: (title, how to make it)."""
    import faregate

    def asked(text: str, **more: Any) -> Callable[[], Any]:
        messages = [{"role": "user", "content": text}]
        return lambda: faregate.completion(**common, messages=messages, **more)

    yield "A plain call", asked("What is the capital of Denmark?")
    yield "Streamed: the last chunk has the receipt", asked("Tell me a joke.", stream=True)
    tools = {"tools": [_WEATHER], "tool_choice": "required"}
    yield "With a tool", asked("What is the weather in Oslo?", **tools)
    manual = "".join(_MANUAL.format(number) for number in range(1, 200))
    yield "A long prompt", asked(f"{manual}Summarise it.")
    yield "The same beginning again: cached tokens cost less", asked(f"{manual}List exceptions.")
    controls = {"routing_config": {"mode": "cost"}}
    yield (
        "With the routing trace",
        asked("Prove that the sum of two odd numbers is even.", **controls),
    )
    if emulated:
        headers = {"x-emulate-fault": "serve;model=gpt-9-mystery"}
        yield (
            "Served by a model without a price: unknown, not zero",
            asked("What is the capital of Norway?", extra_headers=headers),
        )


def _show(title: str, call: Callable[[], Any], as_json: bool) -> None:
    """Make a call and print its receipt."""
    import msgspec

    import faregate

    try:
        found = call()
        if isinstance(found, faregate.SyncStream):
            found = faregate.stream_chunk_builder(list(found))
    except faregate.FaregateError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(msgspec.json.encode(found.receipt.as_json()))
        return
    click.secho(title, bold=True)
    click.echo(f"> {_said(found)}")
    click.echo(f"{found.receipt}\n")


def _said(response: Any) -> str:
    """The answer on one line of a terminal."""
    message = response.choices[0].message
    if message.tool_calls:
        function = message.tool_calls[0].function
        return f"calls {function.name}({function.arguments})"
    text = " ".join((message.content or "").split())
    return text if len(text) <= 88 else f"{text[:87]}…"
