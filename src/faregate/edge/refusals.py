"""Saying no before an application is asked: the answer's bytes, in OpenAI's error shape."""

from http import HTTPStatus

import msgspec
from httptools import HttpParserError, HttpParserInvalidMethodError, HttpParserInvalidURLError


class Refusal(msgspec.Struct, frozen=True):
    """An answer given by the edge itself; the connection closes after it."""

    status: int
    code: str
    message: str
    retry_after: int = 0
    allow: str = ""

    def render(self, date: bytes, *, head_only: bool = False) -> bytes:
        """The whole answer. ``date`` is a header line or empty."""
        body = msgspec.json.encode(
            {
                "error": {
                    "message": self.message,
                    "type": _error_type(self.status),
                    "param": None,
                    "code": self.code,
                }
            }
        )
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            "connection: close",
        ]
        if self.retry_after:
            lines.append(f"retry-after: {self.retry_after}")
        if self.allow:
            lines.append(f"allow: {self.allow}")
        head = "\r\n".join(lines).encode("ascii") + b"\r\n" + date + b"\r\n"
        return head if head_only else head + body


class Refused(Exception):  # noqa: N818 - it is control flow out of a parser's callback
    """Raised inside the parser's callbacks; carries the refusal out."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def _error_type(status: int) -> str:
    if status == 408:
        return "timeout_error"
    return "server_error" if status in (500, 503) else "invalid_request_error"


def bad_request(code: str, message: str) -> Refused:
    """A 400 to raise."""
    return Refused(Refusal(400, code, message))


TRUNCATED = Refusal(400, "incomplete_request", "The request ended before all of it arrived.")
SLOW_HEAD = Refusal(408, "request_timeout", "The request's head did not arrive in time.")
SLOW_BODY = Refusal(408, "request_timeout", "The request's body arrives too slowly.")
LONG_URL = Refusal(414, "url_too_long", "The URL is too long.")
LONG_HEAD = Refusal(431, "headers_too_large", "The request's headers are too large.")
MANY_HEADERS = Refusal(431, "too_many_headers", "The request has too many headers.")
NO_ROOM = Refusal(
    503, "server_overloaded", "The server holds too many large requests; retry shortly.", 1
)
FULL = Refusal(503, "too_many_connections", "The server has too many connections; retry.", 1)
STOPPING = Refusal(503, "server_stopping", "The server is stopping; retry.", 1)
CRASHED = Refusal(500, "internal_error", "The server failed to answer; the fault is logged.")
NO_VERSION = Refusal(505, "http_version_not_supported", "HTTP/1.1 and HTTP/1.0 are spoken here.")
NO_METHOD = Refusal(
    405,
    "method_not_allowed",
    "This method is not served.",
    allow="GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
)
BIG_FRAMING = Refusal(
    400, "invalid_chunk", "The chunked body spends more bytes on framing than it may."
)


def too_large(limit: int) -> Refusal:
    """413 for a body over ``limit`` bytes."""
    return Refusal(413, "request_too_large", f"The body is over the limit of {limit} bytes.")


def of_parser(error: HttpParserError) -> Refusal:
    """What the parser choked on, in our words: its own may quote the request."""
    reason = str(error).lower()
    if isinstance(error, HttpParserInvalidMethodError):
        return Refusal(400, "invalid_request", "This is not an HTTP/1.1 request.")
    if isinstance(error, HttpParserInvalidURLError):
        return Refusal(400, "invalid_url", "The URL has characters that a URL cannot have.")
    if "http version" in reason or "pri/" in reason:
        return NO_VERSION
    for words, code, message in _REASONS:
        if words in reason:
            return Refusal(400, code, message)
    return Refusal(400, "invalid_request", "The request is not well-formed HTTP/1.1.")


_REASONS = (
    (
        "can't be present with",
        "ambiguous_body",
        "Content-Length and Transfer-Encoding exclude each other.",
    ),
    ("content-length", "invalid_content_length", "Content-Length must be one decimal number."),
    ("transfer-encoding", "invalid_transfer_encoding", "The only transfer coding is chunked."),
    ("chunk", "invalid_chunk", "The chunked body is malformed."),
    ("header", "invalid_header", "A header is malformed."),
)
