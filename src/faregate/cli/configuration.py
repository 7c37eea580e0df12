"""The configuration as the gateway reads it, with every problem told."""

import os
from pathlib import Path
from typing import NoReturn

import click

from faregate.config import ConfigProblems, Problem, Settings
from faregate.config.loading import load
from faregate.core.pricebook import PriceBook


def read_config(path: Path, book: PriceBook) -> Settings:
    """The settings of a file. Raises :class:`ConfigProblems`."""
    from faregate.admin.oidc_token import NOT_INSTALLED, installed
    from faregate.gateway.catalog import reasons
    from faregate.gateway.snapshot import unusable

    settings = load(path, os.environ, _read, priced=reasons(book), usable=unusable)
    if settings.general.oidc is not None and not installed():
        problem = Problem(settings.files[0], 0, "general_settings.oidc", NOT_INSTALLED)
        raise ConfigProblems((problem, *settings.warnings))
    return settings


def read_or_end(path: Path, book: PriceBook) -> Settings:
    """The settings of a file; what is wrong with it ends the command."""
    try:
        return read_config(path, book)
    except ConfigProblems as problems:
        end(path, problems)


def end(path: Path, problems: ConfigProblems) -> NoReturn:
    """Say what is wrong with a file, and end the command."""
    click.echo(str(problems), err=True)
    errors = sum(problem.level == "error" for problem in problems.problems)
    click.echo(f"{path}: {errors} error{'s' * (errors != 1)}; nothing was started", err=True)
    raise click.exceptions.Exit(1) from None


def _read(path: Path) -> str:
    return path.read_text("utf-8")
