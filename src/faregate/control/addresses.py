"""Which addresses a stored deployment may have.

The configuration's file may name any. One that is added while the server runs must not make it ask
the cloud's own services in its place, nor carry a key over the internet in clear.
"""

import ipaddress
import socket
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

from faregate.core.endpoints import AZURE_EXAMPLE, is_azure_host, split_base

_SERVICES = ("metadata", "metadata.google.internal", "metadata.goog", "instance-data")
_SERVICE_ADDRESSES = frozenset(
    ipaddress.ip_address(each)
    for each in ("168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
)
"""Azure's, Alibaba's, Oracle's, Amazon's and Google's, beside the link-local ones."""
_PORTALS = ("ai.azure.com", "portal.azure.com", "oai.azure.com", "ml.azure.com")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NEAR = (".internal", ".local", ".lan", ".home.arpa", ".localhost", ".svc", ".test")
"""Ends of names that no public name has."""

Address: TypeAlias = IPv4Address | IPv6Address


def trouble(api_base: str) -> str:
    """Why a stored deployment may not have this address; empty when it may.

    Raises :class:`~faregate.errors.ConfigError` for what is no address at all. Names are judged as
    they are written: nothing is looked up.
    """
    parts = split_base(api_base)
    host = (parts.hostname or "").rstrip(".").lower()
    address = _address(host)
    if host in _PORTALS:
        return (
            "is a page of the portal: copy the endpoint that the deployment's page shows, such as "
            f"{AZURE_EXAMPLE}"
        )
    if is_azure_host(host) and f"{parts.path.lower()}/".startswith("/anthropic/"):
        return (
            "is where Anthropic's Messages API answers, which is not what is called here: write "
            f"https://{host} for Chat Completions"
        )
    if host in _SERVICES or (address is not None and _is_service(address)):
        return "is an address of the cloud's own services, which no model answers at"
    if parts.scheme == "http" and not _is_near(host, address):
        return (
            "would carry the key over the internet in clear: write https:// (http:// is for this "
            "machine and for private networks)"
        )
    return ""


def _address(host: str) -> Address | None:
    """The IP address that a host is, in any of the ways resolvers understand."""
    try:
        found: Address = ipaddress.ip_address(host)
    except ValueError:
        try:
            found = IPv4Address(socket.inet_aton(host))  # 0xa9fea9fe, 2852039166, 127.1
        except OSError:
            return None
    if isinstance(found, IPv6Address):
        if found in _NAT64:
            return IPv4Address(int(found) & 0xFFFFFFFF)
        return found.ipv4_mapped or found.sixtofour or found
    return found


def _is_service(address: Address) -> bool:
    return (
        address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address in _SERVICE_ADDRESSES
    )


def _is_near(host: str, address: Address | None) -> bool:
    if address is not None:
        return address.is_loopback or address.is_private
    return "." not in host or host.endswith(_NEAR)
