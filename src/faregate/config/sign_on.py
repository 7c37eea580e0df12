"""``general_settings.oidc``: signing in to the dashboard by OpenID Connect."""

import ipaddress
import re
from typing import Literal, TypeAlias
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from faregate.config.problems import Problem
from faregate.config.reading import Found, Reader
from faregate.config.secret import Secret

CALLBACK = "/api/session/oidc/callback"
"""The path the provider sends people back to."""

DefaultRole: TypeAlias = Literal["none", "viewer", "admin"]

_PATH = "general_settings.oidc"
_NEEDED = ("issuer", "client_id", "client_secret")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}\Z")
_HOST = re.compile(r"(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9._-]{0,252}))(?::[0-9]{1,5})?\Z")
_ANYBODY = {
    "accounts.google.com": "",
    "appleid.apple.com": "",
    "gitlab.com": "",
    "www.facebook.com": "",
    "login.microsoftonline.com": "/9188040d-6c67-4c5b-b112-36a304b66dad/",
}
"""Providers that give everybody an account, and where on them that is so."""
_TENANTS = ("common", "organizations", "consumers")


class Oidc(Struct, frozen=True, kw_only=True):
    """Who may sign in to the dashboard without a key, and as what."""

    issuer: str = ""
    client_id: str = ""
    client_secret: Secret = Secret("")
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    redirect_url: str = ""
    """Empty: made from the request, for hosts that are allowed."""
    allowed_hosts: tuple[str, ...] = ()
    role_claim: str = "groups"
    admin_values: tuple[str, ...] = ()
    viewer_values: tuple[str, ...] = ()
    default_role: DefaultRole = "none"
    allowed_domains: tuple[str, ...] = ()
    """Small letters. Empty: an address is not looked at."""
    label: str = "Single sign-on"
    contact: str = "whoever runs this gateway"


def rules_of(oidc: Oidc | None) -> str:
    """All that decides who enters and as what, as one text; empty where nobody does."""
    if oidc is None:
        return ""
    names = (oidc.issuer, oidc.client_id, oidc.role_claim, oidc.default_role)
    return repr((names, oidc.admin_values, oidc.viewer_values, oidc.allowed_domains))


def oidc_of(found: Found, reader: Reader) -> Oidc | None:
    """The section's value; None where nothing is stated. Problems are noted."""
    if not found.entries:
        return None
    for name in _NEEDED:
        if name not in found.entries:
            reader.note_line(found.file, found.line, f"{_PATH}.{name}", "is missing")
    secret = found.entries.get("client_secret")
    if secret is not None and not found.get("client_secret"):
        reader.note(secret, f"{_PATH}.client_secret", "is empty")
    values = dict(found.values)
    if "scopes" in values:
        values["scopes"] = tuple(
            dict.fromkeys(("openid", *(word for each in values["scopes"] for word in each.split())))
        )
    for name in ("allowed_domains", "allowed_hosts"):
        if name in values:
            values[name] = tuple(each.lower().removeprefix("@") for each in values[name])
    oidc = Oidc(**values)
    _check_addresses(oidc, found, reader)
    _check_lists(oidc, found, reader)
    _check_roles(oidc, found, reader)
    return oidc


def is_loopback(host: str) -> bool:
    """Whether a host (without a port) is this machine, which needs no TLS to be reached."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def safe_url(text: str) -> SplitResult | None:
    """The parts of an address a secret may be sent to: ``https``, or this machine; else None."""
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        return None
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return None
    plain = parts.scheme == "http" and is_loopback(host)
    whole = bool(host) and parts.username is None and not parts.fragment
    return parts if whole and (parts.scheme == "https" or plain) else None


def _check_addresses(oidc: Oidc, found: Found, reader: Reader) -> None:
    parts = safe_url(oidc.issuer)
    if oidc.issuer and (parts is None or parts.query):
        message = "must be the provider's https:// address, without a query (http:// on loopback)"
        _note(found, reader, "issuer", message)
    elif parts is not None and parts.hostname == "login.microsoftonline.com":
        tenant = parts.path.strip("/").partition("/")[0]
        if tenant in _TENANTS:
            message = f"needs the id of one tenant instead of {tenant!r}, which takes everybody's"
            _note(found, reader, "issuer", message)
    if not oidc.redirect_url:
        return
    parts = safe_url(oidc.redirect_url)
    if parts is None or parts.query or not parts.path.endswith(CALLBACK):
        message = f"must be https://<the gateway>{CALLBACK} (http:// on loopback)"
        _note(found, reader, "redirect_url", message)


def _check_lists(oidc: Oidc, found: Found, reader: Reader) -> None:
    for name in ("admin_values", "viewer_values"):
        if any(not each.strip() for each in getattr(oidc, name)):
            _note(found, reader, name, "holds an empty text, which no claim should match")
    for domain in oidc.allowed_domains:
        if not _DOMAIN.match(domain):
            _note(found, reader, "allowed_domains", f"{domain[:80]!r} is no domain of addresses")
    for host in oidc.allowed_hosts:
        if not _HOST.match(host):
            _note(found, reader, "allowed_hosts", f"{host[:80]!r} is no host, with or without port")


def _check_roles(oidc: Oidc, found: Found, reader: Reader) -> None:
    both = sorted(set(oidc.admin_values) & set(oidc.viewer_values))
    if both:
        message = f"{both[0][:80]!r} is in admin_values as well, which wins"
        _note(found, reader, "viewer_values", message, warning=True)
    if oidc.default_role == "none":
        if not oidc.admin_values and not oidc.viewer_values:
            message = "nobody could enter: state admin_values, viewer_values or a default_role"
            reader.note_line(found.file, found.line, _PATH, message)
        return
    if oidc.allowed_domains:
        return
    parts = safe_url(oidc.issuer)
    where = _ANYBODY.get(parts.hostname or "") if parts is not None else None
    if parts is not None and where is not None and f"{parts.path}/".startswith(where):
        message = (
            f"{parts.hostname} gives everybody an account, and each would become"
            f" {oidc.default_role}: state allowed_domains"
        )
        _note(found, reader, "default_role", message)
    else:
        message = f"everybody who has an account at the provider becomes {oidc.default_role}"
        _note(found, reader, "default_role", message, warning=True)


def _note(found: Found, reader: Reader, name: str, message: str, *, warning: bool = False) -> None:
    entry = found.entries.get(name)
    file, line = (entry.file, entry.line) if entry is not None else (found.file, found.line)
    level: Literal["warning", "error"] = "warning" if warning else "error"
    reader.add(Problem(file, line, f"{_PATH}.{name}", message, level))
