"""Several requests on one connection: in turn, at once, and too many at once."""

import asyncio

import pytest

from tests.edge.strangers import GET, HEAD, App, Call, on_both_loops, serving, until


def post(body: bytes) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


@on_both_loops
async def test_one_after_another_on_one_connection() -> None:
    async with serving() as site:
        stranger = await site.stranger()
        for number in range(20):
            stranger.send(post(b"%d" % number))
            assert (await stranger.answer()).body.endswith(b" %d" % number)
        assert len({id(call.protocol) for call in site.app.calls[-1:]}) == 1
        assert len(site.edge.connections) == 1


@pytest.mark.parametrize("step", [1, 50, 100_000])
@on_both_loops
async def test_sent_together_they_are_answered_in_order(step: int) -> None:
    async with serving() as site:
        stranger = await site.stranger()
        raw = b"".join(post(b"%d" % number) for number in range(8)) + GET
        protocol = await site.only_connection()
        for start in range(0, len(raw), step):
            protocol.data_received(raw[start : start + step])
        bodies = [(await stranger.answer()).body[-2:] for _ in range(9)]
        assert bodies == [b" %d" % number for number in range(8)] + [b"s "]


@on_both_loops
async def test_they_are_never_answered_at_the_same_time() -> None:
    running = [0]

    async def count(call: Call) -> None:
        running[0] += 1
        assert running[0] == 1
        await asyncio.sleep(0)
        await call.reply(b"")
        running[0] -= 1

    async with serving(App(count=count)) as site:
        stranger = await site.stranger()
        stranger.send(b"GET /count HTTP/1.1\r\nHost: a\r\n\r\n" * 10)
        for _ in range(10):
            assert (await stranger.answer()).status == 200


@on_both_loops
async def test_beyond_the_bound_those_within_are_answered_and_the_connection_closed() -> None:
    async with serving(max_pipelined=2) as site:
        stranger = await site.stranger()
        protocol = await site.only_connection()
        protocol.data_received(GET * 6)
        answers = [await stranger.answer() for _ in range(3)]
        await stranger.closed()
        assert [answer.status for answer in answers] == [200, 200, 200]
        assert answers[-1].headers["connection"] == "close"
        assert len(site.app.seen) == 3


@on_both_loops
async def test_what_comes_later_waits_unread() -> None:
    go = asyncio.Event()

    async def slow(call: Call) -> None:
        await go.wait()
        await call.reply(b"slow")

    async with serving(App(slow=slow)) as site:
        stranger = await site.stranger()
        stranger.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        await until(lambda: site.app.seen == ["/slow"])
        stranger.send(post(b"a" * 3_000_000) + GET)
        protocol = await site.only_connection()
        await until(lambda: protocol._read_paused)
        assert sum(map(len, protocol._ahead)) < 1_000_000
        go.set()
        assert (await stranger.answer()).body == b"slow"
        assert (await stranger.answer()).body.endswith(b"a" * 3_000_000)
        assert (await stranger.answer()).status == 200
        assert site.app.seen == ["/slow", "/v1/chat/completions", "/models"]


@on_both_loops
async def test_two_requests_and_a_half_close() -> None:
    async with serving() as site:
        stranger = await site.stranger()
        stranger.send(post(b"1") + post(b"2"))
        stranger.writer.write_eof()
        first, second = await stranger.answer(), await stranger.only_answer()
        assert (first.body[-1:], second.body[-1:]) == (b"1", b"2")


@on_both_loops
async def test_a_second_request_cut_short_does_not_harm_the_first() -> None:
    async with serving() as site:
        stranger = await site.stranger()
        stranger.send(post(b"1") + HEAD + b"Content-Length: 5\r\n\r\nab")
        assert (await stranger.answer()).body[-1:] == b"1"
        stranger.reset()
        await until(lambda: not site.edge.connections and not site.edge.running)


@on_both_loops
async def test_a_client_that_leaves_takes_its_waiting_requests_along() -> None:
    async def hold(call: Call) -> None:
        await call.left()

    async with serving(App(hold=hold)) as site:
        stranger = await site.stranger()
        stranger.send(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n" + post(b"abc"))
        await until(lambda: site.app.seen == ["/hold"] and site.edge.held_bytes == 3)
        stranger.reset()
        await until(lambda: not site.edge.running)
        assert site.app.seen == ["/hold"]
        assert site.edge.held_bytes == 0
