"""A configuration as somebody beside the gateway reads it: without its secrets, where need be.

Keys of providers are variables that only the gateway's own environment has. Whoever gives out keys
needs none of them, so a variable that is not set here is no obstacle, unless it says where the
ledger is.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from msgspec import structs

from faregate.config import ConfigProblems, Settings
from faregate.config.loading import load

_REFERENCE = re.compile(r"os\.environ/([A-Za-z_][A-Za-z0-9_]*)")
_STAND_INS = ("https://not-set-here.invalid/1", "https://not-set-here.invalid/2")
"""Two, for what depends on them differs."""


class Known(NamedTuple):
    """What is known of a configuration here."""

    settings: Settings
    missing: tuple[str, ...] = ()
    """Variables that are not set here, where deployments depend on them: those are not certain."""


def read_settings(path: Path) -> Known:
    """The settings of a file, whether or not every variable is set that it refers to.

    Raises :class:`ConfigProblems` as :func:`~faregate.config.loading.load` does, and
    :class:`ConfigError`.
    """
    texts: list[str] = []

    def read(file: Path) -> str:
        texts.append(file.read_text("utf-8"))
        return texts[-1]

    try:
        return Known(load(path, os.environ, read))
    except ConfigProblems:
        names = {name for text in texts for name in _REFERENCE.findall(text)}
        missing = tuple(sorted(name for name in names if not os.environ.get(name)))
        if not missing:
            raise
        first, second = (_stand_in(path, missing, each) for each in _STAND_INS)
        if first is None or second is None or _where(first) != _where(second):
            raise
    return Known(first, () if _deployments(first) == _deployments(second) else missing)


def _stand_in(path: Path, missing: tuple[str, ...], value: str) -> Settings | None:
    environ: Mapping[str, str] = {**os.environ, **dict.fromkeys(missing, value)}
    try:
        return load(path, environ, lambda file: file.read_text("utf-8"))
    except ConfigProblems:
        return None


def _where(settings: Settings) -> tuple[str, str]:
    general = settings.general
    return general.database_url.reveal() if general.database_url else "", general.data_dir


def _deployments(settings: Settings) -> list[object]:
    """All of the deployments but how they are reached."""
    return [
        (each.model_name, structs.replace(each.deployment, api_base="", api_version=""))
        for each in settings.deployments()
    ]
