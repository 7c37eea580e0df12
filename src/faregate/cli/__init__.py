"""The command line. Each group of commands is a module, imported when it is asked for."""

from collections.abc import Mapping
from importlib import import_module

import click

from faregate import __version__


class Lazy(click.Group):
    """A group whose commands are imported when they run (or when all are listed)."""

    modules: Mapping[str, str] = {
        "audit": "faregate.cli.audit",
        "budgets": "faregate.cli.budgets",
        "check": "faregate.cli.check",
        "demo": "faregate.cli.demo",
        "emulate": "faregate.cli.emulate",
        "keys": "faregate.cli.keys",
        "limits": "faregate.cli.limits",
        "log": "faregate.cli.ledger",
        "prices": "faregate.cli.prices",
        "serve": "faregate.cli.serve",
        "spend": "faregate.cli.ledger",
        "teams": "faregate.cli.teams",
        "users": "faregate.cli.users",
    }
    """Command to the module that has it, as an attribute of the same name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self.modules})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = self.modules.get(cmd_name)
        if module is None:
            return super().get_command(ctx, cmd_name)
        found = getattr(import_module(module), cmd_name)
        if not isinstance(found, click.Command):  # pragma: no cover - a mistake in this file
            raise TypeError(f"{module}.{cmd_name} is no command")
        return found


class ServesByDefault(Lazy):
    """``faregate --config config.yaml`` is ``faregate serve --config config.yaml``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = ("-h", "--help", "--version")
        if args and args[0].startswith("-") and args[0] not in own:
            args = ["serve", *args]
        return super().parse_args(ctx, args)


@click.group(cls=ServesByDefault, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="faregate", message="%(prog)s %(version)s")
def main() -> None:
    """Which model served a call, and exactly what it cost.

    faregate --config config.yaml runs the gateway (short for: faregate serve --config …).
    """
