"""How much a stranger may ask of the server before it says no."""

import msgspec

KIB = 1024
MIB = 1024 * KIB


class EdgeLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of the edge: sizes in bytes, times in seconds. All of them always apply."""

    max_header_bytes: int = 64 * KIB
    """The whole head. Generous: cookies and long tokens fit; a parser's memory stays small."""
    max_headers: int = 100
    """OpenAI's clients send about 20; proxies add a dozen."""
    max_url_bytes: int = 8 * KIB
    """What browsers and proxies pass along at most; ours are under 200."""
    max_body_bytes: int = 32 * MIB
    """Several images as data URLs fit; the largest contexts are about 4 MB of text."""
    max_in_flight_bytes: int = 512 * MIB
    """Bodies held by all requests of the process together: the bound on memory."""
    max_connections: int = 4096
    """Idle ones included. Needs as many file descriptors, which the server asks for."""
    max_pipelined: int = 16
    """Requests that may wait behind the one being answered; they are answered one by one."""
    header_timeout: float = 10.0
    """From the connection (or the first byte after an answer) to the end of the head."""
    body_timeout: float = 30.0
    """The longest silence inside a body, and the time before the least rate applies."""
    min_body_rate: int = 500
    """Bytes a second a body must average after ``body_timeout``: a modem's pace, not a drip's."""
    send_timeout: float = 120.0
    """How long a client may take nothing of an answer that waits for it, from us or the system."""
    idle_timeout: float = 75.0
    """Keep-alive without a request: longer than the 60 s of the usual load balancers, so that
    they, not we, close first and no request meets a closing connection."""
    linger_timeout: float = 10.0
    """After a refusal, how long the rest of the request is read and dropped, so that the client
    gets to read the answer instead of a reset."""
    drain_grace: float = 0.5
    """While stopping, how long a connection just accepted may take to send its request."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be more than 0")
