"""Forms a request may take: HTTP/1.0, HEAD, OPTIONS, absolute URLs, offers of other protocols."""

import pytest

from tests.edge.strangers import GET, HEAD, App, Call, on_both_loops, serving, until


@on_both_loops
async def test_http_1_0_is_answered_and_closed() -> None:
    async with serving() as site:
        answer = await site.ask(b"POST /x HTTP/1.0\r\nContent-Length: 2\r\n\r\nab")
        assert (answer.body, answer.headers["connection"]) == (b"POST /x ab", "close")
        assert site.app.calls[0].scope["http_version"] == "1.0"


@on_both_loops
async def test_http_1_0_may_ask_to_keep_the_connection() -> None:
    async with serving() as site:
        stranger = await site.stranger()
        for _ in range(3):
            stranger.send(b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert (await stranger.answer()).headers["connection"] == "keep-alive"


@on_both_loops
async def test_http_1_0_gets_no_chunks() -> None:
    async def stream(call: Call) -> None:
        await call.start()
        await call.write(b"one ")
        await call.write(b"two", more=False)

    async with serving(App(stream=stream)) as site:
        for connection in (b"", b"Connection: keep-alive\r\n"):
            answer = await site.ask(b"GET /stream HTTP/1.0\r\n" + connection + b"\r\n")
            assert answer.body == b"one two"
            assert "transfer-encoding" not in answer.headers


@on_both_loops
async def test_http_1_0_never_gets_100_continue() -> None:
    async with serving() as site:
        stranger = await site.stranger()
        stranger.send(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na")
        assert (await stranger.answer()).status == 200


@pytest.mark.parametrize("streams", [False, True])
@on_both_loops
async def test_head_gets_the_head_alone(streams: bool) -> None:
    async def page(call: Call) -> None:
        if streams:
            await call.start()
            await call.write(b"body", more=False)
        else:
            await call.reply(b"body")

    async with serving(App(page=page)) as site:
        stranger = await site.stranger()
        for _ in range(2):
            stranger.send(b"HEAD /page HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = await stranger.answer(head_only=True)
            assert answer.status == 200
            assert answer.headers.get("content-length") == (None if streams else "4")
        stranger.send(GET)
        assert (await stranger.answer()).status == 200


@pytest.mark.parametrize("target", [b"*", b"/v1/chat/completions"])
@on_both_loops
async def test_options(target: bytes) -> None:
    async with serving() as site:
        stranger = await site.stranger()
        stranger.send(b"OPTIONS " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await stranger.answer()).body == b"OPTIONS " + target + b" "


@pytest.mark.parametrize(
    ("target", "path", "raw_path", "query"),
    [
        (b"/a/b?c=d&e=%20f", "/a/b", b"/a/b", b"c=d&e=%20f"),
        (b"/a%20b%2Fc", "/a b/c", b"/a%20b%2Fc", b""),
        (b"/%ff%00", "/\ufffd\0", b"/%ff%00", b""),
        (b"//a//b", "//a//b", b"//a//b", b""),
        (b"/a?b?c", "/a", b"/a", b"b?c"),
        (b"http://gateway/a?b", "/a", b"/a", b"b"),
        (b"HTTPS://other:4000/a", "/a", b"/a", b""),
        (b"http://[::1]:4000/", "/", b"/", b""),
        (b"http://gateway", "/", b"/", b""),
    ],
)
@on_both_loops
async def test_targets(target: bytes, path: str, raw_path: bytes, query: bytes) -> None:
    async with serving() as site:
        stranger = await site.stranger()
        stranger.send(b"GET " + target + b" HTTP/1.1\r\nHost: gateway\r\n\r\n")
        await stranger.answer()
        scope = site.app.calls[0].scope
        assert (scope["path"], scope["raw_path"], scope["query_string"]) == (path, raw_path, query)


@pytest.mark.parametrize("host", [b"a.example:4000", b"[::1]", b"[::1]:80", b"", b"10.0.0.1"])
@on_both_loops
async def test_hosts(host: bytes) -> None:
    async with serving() as site:
        stranger = await site.stranger()
        stranger.send(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
        assert (await stranger.answer()).status == 200


@pytest.mark.parametrize("split", [False, True], ids=["at once", "body later"])
@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 3\r\n\r\nabc",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"\r\n",
    ],
    ids=["length", "chunked", "no body"],
)
@on_both_loops
async def test_an_offer_of_http_2_is_declined_and_the_request_served(
    framing: bytes, split: bool
) -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    head, _, body = (HEAD + offer + framing).partition(b"\r\n\r\n")
    async with serving() as site:
        stranger = await site.stranger()
        protocol = await site.only_connection()
        for _ in range(2):
            for part in (head + b"\r\n\r\n", body) if split else (head + b"\r\n\r\n" + body,):
                protocol.data_received(part)
            want = b"POST /v1/chat/completions " + (b"abc" if body else b"")
            assert (await stranger.answer()).body == want
        stranger.send(GET)
        assert (await stranger.answer()).status == 200


@on_both_loops
async def test_what_follows_an_offer_is_judged_like_anything_else() -> None:
    offer = HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\na"
    async with serving(max_body_bytes=10) as site:
        stranger = await site.stranger()
        protocol = await site.only_connection()
        protocol.data_received(offer + HEAD + b"Content-Length: 11\r\n\r\n")
        assert (await stranger.only_answer()).status == 200
        stranger = await site.stranger()
        await until(lambda: len(site.app.calls) == 1)
        stranger.send(offer.replace(b"Length: 1", b"Length: 11"))
        assert (await stranger.only_answer()).status == 413


@on_both_loops
async def test_an_upgrade_to_websocket_is_an_ordinary_request() -> None:
    async with serving() as site:
        stranger = await site.stranger()
        stranger.send(
            b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        assert (await stranger.answer()).body == b"GET /ws "


@on_both_loops
async def test_the_scope_says_what_asgi_asks_for() -> None:
    async with serving() as site:
        stranger = await site.stranger()
        stranger.send(GET)
        await stranger.answer()
        scope = site.app.calls[0].scope
        assert scope["type"] == "http"
        assert scope["asgi"] == {"version": "3.0", "spec_version": "2.4"}
        assert (scope["scheme"], scope["root_path"], scope["http_version"]) == ("http", "", "1.1")
        assert scope["server"] == ("127.0.0.1", site.port)
        assert scope["client"] == stranger.writer.get_extra_info("sockname")


@pytest.mark.parametrize("name", [b"Authorization", b"api-key", b"X-API-Key", b"Content-Type"])
@on_both_loops
async def test_headers_that_must_not_come_twice(name: bytes) -> None:
    async with serving() as site:
        twice = name + b": a\r\nAccept: a\r\n" + name + b": b\r\n"
        answer = await site.ask(HEAD + twice + b"Content-Length: 0\r\n\r\n")
        assert (answer.status, answer.error["code"]) == (400, "duplicate_header")
        assert name.decode().lower() in answer.error["message"]
        stranger = await site.stranger()
        stranger.send(HEAD + b"Accept: a\r\nAccept: b\r\n" + name + b": a\r\n\r\n")
        assert (await stranger.answer()).status == 200
