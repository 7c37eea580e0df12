"""The command that serves an emulator: ``faregate emulate``, or ``python -m faregate.emulator``."""

from typing import Any

import click

from faregate.emulator.config import (
    DEFAULT_KEY,
    DEFAULT_PORT,
    Config,
    parse_deployment,
    parse_latency,
)
from faregate.emulator.faults import parse_fault
from faregate.errors import ConfigError


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="0 takes any free port.")
@click.option("--key", default=DEFAULT_KEY, show_default=True, help="The resource's API key.")
@click.option(
    "--latency",
    default="0,0",
    show_default=True,
    metavar="FIRST[,TOKEN]",
    help="Milliseconds before the first token, and for every token.",
)
@click.option(
    "--deployment",
    "deployments",
    multiple=True,
    metavar="NAME=WHAT",
    help="model-router[:MODE[:MODEL,MODEL]] or a model; may be repeated.",
)
@click.option("--fault", default="", help="A fault every call meets, such as '429;retry-after=2'.")
@click.option("--static", is_flag=True, help="One fixed answer for all, for benchmarks.")
def emulate(host: str, port: int, **settings: Any) -> None:
    """Run an Azure AI Foundry resource on this machine.

    Deployments named model-router and azure-model-router, every model of the router's pool by its
    own name, and two embedding models are there from the start.
    """
    try:
        parse_fault(settings["fault"])
        config = Config(
            key=settings["key"],
            latency=parse_latency(settings["latency"]),
            deployments=tuple(parse_deployment(text) for text in settings["deployments"]),
            fault=settings["fault"],
            static=settings["static"],
        )
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    from faregate.emulator.serve import serve

    try:
        serve(config, host=host, port=port, on_listening=_announce)
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror}") from error


def _announce(url: str) -> None:
    click.echo(f"Azure AI Foundry emulator at {url}")
    click.echo(f"  chat       {url}/openai/v1/chat/completions   model: model-router, auto, ...")
    click.echo(f"  meter      {url}/_emulator/meter")
    click.echo("  stop with Ctrl+C")
