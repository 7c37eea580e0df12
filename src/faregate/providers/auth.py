"""Credentials as text: where they come from, whether they can be sent, how they are carried."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from faregate.errors import AuthenticationError, ConfigError
from faregate.types import Provider

_REFERENCE = "os.environ/"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SENDABLE = re.compile(r"[\x21-\x7e\xa1-\xff]+\Z")


class Environment(NamedTuple):
    """What the environment says about a provider; each is empty where it says nothing."""

    key: str
    base: str
    version: str

    def __repr__(self) -> str:
        return f"Environment(key={'…' if self.key else ''!r}, base=…, version={self.version!r})"


def check_secret(secret: str, what: str = "API key") -> str:
    """The secret itself, when it can stand in a header.

    Raises :class:`ConfigError`, without showing it, for blanks, line breaks, control characters
    and characters outside Latin-1.
    """
    if not isinstance(secret, str):
        raise ConfigError(f"the {what} must be a text, not {type(secret).__name__}")
    if not secret:
        raise ConfigError(f"the {what} is empty")
    if _SENDABLE.match(secret):
        return secret
    if "\n" in secret or "\r" in secret:
        trouble = "a line break (a file's last line, perhaps)"
    elif any(character.isspace() for character in secret):
        trouble = "a blank"
    else:
        trouble = "a character that cannot stand in a header"
    raise ConfigError(f"the {what} holds {trouble}; nothing was sent")


def bearer_headers(token: str) -> dict[str, str]:
    """The header of an Entra ID token, or of a key where keys travel as one."""
    return {"Authorization": f"Bearer {check_secret(token, 'API key or token')}"}


def require_key(provider: Provider, key: str, model: str = "") -> str:
    """The key, when there is one or none is needed.

    Raises :class:`AuthenticationError` that names the environment variables looked at, and
    :class:`ConfigError` for a key that cannot be sent. Call it before anything is sent.
    """
    if key:
        return check_secret(key)
    if not provider.needs_key:
        return ""
    looked = " or ".join(provider.key_env)
    raise AuthenticationError(
        f"no API key for {provider.name}: pass api_key"
        + (f" or set {looked}" if looked else "")
        + "; nothing was sent",
        provider.name,
        model,
        code="missing_api_key",
    )


def from_environment(provider: Provider, environ: Mapping[str, str]) -> Environment:
    """Key, base and api-version from the variables a provider reads, in their order.

    The base falls back to the provider's usual one.
    """
    return Environment(
        _first(provider.key_env, environ),
        _first(provider.base_env, environ) or provider.api_base,
        _first(provider.version_env, environ),
    )


def resolve_secret(value: str, environ: Mapping[str, str]) -> str:
    """The value, or for ``os.environ/NAME`` that variable's.

    Raises :class:`ConfigError` when the variable is not set or its name cannot be one.
    """
    if not value.startswith(_REFERENCE):
        return value
    name = value.removeprefix(_REFERENCE)
    if not _VARIABLE.match(name):
        raise ConfigError(
            "os.environ/ must be followed by a variable's name, as in os.environ/MY_KEY"
        )
    found = environ.get(name, "")
    if not found:
        raise ConfigError(f"the environment variable {name} is not set (os.environ/{name})")
    return found


def _first(names: tuple[str, ...], environ: Mapping[str, str]) -> str:
    for name in names:
        found = environ.get(name, "").strip()
        if found:
            return found
    return ""
