"""Limits on bodies: declared or grown, one or all together; and bodies within them."""

import asyncio

import pytest

from tests.edge.strangers import HEAD, App, Call, on_both_loops, serving, until

CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
ECHO = b"POST /v1/chat/completions "


@on_both_loops
async def test_a_declared_length_over_the_limit_is_refused_before_the_body() -> None:
    async with serving(max_body_bytes=1000) as site:
        answer = await site.ask(HEAD + b"Content-Length: 1001\r\n\r\n")
        assert (answer.status, answer.error["code"]) == (413, "request_too_large")
        assert "1000 bytes" in answer.error["message"]
        assert site.app.seen == []


@on_both_loops
async def test_a_large_body_can_be_sent_to_its_end_and_the_refusal_read_after() -> None:
    async with serving(max_body_bytes=1000) as site:
        body = b"a" * 5_000_000
        stranger = await site.stranger()
        stranger.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await stranger.writer.drain()
        stranger.writer.write_eof()
        assert (await stranger.only_answer()).status == 413


@on_both_loops
async def test_exactly_the_limit_is_served() -> None:
    async with serving(max_body_bytes=1000) as site:
        stranger = await site.stranger()
        stranger.send(HEAD + b"Content-Length: 1000\r\n\r\n" + b"a" * 1000)
        assert len((await stranger.answer()).body) == len(ECHO) + 1000
        stranger.send(CHUNKED + b"3e8\r\n" + b"a" * 1000 + b"\r\n0\r\n\r\n")
        assert len((await stranger.answer()).body) == len(ECHO) + 1000


@on_both_loops
async def test_a_chunked_body_that_outgrows_the_limit_is_cut_off() -> None:
    reached: list[Call] = []

    async def upload(call: Call) -> None:
        reached.append(call)
        await call.body()

    async with serving(App(upload=upload), max_body_bytes=1000) as site:
        stranger = await site.stranger()
        stranger.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        await until(lambda: bool(reached))
        stranger.send(b"3e8\r\n" + b"a" * 1000 + b"\r\n1\r\na\r\n")
        answer = await stranger.only_answer()
        assert (answer.status, answer.error["code"]) == (413, "request_too_large")
        assert reached[0].client.body_limit_hit
        assert reached[0].client.gone
        await site.is_well()


@on_both_loops
async def test_a_chunk_announced_over_the_limit_is_refused_in_time() -> None:
    async with serving(max_body_bytes=1000) as site:
        answer = await site.ask(CHUNKED + b"fffffff\r\n" + b"a" * 1001)
        assert answer.status == 413


@on_both_loops
async def test_all_bodies_together_have_a_limit() -> None:
    held: list[Call] = []

    async def hold(call: Call) -> None:
        await call.body()
        held.append(call)
        message = await call.receive()
        assert message["type"] == "http.disconnect"

    async with serving(App(hold=hold), max_in_flight_bytes=1000) as site:
        first = await site.stranger()
        first.send(b"POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 600\r\n\r\n" + b"a" * 600)
        await until(lambda: bool(held))
        assert site.edge.held_bytes == 600
        answer = await site.ask(HEAD + b"Content-Length: 401\r\n\r\n")
        assert (answer.status, answer.error["code"]) == (503, "server_overloaded")
        assert answer.headers["retry-after"] == "1"
        answer = await site.ask(CHUNKED + b"191\r\n" + b"a" * 401 + b"\r\n")
        assert answer.status == 503
        small = await site.stranger()
        small.send(HEAD + b"Content-Length: 400\r\n\r\n" + b"a" * 400)
        assert (await small.answer()).status == 200
        first.reset()
        await until(lambda: site.edge.held_bytes == 0)


@pytest.mark.parametrize(
    "framing",
    [b"1;" + b"x" * 40_000, b"1\r\na\r\n0\r\nX: " + b"y" * 40_000, b"0" * 40_000],
    ids=["extension", "trailer", "leading zeros"],
)
@on_both_loops
async def test_framing_may_not_outgrow_the_body(framing: bytes) -> None:
    async with serving() as site:
        answer = await site.ask(CHUNKED + framing)
        assert answer.status == 400
        assert answer.error["code"] == "invalid_chunk"
        await site.is_well()


@on_both_loops
async def test_chunks_of_one_byte_are_fine() -> None:
    async with serving() as site:
        stranger = await site.stranger()
        stranger.send(CHUNKED + b"1;ext=1\r\na\r\n" * 20_000 + b"0\r\n\r\n")
        assert (await stranger.answer()).body == ECHO + b"a" * 20_000


@on_both_loops
async def test_a_body_larger_than_every_buffer_arrives_whole() -> None:
    async with serving() as site:
        stranger = await site.stranger()
        body = bytes(range(256)) * 12_000
        stranger.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert (await stranger.answer()).body == ECHO + body


@on_both_loops
async def test_a_body_nobody_reads_is_not_read_from_the_client() -> None:
    done = asyncio.Event()

    async def ignore(call: Call) -> None:
        await done.wait()

    async with serving(App(ignore=ignore)) as site:
        stranger = await site.stranger()
        body = b"a" * 8_000_000
        stranger.send(b"POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n" + body)
        protocol = await site.only_connection()
        await until(lambda: protocol._read_paused)
        assert site.edge.held_bytes < 1_000_000
        stranger.reset()
        done.set()


@on_both_loops
async def test_an_answer_before_the_body_closes_and_is_readable() -> None:
    async def deny(call: Call) -> None:
        await call.reply(b"no", status=401)

    async with serving(App(deny=deny)) as site:
        stranger = await site.stranger()
        stranger.send(b"POST /deny HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n")
        stranger.send(b"a" * 2_000_000)
        answer = await stranger.only_answer()
        assert (answer.status, answer.headers["connection"]) == (401, "close")


@on_both_loops
async def test_expect_100_continue() -> None:
    async with serving() as site:
        stranger = await site.stranger()
        stranger.send(HEAD + b"Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n")
        assert (await stranger.answer()).status == 100
        stranger.send(b"ab")
        assert (await stranger.answer()).body == ECHO + b"ab"
        stranger.send(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab")
        assert (await stranger.answer()).status == 200, "who sends at once is not asked to go on"


@on_both_loops
async def test_a_refusal_takes_the_place_of_100_continue() -> None:
    async with serving(max_body_bytes=1) as site:
        answer = await site.ask(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert answer.status == 413
        answer = await site.ask(HEAD + b"Expect: miracles\r\nContent-Length: 0\r\n\r\n")
        assert (answer.status, answer.error["code"]) == (417, "expectation_failed")
