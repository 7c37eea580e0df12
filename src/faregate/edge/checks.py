"""The head of a request, checked: what two servers could read differently is refused.

The parser (llhttp, strict) already refuses much of this. It is asked again here where a laxer
version or flag would let a second request be smuggled behind the first; the tests send raw bytes.
"""

import re
from urllib.parse import unquote

from faregate.edge.refusals import (
    LONG_HEAD,
    NO_METHOD,
    NO_VERSION,
    Refusal,
    Refused,
    bad_request,
    too_large,
)

CHUNKED = -1
"""In place of a length: the body says its own end."""

_METHODS = {
    name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
}
_ONCE = frozenset({b"authorization", b"api-key", b"x-api-key", b"content-type"})
"""Twice, a proxy before us could have judged one and we would use the other."""

_JUDGED = _ONCE | {b"host", b"content-length", b"transfer-encoding", b"expect"}
_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+;=%-]*(?:\[[0-9A-Fa-f:.]+\])?(?::[0-9]*)?")
_PER_HEADER = 4
"""Colon, space and line end: what a header costs besides name and value."""

_ONLY_CHUNKED = "The only transfer coding is chunked, and only over HTTP/1.1."
_AMBIGUOUS = "Content-Length and Transfer-Encoding exclude each other."

Headers = list[tuple[bytes, bytes]]


def check_start(method: bytes, version: str) -> str:
    """The method as text. Raises :class:`Refused` for what is not served."""
    if version not in ("1.1", "1.0"):
        raise Refused(NO_VERSION)
    name = _METHODS.get(method)
    if name is None:
        raise Refused(NO_METHOD)
    return name


def check_size(headers: Headers, max_bytes: int) -> None:
    """Raises :class:`Refused` (431) for headers of more bytes together."""
    if sum(len(name) + len(value) + _PER_HEADER for name, value in headers) > max_bytes:
        raise Refused(LONG_HEAD)


def check_headers(headers: Headers, version: str) -> tuple[int, bool]:
    """The body's length (or :data:`CHUNKED`, 0 for none) and whether a 100 is expected.

    Names are in lower case already. Raises :class:`Refused`.
    """
    length = -1
    coded = expects = False
    hosts = 0
    seen: tuple[bytes, ...] = ()
    for name, value in headers:
        if name not in _JUDGED:
            continue
        if name in _ONCE:
            if name in seen:
                raise bad_request("duplicate_header", f"{name.decode()} is there more than once.")
            seen += (name,)
        elif name == b"host":
            hosts += 1
            _check_host(value)
        elif name == b"content-length":
            if length >= 0 or not value.isdigit():
                raise bad_request("invalid_content_length", "Content-Length must be one number.")
            length = int(value[:20])
        elif name == b"transfer-encoding":
            if coded or version == "1.0" or value.lower() != b"chunked":
                raise bad_request("invalid_transfer_encoding", _ONLY_CHUNKED)
            coded = True
        else:
            _check_expect(value)
            expects = version == "1.1"
    _check_hosts(hosts, version)
    if coded and length >= 0:
        raise bad_request("ambiguous_body", _AMBIGUOUS)
    return CHUNKED if coded else max(length, 0), expects


def _check_hosts(count: int, version: str) -> None:
    if count != 1 and (count or version == "1.1"):
        raise bad_request("invalid_host", "A request has exactly one Host header.")


def _check_host(value: bytes) -> None:
    if _HOST.fullmatch(value) is None:
        raise bad_request("invalid_host", "The Host header is malformed.")


def _check_expect(value: bytes) -> None:
    if value.lower() != b"100-continue":
        raise Refused(Refusal(417, "expectation_failed", "The only expectation is 100-continue."))


def check_length(length: int, limit: int) -> None:
    """Raises :class:`Refused` (413) for a declared length over the limit."""
    if length > limit:
        raise Refused(too_large(limit))


def split_target(target: bytes, method: str) -> tuple[str, bytes, bytes]:
    """Path as text, path as sent, query. Raises :class:`Refused`.

    An absolute URL counts by its path: this server has one name, whatever it is called.
    """
    if not target.startswith(b"/"):
        return _split_unusual(target, method)
    if b"#" in target or not target.isascii():
        raise bad_request("invalid_url", "The URL has characters that a URL cannot have.")
    raw, _, query = target.partition(b"?")
    path = raw.decode("ascii")
    return (unquote(path) if "%" in path else path), raw, query


def _split_unusual(target: bytes, method: str) -> tuple[str, bytes, bytes]:
    if target == b"*" and method == "OPTIONS":
        return "*", target, b""
    scheme, _, rest = target.partition(b"://")
    authority, slash, path = rest.partition(b"/")
    if scheme.lower() in (b"http", b"https") and authority and _HOST.fullmatch(authority):
        return split_target(b"/" + path if slash else b"/", method)
    raise bad_request("invalid_url", "The URL must be a path, or absolute with http or https.")
