"""Bytes that two servers could read as different requests: one answer, then the end."""

import pytest

from tests.edge.strangers import HEAD, on_both_loops, serving

CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
SECRET = b"GET /smuggled HTTP/1.1\r\nHost: gateway\r\n\r\n"

REFUSED = {
    "length and chunked": (
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "ambiguous_body",
    ),
    "chunked and length": (
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "ambiguous_body",
    ),
    "two lengths": (
        HEAD + b"Content-Length: 0\r\nContent-Length: 42\r\n\r\n",
        "invalid_content_length",
    ),
    "the same length twice": (
        HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
        "invalid_content_length",
    ),
    "a list of lengths": (HEAD + b"Content-Length: 0, 42\r\n\r\n", "invalid_content_length"),
    "a signed length": (HEAD + b"Content-Length: +0\r\n\r\n", "invalid_content_length"),
    "a negative length": (HEAD + b"Content-Length: -1\r\n\r\n", "invalid_content_length"),
    "a length in hex": (HEAD + b"Content-Length: 0x0\r\n\r\n", "invalid_content_length"),
    "a length with _": (HEAD + b"Content-Length: 1_0\r\n\r\n", "invalid_content_length"),
    "a length in two": (HEAD + b"Content-Length: 1 0\r\n\r\n", "invalid_content_length"),
    "an empty length": (HEAD + b"Content-Length:\r\n\r\n", "invalid_content_length"),
    "an overflowing length": (
        HEAD + b"Content-Length: 18446744073709551616\r\n\r\n",
        "invalid_content_length",
    ),
    "identity": (HEAD + b"Transfer-Encoding: identity\r\n\r\n", "invalid_transfer_encoding"),
    "gzip, chunked": (
        HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "invalid_transfer_encoding",
    ),
    "chunked, gzip": (
        HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        "invalid_transfer_encoding",
    ),
    "chunked, identity": (
        HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "invalid_transfer_encoding",
    ),
    "chunked with a comma before": (
        HEAD + b"Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n",
        "invalid_transfer_encoding",
    ),
    "chunked with a parameter": (
        HEAD + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
        "invalid_transfer_encoding",
    ),
    "xchunked": (
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "invalid_transfer_encoding",
    ),
    "chunked in two lines": (
        HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "invalid_transfer_encoding",
    ),
    "chunked, then identity": (
        HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "invalid_transfer_encoding",
    ),
    "an empty coding": (HEAD + b"Transfer-Encoding:\r\n\r\n", "invalid_transfer_encoding"),
    "chunked over 1.0": (
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "invalid_transfer_encoding",
    ),
    "vertical tab before chunked": (
        HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        "invalid_header",
    ),
    "chunk size in letters": (CHUNKED + b"zz\r\n", "invalid_chunk"),
    "negative chunk": (CHUNKED + b"-1\r\n", "invalid_chunk"),
    "chunk size with 0x": (CHUNKED + b"0x1\r\na\r\n0\r\n\r\n", "invalid_chunk"),
    "blank after a chunk size": (CHUNKED + b"1 \r\na\r\n0\r\n\r\n", "invalid_chunk"),
    "chunk ended by a bare LF": (CHUNKED + b"1\na\n0\n\n", "invalid_chunk"),
    "chunk longer than it says": (CHUNKED + b"1\r\nabc\r\n0\r\n\r\n", "invalid_chunk"),
    "chunk without a size": (CHUNKED + b"\r\n", "invalid_chunk"),
    "overflowing chunk": (CHUNKED + b"10000000000000001\r\na\r\n", "invalid_chunk"),
    "bare LF in a chunk extension": (CHUNKED + b"1;a\nb\r\na\r\n0\r\n\r\n", "invalid_chunk"),
    "length as a trailer": (
        CHUNKED + b"1\r\na\r\n0\r\nContent-Length: 5\r\n\r\n",
        "ambiguous_body",
    ),
    "folded header": (HEAD + b"X: a\r\n b\r\n\r\n", "invalid_header"),
    "folded first header": (b"GET / HTTP/1.1\r\n Host: gateway\r\n\r\n", "invalid_request"),
    "folded coding": (
        HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        None,
    ),
    "bare LF lines": (b"GET / HTTP/1.1\nHost: gateway\n\n", None),
    "bare CR lines": (b"GET / HTTP/1.1\rHost: gateway\r\r", None),
    "bare LF in a header": (HEAD + b"X: a\nY: b\r\n\r\n", "invalid_header"),
    "bare CR in a header": (HEAD + b"X: a\rY: b\r\n\r\n", "invalid_header"),
    "CR CR LF": (HEAD + b"X: a\r\r\n\r\n", "invalid_header"),
    "blank before the colon": (HEAD + b"Content-Length : 0\r\n\r\n", "invalid_header"),
    "tab before the colon": (HEAD + b"Content-Length\t: 0\r\n\r\n", "invalid_header"),
    "no colon": (HEAD + b"nonsense\r\n\r\n", "invalid_header"),
    "no name": (HEAD + b": a\r\n\r\n", "invalid_header"),
    "NUL in a name": (HEAD + b"X\0: a\r\n\r\n", "invalid_header"),
    "high byte in a name": (HEAD + b"X\xff: a\r\n\r\n", "invalid_header"),
    "NUL in a value": (HEAD + b"X: a\0b\r\n\r\n", "invalid_header"),
    "control in a value": (HEAD + b"X: a\x01b\r\n\r\n", "invalid_header"),
    "DEL in a value": (HEAD + b"X: a\x7fb\r\n\r\n", "invalid_header"),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", "invalid_host"),
    "two hosts": (HEAD + b"Host: other\r\n\r\n", "invalid_host"),
    "the same host twice": (HEAD + b"Host: gateway\r\n\r\n", "invalid_host"),
    "two hosts over 1.0": (b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "invalid_host"),
    "a host with a path": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "invalid_host"),
    "a host with a blank": (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "invalid_host"),
    "a host with user": (b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "invalid_host"),
    "blank in the URL": (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", None),
    "fragment in the URL": (b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "invalid_url"),
    "high byte in the URL": (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", "invalid_url"),
    "NUL in the URL": (b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", "invalid_url"),
    "no path": (b"GET models HTTP/1.1\r\nHost: a\r\n\r\n", "invalid_url"),
    "URL with a user": (b"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "invalid_url"),
    "URL of another scheme": (b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "invalid_url"),
    "lower case method": (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", "invalid_request"),
    "unknown method": (b"FOO / HTTP/1.1\r\nHost: a\r\n\r\n", "invalid_request"),
    "blank before the method": (b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", "invalid_request"),
    "tabs in the start line": (b"GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", "invalid_request"),
    "TLS on the plain port": (b"\x16\x03\x01\x02\x00\x01\x00\x01", "invalid_request"),
}


@pytest.mark.parametrize(("raw", "code"), REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("follow", [b"", SECRET], ids=["alone", "followed"])
@on_both_loops
async def test_refused_once_and_closed(raw: bytes, code: str | None, follow: bytes) -> None:
    async with serving() as site:
        answer = await site.ask(raw + follow)
        assert answer.status == 400
        assert answer.error["type"] == "invalid_request_error"
        assert code in (None, answer.error["code"])
        assert "/smuggled" not in site.app.seen
        await site.is_well()


@pytest.mark.parametrize(("raw", "code"), REFUSED.values(), ids=REFUSED.keys())
@on_both_loops
async def test_refused_the_same_byte_by_byte(raw: bytes, code: str | None) -> None:
    async with serving() as site:
        stranger = await site.stranger()
        protocol = await site.only_connection()
        for at in range(len(raw)):
            protocol.data_received(raw[at : at + 1])
        answer = await stranger.only_answer()
        assert answer.status == 400
        assert code in (None, answer.error["code"])
        assert "/smuggled" not in site.app.seen


VERSIONS = {
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "HTTP/2 with prior knowledge": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00",
    "HTTP/3.0": b"GET / HTTP/3.0\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("raw", VERSIONS.values(), ids=VERSIONS.keys())
@on_both_loops
async def test_other_versions_are_named_as_such(raw: bytes) -> None:
    async with serving() as site:
        answer = await site.ask(raw + SECRET)
        assert (answer.status, answer.error["code"]) == (505, "http_version_not_supported")
        assert site.app.seen == []


@pytest.mark.parametrize("method", [b"CONNECT a:443", b"TRACE /", b"PROPFIND /", b"PURGE /"])
@on_both_loops
async def test_methods_that_are_not_served(method: bytes) -> None:
    async with serving() as site:
        answer = await site.ask(method + b" HTTP/1.1\r\nHost: a\r\n\r\n" + SECRET)
        assert (answer.status, answer.error["code"]) == (405, "method_not_allowed")
        assert "POST" in answer.headers["allow"]
        assert site.app.seen == []


@on_both_loops
async def test_what_follows_a_good_request_and_is_none_closes_without_a_second_answer() -> None:
    async with serving() as site:
        answer = await site.ask(HEAD + b"Content-Length: 2\r\n\r\nabJUNK / X\r\n\r\n" + SECRET)
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert site.app.seen == ["/v1/chat/completions"]


@on_both_loops
async def test_nothing_is_read_after_connection_close() -> None:
    async with serving() as site:
        answer = await site.ask(HEAD + b"Connection: close\r\nContent-Length: 0\r\n\r\n" + SECRET)
        assert answer.status == 200
        assert site.app.seen == ["/v1/chat/completions"]


@on_both_loops
async def test_trailers_are_no_headers() -> None:
    async with serving() as site:
        stranger = await site.stranger()
        stranger.send(CHUNKED + b"1\r\na\r\n0\r\nAuthorization: Bearer x\r\nHost: b\r\n\r\n")
        assert (await stranger.answer()).body == b"POST /v1/chat/completions a"
        names = [name for name, _ in site.app.calls[0].scope["headers"]]
        assert names == [b"host", b"transfer-encoding"]
