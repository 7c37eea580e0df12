"""How long the transport waits and how much it takes. Values, with the defaults explained."""

from msgspec import Struct


class Timeouts(Struct, frozen=True, kw_only=True):
    """Seconds allowed for each phase of one exchange."""

    connect: float = 10.0
    """For a connection: waiting for a free one, name, TCP, proxy and TLS together."""
    first_byte: float = 600.0
    """From the moment the request starts to be written until the response head is complete.
    Reasoning models think for minutes before the first byte, hence the length."""
    between: float = 120.0
    """The longest silence within a body. Time in which the reader is not reading is not counted."""
    total: float | None = None
    """For everything together, the body included; None is no limit."""


class Limits(Struct, frozen=True, kw_only=True):
    """Bounds on connections, memory and what an upstream may send."""

    max_connections_per_host: int = 1000
    max_idle_per_host: int = 256
    """Idle connections kept for a host; the one idle longest is closed first."""
    idle_seconds: float = 55.0
    """Below the 60 seconds after which common load balancers close an idle connection."""
    max_age_seconds: float = 600.0
    """A connection older than this is not used again, so changes of DNS are noticed."""
    max_head_bytes: int = 65_536
    """Status line, headers, interim responses and trailers together."""
    max_headers: int = 200
    max_body_bytes: int = 64 * 1024 * 1024
    """Largest body ``send`` returns, after decoding. Streams have no such limit."""
    max_buffered: int = 256 * 1024
    """Bytes of a body held for a reader who is slow; above it the socket is no longer read."""
