"""Which upstreams are reached through an HTTP proxy. Pure: the environment is an argument."""

import ipaddress
from base64 import b64encode
from collections.abc import Mapping
from typing import Self
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from faregate.errors import ConfigError
from faregate.upstream.request_head import Origin

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxy(Struct, frozen=True):
    """An ``http://`` proxy. ``authorization`` is a header value and is never shown."""

    host: str
    port: int
    authorization: str = ""

    def __repr__(self) -> str:
        return f"Proxy({self.peer})"

    @property
    def peer(self) -> str:
        """``host:port`` for people and error messages."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str, name: str) -> Self:
        """A proxy from its URL. Raises ConfigError that says ``name`` and never the value."""
        url = text if "://" in text else f"http://{text}"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ConfigError(f"{name}: the proxy's address is malformed") from None
        if parts.scheme != "http":
            raise ConfigError(f"{name}: only http:// proxies are supported")
        if not parts.hostname:
            raise ConfigError(f"{name}: the proxy's address has no host")
        authorization = ""
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            authorization = "Basic " + b64encode(pair.encode()).decode()
        return cls(parts.hostname, port or 80, authorization)


class Bypass(Struct, frozen=True):
    """One rule of NO_PROXY. An empty ``port`` (0) is any."""

    domain: str = ""
    network: _Network | None = None
    port: int = 0

    def matches(self, host: str, port: int) -> bool:
        """Whether ``host:port`` goes direct by this rule."""
        if self.port not in (0, port):
            return False
        if self.network is not None:
            address = _address(host)
            return address is not None and address in self.network
        host = host.lower().rstrip(".")
        return self.domain in ("*", host) or host.endswith(f".{self.domain}")


class Proxies(Struct, frozen=True, kw_only=True):
    """The proxies for http and https targets, and who is reached without."""

    http: Proxy | None = None
    https: Proxy | None = None
    bypass: tuple[Bypass, ...] = ()
    loopback_direct: bool = True
    """This machine itself is never reached through a proxy."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY; the lower-case spelling wins.

        Upper-case HTTP_PROXY is ignored under CGI (where REQUEST_METHOD is set), because there a
        client can set it with a ``Proxy:`` header. Raises ConfigError, naming the variable only.
        """
        found: dict[str, Proxy | None] = {}
        for scheme in ("http", "https"):
            found[scheme] = None
            for name in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"):
                value = environ.get(name, "").strip()
                if value and not (name == "HTTP_PROXY" and "REQUEST_METHOD" in environ):
                    found[scheme] = Proxy.parse(value, name)
                    break
        rules = environ.get("no_proxy", "") or environ.get("NO_PROXY", "")
        entries = rules.replace(",", " ").split()
        bypass = tuple(rule for rule in map(_rule, entries) if rule is not None)
        return cls(http=found["http"], https=found["https"], bypass=bypass)

    def proxy_for(self, origin: Origin) -> Proxy | None:
        """The proxy to use for an origin; None is a direct connection."""
        proxy = self.https if origin.scheme == "https" else self.http
        if proxy is None or (self.loopback_direct and _is_loopback(origin.host)):
            return None
        if any(rule.matches(origin.host, origin.port) for rule in self.bypass):
            return None
        return proxy


def _rule(entry: str) -> Bypass | None:
    """One entry; None for one that means nothing, which is ignored as everybody does."""
    network = _network(entry)
    if network is not None:
        return Bypass(network=network)
    host, port = _split_port(entry.lower())
    network = _network(host)
    if network is not None:
        return Bypass(network=network, port=port)
    domain = host if host == "*" else host.removeprefix("*").strip(".")
    return Bypass(domain=domain, port=port) if domain else None


def _split_port(entry: str) -> tuple[str, int]:
    host, colon, port = entry.rpartition(":")
    if colon and port.isascii() and port.isdigit():
        return host, int(port)
    return entry, 0


def _network(text: str) -> _Network | None:
    try:
        return ipaddress.ip_network(text.removeprefix("[").removesuffix("]"), strict=False)
    except ValueError:
        return None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and address.is_loopback
