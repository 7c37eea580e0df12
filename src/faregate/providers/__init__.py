"""Providers: where each is, how it is addressed and its quirks. Pure values, found by name.

A provider is a module here with a value ``PROVIDER``, or a line in :mod:`compatible`.
"""

import functools
import importlib
import pkgutil
import re

from faregate.errors import ConfigError
from faregate.types import Provider

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")


def get(name: str) -> Provider:
    """The provider of that name or alias, in any case. Raises :class:`ConfigError` for others."""
    found = _find(name.lower())
    if found is None:
        raise ConfigError(f"provider {name[:80]!r} is unknown; known are {', '.join(names())}")
    return found


def known(name: str) -> bool:
    """Whether :func:`get` knows the name."""
    return _find(name.lower()) is not None


def names() -> tuple[str, ...]:
    """Every name and alias, sorted."""
    from faregate.providers.compatible import TABLE

    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted({*TABLE, *(name for name in modules if _find(name) is not None)}))


@functools.lru_cache(maxsize=512)
def _find(name: str) -> Provider | None:
    if not _NAME.match(name):
        return None
    path = f"{__name__}.{name}"
    try:
        found = getattr(importlib.import_module(path), "PROVIDER", None)
    except ModuleNotFoundError as error:
        if error.name != path:
            raise
        from faregate.providers.compatible import TABLE

        return TABLE.get(name)
    return found if isinstance(found, Provider) else None
