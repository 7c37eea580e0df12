"""Where the ledger is that a command reads, and the filters that commands have in common."""

import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

import click

from faregate.cli.master_key import data_dir
from faregate.errors import ConfigError
from faregate.money import MoneyError, Usd, parse_usd
from faregate.prices.load import parse_instant

if TYPE_CHECKING:  # the configuration is read where one is named, and not by every command
    from faregate.config.settings import Settings
    from faregate.store.calendar import Calendar

Command = TypeVar("Command", bound=Callable[..., Any])

_BEFORE_NOW = re.compile(r"([0-9]{1,5})([mhdw])\Z")
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_CONFIGS = ("config.yaml", "faregate.yaml")


class When(click.ParamType[float | date]):
    """``7d`` before now, or an ISO date and time in UTC, as Unix seconds; a date alone is a day of
    the ledger."""

    name = "when"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | date:
        if isinstance(value, float | date):
            return value
        text = str(value).strip()
        found = _BEFORE_NOW.match(text)
        if found:
            return time.time() - int(found[1]) * _SECONDS[found[2]]
        try:
            with suppress(ValueError):
                return date.fromisoformat(text)
            return parse_instant(text)
        except ValueError:
            self.fail(f"{text!r}: write 7d, 12h, 2026-11-01 or 2026-11-01T12:00", param, ctx)


class DaysAgo(NamedTuple):
    """A day before today, whichever that is in the ledger's zone."""

    days: int


class Day(click.ParamType[date | DaysAgo]):
    """``7d`` before today, or an ISO date: a whole day, since that is how spend is summed."""

    name = "day"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> date | DaysAgo:
        if isinstance(value, date | DaysAgo):
            return value
        text = str(value).strip()
        try:
            return _day(text)
        except (ValueError, OverflowError):
            self.fail(
                f"{text!r}: spend is summed by whole days; write 7d, 4w or 2026-11-01, and"
                " use 'faregate log' for hours",
                param,
                ctx,
            )


def _day(text: str) -> date | DaysAgo:
    found = _BEFORE_NOW.match(text)
    if found is None:
        return date.fromisoformat(text)
    if found[2] not in "dw":
        raise ValueError("no whole days")
    return DaysAgo(int(found[1]) * (7 if found[2] == "w" else 1))


def day_in(calendar: "Calendar", asked: date | DaysAgo | None) -> date | None:
    """The day that was asked for; the first there is, of one before that."""
    if not isinstance(asked, DaysAgo):
        return asked
    today = calendar.today(time.time())
    return date.fromordinal(max(1, today.toordinal() - asked.days))


def instant_in(calendar: "Calendar", asked: float | date | None) -> float | None:
    """The instant that was asked for; of a day its beginning."""
    return calendar.begins(asked) if isinstance(asked, date) else asked


class Amount(click.ParamType[Usd]):
    """An amount in USD, as pico-dollars."""

    name = "usd"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Usd:
        if isinstance(value, int):
            return value
        try:
            return parse_usd(str(value))
        except MoneyError as error:
            self.fail(str(error), param, ctx)


_NARROWING = (
    ("--key", "Only calls of this key."),
    ("--team", "Only of this team."),
    ("--user", "Only of this user, the owner of the key."),
    ("--model", "Only of this requested model."),
    ("--served-model", "Only served by this model."),
    ("--deployment", "Only of this deployment."),
    ("--provider", "Only of this provider."),
)


def narrowed(command: Command) -> Command:
    """Options that narrow to a key, a model …; each may be given several times."""
    options = [click.option(name, multiple=True, help=text) for name, text in _NARROWING]
    options.append(click.option("--tag", help="Only calls with this tag; '' for those without."))
    return reduce(lambda made, option: option(made), reversed(options), command)


def placed(command: Command) -> Command:
    """Options that say where the ledger is."""
    config = click.option(
        "--config",
        "-c",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The gateway's configuration, whose ledger it is. Default: config.yaml here.",
    )
    directory = click.option(
        "--data-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="The data directory with the ledger, in place of a configuration. Default, where"
        " there is no configuration: FAREGATE_DATA_DIR.",
    )
    return config(directory(command))


class Place(NamedTuple):
    """Where a ledger is."""

    url: str
    """``database_url``; empty for a file in the directory."""
    directory: Path
    """The data directory."""
    settings: "Settings | None" = None
    """The configuration that says so; None where none was read."""
    missing: tuple[str, ...] = ()
    """Variables that are not set here and that its deployments depend on."""


class Stated(NamedTuple):
    """What somebody said about where the ledger is."""

    config: Path | None = None
    directory: Path | None = None


def stated(given: dict[str, Any]) -> Stated:
    """The two options of :func:`placed`, taken out of a command's options."""
    return Stated(given.pop("config"), given.pop("data_dir"))


def find_place(said: Stated) -> Place:
    """Where the ledger is. What is wrong with that ends the command."""
    config, directory = said
    if config is not None and directory is not None:
        raise click.UsageError("--config and --data-dir both say where the ledger is; give one")
    if directory is not None:
        return Place("", directory)
    if config is None and not os.environ.get("FAREGATE_DATA_DIR"):
        config = next((Path(name) for name in _CONFIGS if Path(name).is_file()), None)
    if config is None:
        return Place("", data_dir("", os.environ))
    from faregate.cli.place_settings import read_settings
    from faregate.config import ConfigProblems

    try:
        settings, missing = read_settings(config)
    except ConfigProblems as problems:
        click.echo(str(problems), err=True)
        fail(f"{config} cannot be used; name the ledger's directory with --data-dir instead")
    except ConfigError as error:
        fail(str(error))
    return place_of(settings, missing)


def place_of(settings: "Settings", missing: tuple[str, ...] = ()) -> Place:
    """Where the ledger of a configuration is."""
    general = settings.general
    url = general.database_url.reveal() if general.database_url else ""
    return Place(url, data_dir(general.data_dir, os.environ), settings, missing)


def fail(message: str) -> NoReturn:
    """End with a message and exit code 1."""
    raise click.ClickException(message)
