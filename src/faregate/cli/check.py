"""``faregate check``: what is wrong with a configuration, without starting anything."""

import os
from pathlib import Path

import click
from msgspec.structs import replace

from faregate.cli.configuration import end, read_or_end
from faregate.config import ConfigProblems, Settings
from faregate.config.loading import joined, unsure


@click.command()
@click.argument("path", type=click.Path(dir_okay=False))
def check(path: str) -> None:
    """Check a configuration without starting: every problem at once, with file and line.

    A model that fallbacks or aliases name and the file has not may be in the ledger's database.
    That is asked, where it can be: what neither has is an error.
    """
    from faregate.prices.load import book_of

    settings = _with_stored(read_or_end(Path(path), book_of(os.environ)), Path(path))
    for warning in settings.warnings:
        click.echo(str(warning))
    models, deployments = len(settings.models) + len(settings.wildcards), settings.deployments()
    click.echo(
        f"{path} is good: {models} model names, {len(deployments)} deployments,"
        f" {len(settings.warnings)} warnings"
    )


def _with_stored(settings: Settings, path: Path) -> Settings:
    """The settings, with a warning for each name of which it cannot be said that nothing has it.
    Ends the command where that can be said."""
    if not settings.awaited:
        return settings
    from faregate.cli.ledger_place import place_of
    from faregate.cli.ledger_work import asked
    from faregate.control.models import known

    try:
        unmet = joined(settings, asked(place_of(settings), known) or ()).unmet()
    except click.ClickException as error:
        why = f"whether the database has it is not known: {error.message}"
        more = tuple(unsure(each, why) for each in settings.awaited)
        return replace(settings, warnings=(*settings.warnings, *more))
    if unmet:
        end(path, ConfigProblems((*(each.problem for each in unmet), *settings.warnings)))
    return settings
