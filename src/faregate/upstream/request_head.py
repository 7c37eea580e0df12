"""A request's address and head, as bytes. Pure: text in, bytes or ValueError out.

Nothing that could end a header line early gets past here: CR, LF and NUL are refused in names,
values and URLs before a connection is even chosen. No error repeats what it refused.
"""

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

_METHOD = re.compile(r"[A-Z]{1,20}\Z")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BAD_URL = re.compile(r"[^\x21-\x7e]")
_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})\Z")

_OURS = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "accept-encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "trailer",
        "upgrade",
        "expect",
    }
)
"""Headers that belong to the connection and not to the caller: dropped, and set here if needed."""


class Origin(NamedTuple):
    """Where connections go; the key of the pool."""

    scheme: Literal["http", "https"]
    host: str
    port: int

    @property
    def peer(self) -> str:
        """``host:port`` for people and error messages."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Address(NamedTuple):
    """A URL taken apart once."""

    origin: Origin
    authority: str
    """The value of the Host header; the port is left out where it is the scheme's own."""
    target: str
    """Path and query, as in the request line."""


@lru_cache(maxsize=1024)
def split_url(url: str) -> Address:
    """Take ``url`` apart.

    Raises ValueError for anything but an absolute http or https URL of printable ASCII without
    user information. The message never repeats the URL, which may carry a key in its query.
    """
    if _BAD_URL.search(url):
        raise ValueError("the URL holds a space, a control character or a non-ASCII character")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        raise ValueError("the URL's host or port is malformed") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("the URL must begin with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("the URL must not hold a user name or password")
    if "\\" in parts.netloc or not _is_host(host):
        raise ValueError("the URL's host is malformed")
    scheme: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
    default = 443 if scheme == "https" else 80
    shown = f"[{host}]" if ":" in host else host
    target = parts.path or "/"
    if parts.query:
        target = f"{target}?{parts.query}"
    if port == 0:
        raise ValueError("the URL's host or port is malformed")
    authority = shown if port in (None, default) else f"{shown}:{port}"
    return Address(Origin(scheme, host, port or default), authority, target)


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            return False
        return True
    return _HOST_NAME.match(host) is not None


@lru_cache(maxsize=1024)
def _request_line(method: str, address: Address, absolute: bool) -> str:
    if not _METHOD.match(method):
        raise ValueError("the method must be upper-case letters")
    start = f"http://{address.authority}" if absolute else ""
    return (
        f"{method} {start}{address.target} HTTP/1.1\r\n"
        f"Host: {address.authority}\r\nAccept-Encoding: gzip\r\n"
    )


@lru_cache(maxsize=1024)
def _name(name: str) -> str | None:
    """``"Name: "`` as it goes on the wire, or None for a header that is ours to set."""
    if not _TOKEN.match(name):
        raise ValueError("a header name holds a character that is not allowed in one")
    return None if name.lower() in _OURS else f"{name}: "


def render_head(
    method: str,
    address: Address,
    headers: Mapping[str, str],
    body_length: int,
    *,
    absolute: bool = False,
    proxy_line: str = "",
) -> bytes:
    """Everything up to and including the empty line.

    ``absolute`` writes the absolute form a plain HTTP proxy wants, and ``proxy_line`` is a whole
    header line for it. Raises ValueError for a name, value or method that must not be sent.
    """
    begin = _begin(method, address, tuple(headers.items()), absolute, proxy_line)
    if body_length or method in ("POST", "PUT", "PATCH"):
        return begin + b"Content-Length: %d\r\n\r\n" % body_length
    return begin + b"\r\n"


@lru_cache(maxsize=64)  # a deployment's headers are the same call after call
def _begin(
    method: str,
    address: Address,
    headers: tuple[tuple[str, str], ...],
    absolute: bool,
    proxy_line: str,
) -> bytes:
    """The head but for the body's length and the empty line."""
    parts = [_request_line(method, address, absolute), proxy_line]
    for name, value in headers:
        begin = _name(name)
        if begin is None:
            continue
        if _BAD_VALUE.search(value):
            raise ValueError(f"the value of header {name} holds a control character")
        parts += (begin, value, "\r\n")
    try:
        return "".join(parts).encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError("a header value holds a character outside ISO 8859-1") from None
