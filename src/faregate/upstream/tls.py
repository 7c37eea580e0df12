"""TLS to an upstream: system roots, a CA of one's own, a client certificate."""

import ssl

from msgspec import Struct

from faregate.upstream.transport_errors import TlsFailed


class TlsOptions(Struct, frozen=True, kw_only=True):
    """How upstreams are verified. The default trusts the system's roots."""

    ca_file: str | None = None
    """A PEM file trusted besides the system's roots."""
    client_cert: str | None = None
    """A PEM file shown to upstreams that ask for one; ``client_key`` if the key is elsewhere."""
    client_key: str | None = None
    verify: bool = True
    """False accepts any certificate: whoever is on the way can then read keys and prompts."""


def build_context(options: TlsOptions) -> ssl.SSLContext:
    """An SSL context for HTTP/1.1 clients. Raises TlsFailed naming a file that cannot be used."""
    context = ssl.create_default_context()
    # Said, and not left to how the system's OpenSSL is configured.
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    context.set_alpn_protocols(["http/1.1"])
    if options.ca_file:
        try:
            context.load_verify_locations(cafile=options.ca_file)
        except (OSError, ssl.SSLError):
            raise TlsFailed(f"cannot read CA certificates from {options.ca_file}") from None
    if options.client_cert:
        try:
            context.load_cert_chain(options.client_cert, options.client_key, password=_no_password)
        except (OSError, ssl.SSLError, ValueError):
            raise TlsFailed(f"cannot use the client certificate {options.client_cert}") from None
    if not options.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _no_password() -> str:
    """Without this, an encrypted key would make OpenSSL ask on the terminal."""
    raise ValueError("encrypted client keys are not supported")
