"""Answers: framing, the application's faults, and connections there is no room for."""

import asyncio
import logging

import pytest

from tests.edge.strangers import GET, App, Call, on_both_loops, serving, until

SECRET = "sk-something in the prompt"
ASK = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"


@on_both_loops
async def test_a_stream_is_chunked_and_the_connection_kept() -> None:
    async def x(call: Call) -> None:
        await call.start((b"content-type", b"text/event-stream"))
        for piece in (b"one", b"", b"a" * 100_000):
            await call.write(piece)
        await call.write(b"", more=False)

    async with serving(App(x=x)) as site:
        stranger = await site.stranger()
        for _ in range(2):
            stranger.send(ASK)
            answer = await stranger.answer()
            assert answer.body == b"one" + b"a" * 100_000
            assert answer.headers["transfer-encoding"] == "chunked"
            assert "connection" not in answer.headers


@on_both_loops
async def test_every_piece_goes_out_at_once() -> None:
    async def x(call: Call) -> None:
        await call.start()
        await call.write(b"first")
        await call.left()

    async with serving(App(x=x)) as site:
        stranger = await site.stranger()
        stranger.send(ASK)
        await stranger.reader.readuntil(b"\r\n\r\n5\r\nfirst\r\n")
        stranger.reset()


@on_both_loops
async def test_pieces_passed_on_at_once_are_framed_as_any_other() -> None:
    passed: list[bool] = []

    async def x(call: Call) -> None:
        await call.start()
        passed.append(call.client.pass_on(b"too early"))
        await call.write(b"one")
        passed.append(call.client.pass_on(b"two"))
        passed.append(call.client.pass_on(b""))
        await call.write(b"three")
        passed.append(call.client.pass_on(b"four"))
        await call.write(b"", more=False)
        passed.append(call.client.pass_on(b"too late"))

    async with serving(App(x=x)) as site:
        stranger = await site.stranger()
        stranger.send(ASK + GET)
        assert (await stranger.answer()).body == b"onetwothreefour"
        assert (await stranger.answer()).status == 200
    assert passed == [False, True, False, True, False]


@on_both_loops
async def test_nothing_is_passed_on_to_a_client_that_does_not_keep_up_or_knows_no_chunks() -> None:
    passed: list[bool] = []

    async def x(call: Call) -> None:
        await call.start()
        await call.write(b"one")
        call.protocol.write_paused = True
        passed.append(call.client.pass_on(b"two"))
        call.protocol.write_paused = False
        await call.write(b"", more=False)

    async def old(call: Call) -> None:
        await call.start()
        await call.write(b"one")
        passed.append(call.client.pass_on(b"two"))
        await call.write(b"", more=False)

    async with serving(App(x=x, old=old)) as site:
        stranger = await site.stranger()
        stranger.send(ASK)
        assert (await stranger.answer()).body == b"one"
        stranger = await site.stranger()
        stranger.send(b"GET /old HTTP/1.0\r\n\r\n")
        assert (await stranger.reader.read()).endswith(b"\r\n\r\none")
    assert passed == [False, False]


@pytest.mark.parametrize("status", [204, 304])
@on_both_loops
async def test_answers_that_have_no_body(status: int) -> None:
    async def x(call: Call) -> None:
        await call.start(status=status)
        await call.write(b"", more=False)

    async with serving(App(x=x)) as site:
        stranger = await site.stranger()
        stranger.send(ASK + GET)
        answer = await stranger.answer()
        assert answer.status == status
        assert not {"transfer-encoding", "content-length"} & set(answer.headers)
        assert (await stranger.answer()).status == 200


@on_both_loops
async def test_every_answer_has_a_date() -> None:
    async with serving() as site:
        stranger = await site.stranger()
        stranger.send(GET)
        assert (await stranger.answer()).headers["date"].endswith(" GMT")
        assert (await site.ask(b"JUNK\r\n\r\n")).headers["date"].endswith(" GMT")


@on_both_loops
async def test_the_application_may_close() -> None:
    async def x(call: Call) -> None:
        await call.start((b"connection", b"close"), (b"content-length", b"0"))
        await call.write(b"", more=False)

    async with serving(App(x=x)) as site:
        assert (await site.ask(ASK)).headers["connection"] == "close"


async def raise_before(call: Call) -> None:
    raise ValueError(SECRET)


async def return_before(call: Call) -> None:
    pass


async def split_a_header(call: Call) -> None:
    await call.start((b"x", b"a\r\nset-cookie: b"), (b"content-length", b"0"))


async def start_with_nul(call: Call) -> None:
    await call.start((b"x", b"a\0"))


async def fold_a_header(call: Call) -> None:
    await call.start((b"x", b"a\n b"))


async def write_before_start(call: Call) -> None:
    await call.write(b"x")


