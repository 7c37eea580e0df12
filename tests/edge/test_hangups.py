"""Clients that leave, all at once or half, and what the application hears of it."""

import asyncio

import pytest

from tests.edge.strangers import GET, HEAD, App, Call, on_both_loops, serving, until

THINK = b"GET /think HTTP/1.1\r\nHost: a\r\n\r\n"


class Thinker:
    """A handler that answers when told, and notes what it hears of its client meanwhile."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.heard: list[tuple[bool, bool]] = []
        self.call: Call | None = None

    async def __call__(self, call: Call) -> None:
        def heard() -> None:
            self.heard.append((call.client.half_closed, call.client.gone))

        call.client.on_gone = heard
        self.call = call
        await self.go.wait()
        await call.reply(b"thought")


@on_both_loops
async def test_a_half_closed_client_still_gets_its_answer() -> None:
    think = Thinker()
    async with serving(App(think=think)) as site:
        stranger = await site.stranger()
        stranger.send(THINK)
        stranger.writer.write_eof()
        await until(lambda: bool(think.heard))
        assert think.heard == [(True, False)]
        think.go.set()
        answer = await stranger.only_answer()
        assert (answer.body, answer.headers["connection"]) == (b"thought", "close")


@on_both_loops
async def test_a_half_closed_client_gets_a_whole_stream() -> None:
    async def stream(call: Call) -> None:
        await call.start()
        await until(lambda: call.client.half_closed)
        for number in range(50):
            await call.write(b"%d;" % number)
        await call.write(b"", more=False)

    async with serving(App(stream=stream)) as site:
        stranger = await site.stranger()
        stranger.send(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        stranger.writer.write_eof()
        assert (await stranger.only_answer()).body.count(b";") == 50


@on_both_loops
async def test_an_answer_that_waits_to_be_written_goes_out_before_the_end() -> None:
    async def quick(call: Call) -> None:
        await call.reply(b"quick")

    async with serving(App(quick=quick)) as site:
        stranger = await site.stranger()
        stranger.send(b"GET /quick HTTP/1.1\r\nHost: a\r\n\r\n")
        stranger.writer.write_eof()  # it comes in before the end of the turn that answers
        assert b"quick" in await stranger.reader.read()


@on_both_loops
async def test_a_reset_is_heard_at_once() -> None:
    think = Thinker()
    async with serving(App(think=think)) as site:
        stranger = await site.stranger()
        stranger.send(THINK)
        await until(lambda: think.call is not None)
        stranger.reset()
        await until(lambda: bool(think.heard))
        assert think.heard == [(False, True)]
        think.go.set()  # its answer goes nowhere, without an error


@on_both_loops
async def test_a_client_that_closed_is_half_closed_until_something_is_written() -> None:
    async def stream(call: Call) -> None:
        await call.start()
        heard: list[tuple[bool, bool]] = []
        call.client.on_gone = lambda: heard.append((call.client.half_closed, call.client.gone))
        await call.write(b"first")
        await until(lambda: call.client.half_closed)
        while not call.client.gone:
            await call.write(b"more")
            await asyncio.sleep(0)
        assert heard == [(True, False), (True, True)]
        done.set()

    done = asyncio.Event()
    async with serving(App(stream=stream)) as site:
        stranger = await site.stranger()
        stranger.send(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        await stranger.reader.readuntil(b"first")
        stranger.writer.close()
        await done.wait()


@on_both_loops
async def test_receive_gives_the_disconnect() -> None:
    heard: list[str] = []

    async def wait(call: Call) -> None:
        await call.body()
        heard.append((await call.receive())["type"])
        heard.append((await call.receive())["type"])

    async with serving(App(wait=wait)) as site:
        stranger = await site.stranger()
        stranger.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        await until(lambda: bool(site.app.calls))
        stranger.reset()
        await until(lambda: len(heard) == 2)
        assert heard == ["http.disconnect", "http.disconnect"]


@on_both_loops
async def test_a_body_that_ends_early_is_refused_and_heard() -> None:
    async with serving() as site:
        stranger = await site.stranger()
        stranger.send(HEAD + b"Content-Length: 10\r\n\r\nabc")
        await until(lambda: bool(site.app.calls))
        stranger.writer.write_eof()
        answer = await stranger.only_answer()
        assert (answer.status, answer.error["code"]) == (400, "incomplete_request")
        assert site.app.calls[0].client.gone


@pytest.mark.parametrize(
    "raw", [b"G", b"GET / HTTP/1.1\r\nHost: a\r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\n1"]
)
@on_both_loops
async def test_a_request_that_ends_early_is_refused(raw: bytes) -> None:
    async with serving() as site:
        stranger = await site.stranger()
        stranger.send(raw)
        stranger.writer.write_eof()
        assert (await stranger.only_answer()).error["code"] == "incomplete_request"


@on_both_loops
async def test_idle_clients_may_leave() -> None:
    async with serving() as site:
        silent = await site.stranger()
        silent.writer.write_eof()
        await silent.closed()
        stranger = await site.stranger()
        stranger.send(GET)
        assert (await stranger.answer()).status == 200
        stranger.writer.write_eof()
        await stranger.closed()


@on_both_loops
async def test_a_writer_that_waits_for_a_slow_client_is_freed_when_it_leaves() -> None:
    freed = asyncio.Event()

    async def flood(call: Call) -> None:
        await call.start()
        while not call.client.gone:
            await call.write(b"a" * 1_000_000)
        freed.set()

    async with serving(App(flood=flood)) as site:
        stranger = await site.stranger()
        stranger.send(b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
        protocol = await site.only_connection()
        await until(lambda: protocol.write_paused and protocol._writable is not None)
        stranger.reset()
        await freed.wait()


@on_both_loops
async def test_an_answer_is_not_buffered_beyond_a_bound() -> None:
    stop = asyncio.Event()

    async def flood(call: Call) -> None:
        await call.start()
        while not stop.is_set():
            await call.write(b"a" * 10_000)

    async with serving(App(flood=flood)) as site:
        stranger = await site.stranger()
        stranger.send(b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
        protocol = await site.only_connection()
        await until(lambda: protocol.write_paused and protocol._writable is not None)
        assert protocol._transport.get_write_buffer_size() < 200_000
        stop.set()
        stranger.reset()
