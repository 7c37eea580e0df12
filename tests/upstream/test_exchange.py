"""The parser's side of an answer, without sockets: every split gives the same result."""

import asyncio
from collections.abc import Iterable
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faregate.upstream.exchange import Exchange
from faregate.upstream.limits import Limits
from faregate.upstream.transport_errors import (
    BodyTooLarge,
    ConnectionLost,
    ProtocolError,
    TransportError,
)

OK = b"HTTP/1.1 200 OK\r\n"


NO_LOOP = cast("asyncio.AbstractEventLoop", None)
"""An exchange needs its loop only when somebody waits for it."""


def feed(
    pieces: Iterable[bytes],
    *,
    limits: Limits | None = None,
    is_head: bool = False,
    max_body: int | None = None,
    eof: bool = False,
) -> Exchange:
    exchange = Exchange(NO_LOOP, limits or Limits(), "up:1", is_head=is_head, max_body=max_body)
    for piece in pieces:
        exchange.feed(piece)
    if eof:
        exchange.lost("the connection was closed", clean=True)
    return exchange


def outcome(exchange: Exchange) -> tuple[object, ...]:
    body = b"".join(exchange.chunks) if exchange.error is None else b""
    return (
        exchange.complete,
        exchange.status,
        dict(exchange.headers) if exchange.error is None else {},
        body,
        exchange.keep_alive,
        type(exchange.error),
    )


GOOD = [
    OK + b"Content-Length: 5\r\nX-A: 1\r\nX-A: 2\r\n\r\nhello",
    OK + b"Content-Length: 0\r\n\r\n",
    OK + b'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;ext="v"\r\nde\r\n0\r\n\r\n',
    OK + b"Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Trailer: t\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    + OK
    + b"Content-Length: 1\r\n\r\nx",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
    OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi",
    b"HTTP/1.1 429 \r\nRetry-After:  7 \r\nContent-Length: 2\r\n\r\nhi",
]


@pytest.mark.parametrize("reply", GOOD)
def test_every_split_gives_the_same_answer(reply: bytes) -> None:
    whole = outcome(feed([reply]))
    assert whole[0] is True
    for cut in range(1, len(reply)):
        assert outcome(feed([reply[:cut], reply[cut:]])) == whole
    assert outcome(feed(reply[i : i + 1] for i in range(len(reply)))) == whole


@given(st.sampled_from(GOOD), st.lists(st.integers(0, 200), max_size=8))
def test_any_splits_give_the_same_answer(reply: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(reply)) for cut in cuts), len(reply)]
    pieces = [reply[a:b] for a, b in pairwise(edges) if a < b]
    assert outcome(feed(pieces)) == outcome(feed([reply]))


def test_what_a_good_answer_looks_like() -> None:
    exchange = feed([GOOD[0]])
    assert exchange.status == 200
    assert exchange.headers == {"content-length": "5", "x-a": "1, 2"}
    assert exchange.take() == b"hello"
    assert exchange.take() == b""
    assert exchange.keep_alive
    assert feed([GOOD[10]]).headers["retry-after"] == "7"
    assert [feed([reply]).keep_alive for reply in GOOD[7:10]] == [False, True, False]


def test_trailers_and_interim_headers_stay_out_of_the_headers() -> None:
    assert "x-trailer" not in feed([GOOD[3]]).headers
    assert feed([GOOD[4]]).headers == {"content-length": "1"}
    assert feed([GOOD[4]]).status == 200


def test_head_has_no_body_whatever_its_headers_say() -> None:
    exchange = feed([OK + b"Content-Length: 100\r\n\r\n"], is_head=True)
    assert exchange.complete
    assert exchange.keep_alive
    spoiled = feed([OK + b"Content-Length: 3\r\n\r\nabc"], is_head=True)
    assert spoiled.complete
    assert not spoiled.keep_alive
    assert spoiled.take() == b""


def test_a_204_that_announces_a_body_is_not_followed_by_another_request() -> None:
    assert not feed([b"HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\n"]).keep_alive
    assert not feed([b"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n"]).keep_alive