async def start_and_fail(call: Call) -> None:
    await call.start()
    raise ValueError("late")


FAULTS = [
    raise_before,
    return_before,
    split_a_header,
    start_with_nul,
    fold_a_header,
    write_before_start,
    start_and_fail,
]


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.__name__ for fault in FAULTS])
@on_both_loops
async def test_a_fault_before_the_first_byte_is_a_500(
    fault: object, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(App(x=fault)) as site:  # type: ignore[arg-type]
        with caplog.at_level(logging.ERROR, "faregate.edge"):
            answer = await site.ask(ASK)
        assert (answer.status, answer.error["code"]) == (500, "internal_error")
        assert answer.error["type"] == "server_error"
        assert len(caplog.records) == 1
        assert SECRET not in caplog.text
        await site.is_well()


@on_both_loops
async def test_a_fault_within_a_stream_ends_it_without_its_last_chunk(
    caplog: pytest.LogCaptureFixture,
) -> None:
    go = asyncio.Event()

    async def x(call: Call) -> None:
        await call.start()
        await call.write(b"begun")
        await go.wait()
        await call.write(b"last")
        raise ValueError

    async with serving(App(x=x)) as site:
        stranger = await site.stranger()
        stranger.send(ASK)
        await stranger.reader.readuntil(b"begun\r\n")
        go.set()
        assert await stranger.reader.read() == b"4\r\nlast\r\n"
        assert "the application failed: ValueError" in caplog.text


@on_both_loops
async def test_a_fault_within_an_answer_that_ends_with_the_connection_resets_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    go = asyncio.Event()

    async def x(call: Call) -> None:
        await call.start()
        await call.write(b"begun")
        await go.wait()
        raise ValueError

    async with serving(App(x=x)) as site:
        stranger = await site.stranger()
        stranger.send(b"GET /x HTTP/1.0\r\n\r\n")
        await stranger.reader.readuntil(b"begun")
        go.set()
        await until(lambda: not site.edge.connections)


@pytest.mark.parametrize("length", [1, 3])
@on_both_loops
async def test_an_answer_of_another_length_than_declared_is_no_answer(
    length: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def x(call: Call) -> None:
        await call.start((b"content-length", b"%d" % length))
        await call.write(b"ab", more=False)

    async with serving(App(x=x)) as site:
        answer = await site.ask(ASK)
        assert answer.status == 500


@on_both_loops
async def test_a_fault_after_the_answer_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def x(call: Call) -> None:
        await call.reply(b"ok")
        raise ValueError

    async with serving(App(x=x)) as site:
        stranger = await site.stranger()
        for _ in range(2):
            stranger.send(ASK)
            assert (await stranger.answer()).body == b"ok"
        assert len(site.edge.connections) == 1
        assert caplog.text.count("the application failed") == 2


@on_both_loops
async def test_too_many_connections_are_told_so() -> None:
    async with serving(max_connections=3) as site:
        strangers = [await site.stranger() for _ in range(3)]
        await until(lambda: len(site.edge.connections) == 3)
        extra = await site.stranger()
        answer = await extra.only_answer()
        assert (answer.status, answer.error["code"]) == (503, "too_many_connections")
        assert answer.headers["retry-after"] == "1"
        extra.writer.close()
        strangers[0].send(GET)
        assert (await strangers[0].answer()).status == 200
        strangers[0].writer.close()
        await until(lambda: len(site.edge.connections) == 2)
        await site.is_well()


@on_both_loops
async def test_idle_connections_give_way_to_newcomers_the_longest_idle_first() -> None:
    async with serving(max_connections=3) as site:
        strangers = [await site.stranger() for _ in range(3)]
        for index in (1, 0, 2, 0):  # 1 has waited longest, then 2
            strangers[index].send(GET)
            assert (await strangers[index].answer()).status == 200
        newcomer = await site.stranger()
        newcomer.send(GET)
        assert (await newcomer.answer()).status == 200
        assert await strangers[1].reader.read() == b""
        for index in (0, 2):
            strangers[index].send(GET)
            assert (await strangers[index].answer()).status == 200


@on_both_loops
async def test_a_connection_with_a_request_under_way_does_not_give_way() -> None:
    async with serving(max_connections=1) as site:
        busy = await site.stranger()
        busy.send(GET)
        await busy.answer()
        busy.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n")
        await until(lambda: not site.edge.idle)
        extra = await site.stranger()
        assert (await extra.only_answer()).status == 503
        busy.send(b"ok")
        assert (await busy.answer()).status == 200


@on_both_loops
async def test_nothing_is_kept_of_a_request_after_it() -> None:
    async with serving() as site:
        stranger = await site.stranger()
        for _ in range(5):
            stranger.send(GET)
            await stranger.answer()
        assert not site.edge.running
        assert site.edge.requests == 5
