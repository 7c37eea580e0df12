"""Limits on a request's head: URL, number of headers, their size, however they come in."""

import pytest

from faregate.edge.limits import EdgeLimits
from tests.edge.strangers import GET, HEAD, on_both_loops, serving


def head(*lines: bytes, url: bytes = b"/models") -> bytes:
    return b"\r\n".join([b"GET " + url + b" HTTP/1.1", b"Host: gateway", *lines, b"", b""])


@on_both_loops
async def test_as_many_headers_as_allowed_and_one_more() -> None:
    async with serving(max_headers=10) as site:
        stranger = await site.stranger()
        stranger.send(head(*[b"X-%d: 1" % n for n in range(9)]))
        assert (await stranger.answer()).status == 200
        answer = await site.ask(head(*[b"X-%d: 1" % n for n in range(10)]))
        assert (answer.status, answer.error["code"]) == (431, "too_many_headers")
        assert len(site.app.seen) == 1


@pytest.mark.parametrize(
    "raw",
    [
        head(b"X: " + b"a" * 5000),
        head(*[b"X-%d: %s" % (n, b"a" * 90) for n in range(60)]),
        HEAD + b"X: " + b"a" * 5000,
        HEAD + b"a" * 5000,
    ],
    ids=["one value", "many", "endless value", "endless name"],
)
@pytest.mark.parametrize("step", [100_000, 700, 64])
@on_both_loops
async def test_a_head_over_the_limit_is_refused(raw: bytes, step: int) -> None:
    async with serving(max_header_bytes=4096) as site:
        stranger = await site.stranger()
        protocol = await site.only_connection()
        for start in range(0, len(raw), step):
            protocol.data_received(raw[start : start + step])
        answer = await stranger.only_answer()
        assert (answer.status, answer.error["code"]) == (431, "headers_too_large")
        assert site.app.seen == []


@on_both_loops
async def test_empty_lines_before_a_request_are_few() -> None:
    async with serving() as site:
        stranger = await site.stranger()
        stranger.send(b"\r\n" + GET + b"\r\n" + GET)
        assert [(await stranger.answer()).status for _ in range(2)] == [200, 200]
        answer = await site.ask(b"\r\n" * 1000)
        assert (answer.status, answer.error["code"]) == (400, "invalid_request")


@on_both_loops
async def test_a_later_head_in_the_same_bytes_has_the_same_limit() -> None:
    async with serving(max_header_bytes=4096) as site:
        answer = await site.ask(GET + head(b"X: " + b"a" * 4090))
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert site.app.seen == ["/models"]


@on_both_loops
async def test_a_long_body_in_the_same_read_is_no_long_head() -> None:
    async with serving(max_header_bytes=1024) as site:
        stranger = await site.stranger()
        stranger.send(HEAD + b"Content-Length: 100000\r\n\r\n" + b"a" * 100_000 + GET)
        assert len((await stranger.answer()).body) == 100_000 + len("POST /v1/chat/completions ")
        assert (await stranger.answer()).status == 200


@on_both_loops
async def test_url_length() -> None:
    async with serving(max_url_bytes=100) as site:
        stranger = await site.stranger()
        stranger.send(head(url=b"/" + b"a" * 99))
        assert (await stranger.answer()).status == 200
        answer = await site.ask(head(url=b"/" + b"a" * 100))
        assert (answer.status, answer.error["code"]) == (414, "url_too_long")
        answer = await site.ask(b"GET /" + b"a" * 1000)  # not even ended
        assert answer.status == 414


@on_both_loops
async def test_values_arrive_as_sent_without_the_blanks_around_them() -> None:
    async with serving() as site:
        stranger = await site.stranger()
        stranger.send(head(b"X-A: \t a b\xff \t ", b"X-A:second", b"X-Empty:", b"Y: 1"))
        await stranger.answer()
        assert site.app.calls[0].scope["headers"] == [
            (b"host", b"gateway"),
            (b"x-a", b"a b\xff"),
            (b"x-a", b"second"),
            (b"x-empty", b""),
            (b"y", b"1"),
        ]


@on_both_loops
async def test_a_request_split_at_every_byte_is_the_same_request() -> None:
    raw = HEAD + b"X-Empty:\r\nContent-Length: 3\r\n\r\nabc"
    async with serving() as site:
        stranger = await site.stranger()
        protocol = await site.only_connection()
        for at in range(1, len(raw)):
            protocol.data_received(raw[:at])
            protocol.data_received(raw[at:])
            assert (await stranger.answer()).body == b"POST /v1/chat/completions abc"
        scopes = [call.scope["headers"] for call in site.app.calls]
        assert all(headers == scopes[0] for headers in scopes)


def test_limits_must_be_positive() -> None:
    with pytest.raises(ValueError, match="max_headers must be more than 0"):
        EdgeLimits(max_headers=0)
