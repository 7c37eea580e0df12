"""Random bytes, mutated requests and random limits: after each the server answers somebody else."""

import asyncio
import json
import random
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.strangers import GET, HEAD, App, Call, Site, Stranger, serving

SEEDS = (
    GET,
    HEAD + b"Content-Length: 11\r\nX-A: b\r\n\r\n" + b'{"a": "b c"}'[:11],
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;e=1\r\n world\r\n0\r\nT: 1\r\n\r\n",
    HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
    HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nab" + GET,
    b"POST /x HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" + b"HEAD http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n",
    GET * 5,
)
PIECES = (
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b",", b";", b"0", b"ffffffff", b"-1",
    b"chunked", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: b\r\n",
    b"HTTP/1.1", b"HTTP/2.0", b"\xff" * 9, b"a" * 5000, b"X: y\r\n" * 120,
    b"GET /smuggled HTTP/1.1\r\n",
)  # fmt: skip
STATUSES = {200, 100, 400, 405, 408, 413, 414, 417, 431, 503, 505}
ROUNDS = 2000


def mutated(chance: random.Random) -> bytes:
    raw = bytearray(chance.choice(SEEDS))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(raw) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            raw[at:at] = chance.choice(PIECES)
        elif kind == 1:
            del raw[at : at + chance.randint(1, 8)]
        elif kind == 2:
            raw[at : at + 1] = bytes([chance.randrange(256)])
        elif kind == 3:
            raw = raw[:at] + bytearray(chance.choice(SEEDS))
        else:
            end = min(len(raw), at + chance.randint(1, 40))
            raw[at:at] = raw[at:end]
        if not raw:
            raw = bytearray(b"\n")
    return bytes(raw)


async def attack(site: Site, raw: bytes, cuts: list[int]) -> None:
    """Send the bytes in pieces, half-close, and read what comes to the end."""
    stranger = await site.stranger()
    start = 0
    for cut in [*sorted(cuts), len(raw)]:
        stranger.send(raw[start:cut])
        start = max(start, cut)
        await asyncio.sleep(0)
    if stranger.writer.can_write_eof() and not stranger.writer.is_closing():
        stranger.writer.write_eof()
    try:
        came = await stranger.reader.read()
    except ConnectionResetError:
        came = b""
    stranger.writer.close()
    check(came)


def check(came: bytes) -> None:
    """What came back is answers and nothing else, and every refusal has its shape."""
    while came:
        head, ended, rest = came.partition(b"\r\n\r\n")
        assert ended, came
        line, *lines = head.split(b"\r\n")
        assert line.startswith(b"HTTP/1.1 ")
        status = int(line[9:12])
        assert status in STATUSES, head
        headers = dict(one.lower().split(b": ", 1) for one in lines)
        length = int(headers.get(b"content-length", b"0"))
        if rest[:9] == b"HTTP/1.1 ":  # an answer to HEAD has none
            length = 0
        body, came = rest[:length], rest[length:]
        if body and status >= 400:
            assert set(json.loads(body)) == {"error"}
            assert headers[b"connection"] == b"close"
            assert not came, "nothing follows a refusal"


async def answer(call: Call) -> None:
    await call.body()
    await call.reply(b"ok")


class Any200(App):
    """Reads, answers, and faults on nothing."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.handlers = {scope["path"].strip("/"): answer}
        await super().__call__(scope, receive, send)
        self.calls.clear()


async def good(stranger: Stranger) -> None:
    stranger.send(GET)
    assert (await stranger.answer()).body == b"ok"


def fuzz(inputs: list[tuple[bytes, list[int]]]) -> None:
    async def run() -> None:
        async with (
            asyncio.timeout(60),
            serving(Any200(), max_header_bytes=4096, max_body_bytes=2048, max_pipelined=3) as site,
        ):
            bystander = await site.stranger()
            for raw, cuts in inputs:
                await attack(site, raw, cuts)
                await good(bystander)
            assert site.edge.held_bytes == 0

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


def test_mutated_requests(caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(20_261_122)
    inputs = []
    for _ in range(ROUNDS):
        raw = mutated(chance)
        inputs.append((raw, [chance.randrange(len(raw) + 1) for _ in range(chance.randrange(4))]))
    fuzz(inputs)
    assert not caplog.records, "no request makes the server itself fail"


@settings(max_examples=60)
@given(st.lists(st.tuples(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=3))))
def test_any_bytes(inputs: list[tuple[bytes, list[int]]]) -> None:
    fuzz(inputs)


@settings(max_examples=60)
@given(st.lists(st.lists(st.sampled_from(SEEDS + PIECES), max_size=6).map(b"".join), max_size=8))
def test_any_order_of_pieces(inputs: list[bytes]) -> None:
    fuzz([(raw, []) for raw in inputs])
