"""Clients that take their time: heads, bodies, silence, answers nobody reads."""

import asyncio
import socket

from tests.edge.strangers import (
    GET,
    HEAD,
    App,
    Call,
    elapse,
    on_both_loops,
    serving,
    until,
)

QUICK = 0.05


@on_both_loops
async def test_a_connection_that_says_nothing_is_closed() -> None:
    async with serving(header_timeout=QUICK) as site:
        await (await site.stranger()).closed()


@on_both_loops
async def test_a_head_that_does_not_end_is_refused() -> None:
    async with serving(header_timeout=QUICK) as site:
        answer = await site.ask(HEAD + b"X-Slow: ")
        assert (answer.status, answer.error["code"]) == (408, "request_timeout")
        assert answer.error["type"] == "timeout_error"


@on_both_loops
async def test_single_bytes_do_not_extend_the_time_for_a_head() -> None:
    async with serving(header_timeout=0.2) as site:
        stranger = await site.stranger()
        protocol = await site.only_connection()
        protocol.data_received(HEAD)
        due = protocol.deadline
        protocol.data_received(b"X")
        assert protocol.deadline == due
        assert (await stranger.only_answer()).status == 408


@on_both_loops
async def test_a_later_head_has_the_same_time() -> None:
    async with serving(header_timeout=QUICK) as site:
        stranger = await site.stranger()
        stranger.send(GET)
        assert (await stranger.answer()).status == 200
        stranger.send(b"G")
        assert (await stranger.only_answer()).status == 408


@on_both_loops
async def test_a_body_that_stops_is_refused_and_the_application_told() -> None:
    async with serving(body_timeout=QUICK) as site:
        answer = await site.ask(HEAD + b"Content-Length: 10\r\n\r\nabc")
        assert (answer.status, answer.error["code"]) == (408, "request_timeout")
        assert site.app.calls[0].client.gone


@on_both_loops
async def test_a_body_that_drips_is_refused() -> None:
    async with serving(body_timeout=0.1, min_body_rate=1_000_000_000) as site:
        stranger = await site.stranger()
        protocol = await site.only_connection()
        protocol.data_received(HEAD + b"Content-Length: 10000000\r\n\r\n")
        while not protocol._deaf:  # each byte alone is in time
            protocol.data_received(b"a")
            await asyncio.sleep(0)
        assert (await stranger.only_answer()).status == 408


@on_both_loops
async def test_keep_alive_ends_after_a_while_without_a_word() -> None:
    async with serving(idle_timeout=QUICK) as site:
        stranger = await site.stranger()
        stranger.send(GET)
        assert (await stranger.answer()).status == 200
        await stranger.closed()


@on_both_loops
async def test_an_answer_may_take_longer_than_every_timeout_of_the_client() -> None:
    async def think(call: Call) -> None:
        await elapse(0.2)
        await call.reply(b"thought")

    async with serving(
        App(think=think), header_timeout=QUICK, body_timeout=QUICK, idle_timeout=QUICK
    ) as site:
        stranger = await site.stranger()
        stranger.send(b"GET /think HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await stranger.answer()).body == b"thought"


@on_both_loops
async def test_an_answer_nobody_takes_is_given_up() -> None:
    lost: list[Call] = []

    async def flood(call: Call) -> None:
        await call.start()
        while not call.client.gone:
            await call.write(b"a" * 100_000)
        lost.append(call)

    async with serving(App(flood=flood), send_timeout=0.1) as site:
        stranger = await site.stranger()
        stranger.writer.transport.pause_reading()  # type: ignore[attr-defined]
        stranger.send(b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
        await until(lambda: bool(lost))
        await until(lambda: not site.edge.connections)


@on_both_loops
async def test_a_slow_reader_that_reads_is_not_given_up() -> None:
    async def flood(call: Call) -> None:
        await call.reply(b"a" * 30_000_000)

    async with serving(App(flood=flood), send_timeout=0.2) as site:
        stranger = await site.stranger()
        stranger.send(b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
        await stranger.reader.readuntil(b"\r\n\r\n")
        for _ in range(15):
            await stranger.reader.readexactly(2_000_000)
            await elapse(0.03)


@on_both_loops
async def test_a_reader_slower_than_the_systems_queue_is_not_given_up() -> None:
    lost: list[Call] = []

    async def flood(call: Call) -> None:
        await call.start()
        while not call.client.gone:
            await call.write(b"a" * 100_000)
        lost.append(call)

    async with serving(App(flood=flood), send_timeout=0.2) as site:
        with socket.socket() as reader:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            reader.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(reader, ("127.0.0.1", site.port))
            await loop.sock_sendall(reader, b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
            for _ in range(25):  # some hundred kilobytes of the megabytes on their way
                await loop.sock_recv(reader, 16_384)
                await elapse(0.04)
            assert not lost
        await until(lambda: bool(lost))


@on_both_loops
async def test_who_does_not_leave_after_a_refusal_is_dropped() -> None:
    async with serving(linger_timeout=QUICK) as site:
        stranger = await site.stranger()
        stranger.send(b"JUNK\r\n\r\n")
        assert (await stranger.answer()).status == 400
        await until(lambda: not site.edge.connections)
