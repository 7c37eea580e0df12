"""What can go wrong between us and an upstream, as one small tree.

    TransportError
    ├─ ConnectFailed      no connection: name not found, refused, unreachable, proxy refused
    │  ├─ TlsFailed       the TLS handshake or the certificate
    │  └─ PoolExhausted   every connection to the host stayed busy for the whole connect timeout
    ├─ TransportTimeout
    │  ├─ ConnectTimeout
    │  ├─ FirstByteTimeout
    │  ├─ ReadTimeout     silence in the middle of an answer
    │  └─ TotalTimeout
    ├─ ConnectionLost     the connection ended before the answer did
    ├─ ProtocolError      the answer is not HTTP/1.1, or is ambiguous
    ├─ BodyTooLarge       the (decoded) body is over the limit
    └─ DecodeError        the body's content encoding is broken or unknown

Messages name the host, the port and what happened. They never hold a header, a body or a query.
"""

# ruff: noqa: N818 - named after what happened


class TransportError(Exception):
    """The root: no usable answer came back.

    ``sent`` says whether any byte of the request may have reached the upstream. When it is False
    the call cannot have been billed and is safe to send again.
    """

    def __init__(self, message: str, sent: bool = False) -> None:
        super().__init__(message)
        self.sent = sent


class ConnectFailed(TransportError):
    """No connection could be made; nothing was sent."""


class TlsFailed(ConnectFailed):
    """The TLS handshake failed, or the certificate is not trusted for this host."""


class PoolExhausted(ConnectFailed):
    """Every connection allowed to this host was busy for as long as we may wait for one."""


class TransportTimeout(TransportError):
    """A phase took longer than its timeout allows."""


class ConnectTimeout(TransportTimeout):
    """No connection (name, TCP, proxy and TLS together) in time; nothing was sent."""


class FirstByteTimeout(TransportTimeout):
    """The request was sent, and no complete response head came in time."""


class ReadTimeout(TransportTimeout):
    """The answer began and then fell silent for too long."""


class TotalTimeout(TransportTimeout):
    """The whole exchange took longer than its total timeout."""


class ConnectionLost(TransportError):
    """The connection ended before the answer did: closed, reset, or cut short.

    ``begun`` says whether any byte of the answer had come: then a model was at work, and is paid.
    """

    def __init__(self, message: str, sent: bool = False, begun: bool = False) -> None:
        super().__init__(message, sent)
        self.begun = begun


class ProtocolError(TransportError):
    """The bytes that came back are not an HTTP/1.1 answer we can trust."""


class BodyTooLarge(TransportError):
    """The body, after decoding, is larger than the limit."""


class DecodeError(TransportError):
    """The body's content encoding is unknown, broken or cut short."""