@pytest.mark.parametrize("extra", [b"H", b"HTTP/1.1 200 OK\r\n\r\n", b"garbage", b"\0", b"\r\nx"])
@pytest.mark.parametrize("reply", [GOOD[0], GOOD[2], GOOD[5]])
def test_bytes_after_the_end_spoil_the_connection_not_the_answer(
    reply: bytes, extra: bytes
) -> None:
    together, later = feed([reply + extra]), feed([reply, extra])
    for exchange in (together, later):
        assert exchange.complete
        assert exchange.error is None
        assert not exchange.keep_alive
    assert b"".join(together.chunks) == b"".join(feed([reply]).chunks)
    assert together.headers == feed([reply]).headers


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    assert not feed([OK + b"\r\nsome", b"thing"]).complete
    exchange = feed([OK + b"\r\nsome", b"thing"], eof=True)
    assert exchange.complete
    assert exchange.take() == b"something"
    assert not exchange.keep_alive
    reset = feed([OK + b"\r\nsome"])
    reset.lost("the connection was reset", clean=False)
    assert isinstance(reset.error, ConnectionLost)


@pytest.mark.parametrize("reply", [GOOD[0], GOOD[2], GOOD[3], GOOD[4], GOOD[10]])
def test_every_truncation_is_an_error(reply: bytes) -> None:
    for cut in range(len(reply)):
        exchange = feed([reply[:cut]], eof=True)
        assert isinstance(exchange.error, ConnectionLost), reply[:cut]
        assert not exchange.complete


BAD = [
    b"\x16\x03\x01 this is TLS",
    b"<html><body>hello</body></html>",
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 20 OK\r\n\r\n",
    b"HTTP/1.1 099 OK\r\n\r\n",
    b"HTTP/1.1 abc OK\r\n\r\n",
    b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\nabc",
    OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: gzip\r\n\r\n",
    OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    OK + b"Content-Length: -1\r\n\r\n",
    OK + b"Content-Length: +1\r\n\r\nx",
    OK + b"Content-Length: 1, 1\r\n\r\nx",
    OK + b"Content-Length: 0x1\r\n\r\nx",
    OK + b"Content-Length: 99999999999999999999999\r\n\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
    OK + b"X: a\r\n folded\r\nContent-Length: 0\r\n\r\n",
    OK + b"Bad Name: a\r\n\r\n",
    OK + b": nameless\r\n\r\n",
    OK + b"X: a\x00b\r\n\r\n",
    b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
]


@pytest.mark.parametrize("reply", BAD)
def test_what_is_not_http_is_refused_at_every_split(reply: bytes) -> None:
    assert isinstance(feed([reply]).error, ProtocolError)
    for cut in range(1, len(reply)):
        exchange = feed([reply[:cut], reply[cut:]])
        assert isinstance(exchange.error, ProtocolError)
        assert not exchange.complete
        assert not exchange.keep_alive


def test_errors_never_repeat_what_came() -> None:
    for reply in (
        OK + b"Bad sesame: sesame\r\n\r\n",
        b"sesame",
        OK + b"Content-Length: sesame\r\n",
    ):
        error = feed([reply]).error
        assert isinstance(error, TransportError)
        assert "sesame" not in str(error)
        assert str(error).startswith("up:1: ")


SMALL = Limits(max_head_bytes=1000, max_headers=10)


@pytest.mark.parametrize("size", [1, 7, 5000])
@pytest.mark.parametrize(
    "reply",
    [
        OK + b"X: " + b"a" * 30_000,
        OK + b"a" * 30_000,
        b"HTTP/1.1 200 " + b"a" * 30_000,
        OK + b"".join(b"X%d: %s\r\n" % (i, b"v" * 200) for i in range(9)) + b"\r\n",
        OK + b"X: 1\r\n" * 11 + b"\r\n",
        b"HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n" * 200,
        OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"a" * 30_000,
        OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: 1\r\n" * 11 + b"\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a" * 30_000,
    ],
)
def test_heads_trailers_and_chunk_lines_are_bounded(reply: bytes, size: int) -> None:
    pieces = [reply[i : i + size] for i in range(0, len(reply), size)]
    assert isinstance(feed(pieces, limits=SMALL).error, ProtocolError)


def test_a_head_within_the_limits_passes_byte_by_byte() -> None:
    reply = OK + b"X: " + b"a" * 900 + b"\r\nContent-Length: 2\r\n\r\nhi"
    assert feed((reply[i : i + 1] for i in range(len(reply))), limits=SMALL).complete


def test_a_body_over_the_limit_is_refused_as_early_as_can_be() -> None:
    announced = feed([OK + b"Content-Length: 11\r\n\r\n"], max_body=10)
    assert isinstance(announced.error, BodyTooLarge)
    counted = feed([OK + b"\r\n123456", b"78901"], max_body=10)
    assert isinstance(counted.error, BodyTooLarge)
    assert feed([OK + b"Content-Length: 10\r\n\r\n0123456789"], max_body=10).complete
    assert feed([OK + b"Content-Length: 11\r\n\r\n"], max_body=None).error is None
