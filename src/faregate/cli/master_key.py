"""The master key: configured, from the environment, or made once and kept."""

import os
import secrets
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path

from faregate.errors import ConfigError

VARIABLES = ("FAREGATE_MASTER_KEY", "LITELLM_MASTER_KEY")
_FILE = "master_key"
_SHORTEST = 20
_WELL_KNOWN = ("1234", "master", "password", "secret", "change", "example", "test", "dummy")


def data_dir(stated: str, environ: Mapping[str, str]) -> Path:
    """Where Faregate keeps what must survive a restart."""
    if stated:
        return Path(stated).expanduser()
    if environ.get("FAREGATE_DATA_DIR"):
        return Path(environ["FAREGATE_DATA_DIR"]).expanduser()
    home = environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path("~/.local/share").expanduser()) / "faregate"


def find_key(configured: str, environ: Mapping[str, str], directory: Path) -> tuple[str, bool]:
    """(the master key, whether it was made just now).

    Raises :class:`ConfigError` when none is given and none can be kept.
    """
    if configured:
        return configured, False
    for name in VARIABLES:
        if environ.get(name):
            return environ[name], False
    path = directory / _FILE
    try:
        kept = path.read_text("utf-8").strip()
        if kept:
            return kept, False
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise ConfigError(f"the kept master key {path} cannot be read: {error.strerror}") from None
    return _make(path), True


def _make(path: Path) -> str:
    key = f"sk-fg-{secrets.token_urlsafe(32)}"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Never readable by others, not even for a moment.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(f"{key}\n")
    except OSError as error:
        raise ConfigError(
            f"no master key is configured and none can be kept in {path.parent}"
            f" ({error.strerror}); set general_settings.master_key, FAREGATE_MASTER_KEY, or"
            " FAREGATE_DATA_DIR to a directory that can be written"
        ) from None
    return key


def weakness(key: str) -> str:
    """Why a key is easy to guess; empty when it is not."""
    if len(key) < _SHORTEST:
        return f"it has {len(key)} characters, fewer than {_SHORTEST}"
    folded = key.lower()
    for word in _WELL_KNOWN:
        if word in folded:
            return f"it contains {word!r}"
    if len(set(key)) < 8:
        return "it repeats a few characters"
    return ""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host in ("localhost", ""):
        return host == "localhost"
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_weak(key: str, host: str, *, allowed: bool) -> str:
    """A warning about a weak key on a loopback address; empty for a good one.

    Raises :class:`ConfigError` for a weak one that others could reach.
    """
    reason = weakness(key)
    if not reason:
        return ""
    if is_loopback(host) or allowed:
        return f"the master key is weak: {reason}; use one only you know before others reach this"
    raise ConfigError(
        f"the master key is weak ({reason}) and {host} can be reached from other machines; set a"
        " strong general_settings.master_key, listen on 127.0.0.1, or set"
        " general_settings.allow_weak_master_key: true"
    )
