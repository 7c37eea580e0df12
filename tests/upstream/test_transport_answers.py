"""Answers in every framing, through real sockets, on both loops."""

import gzip
import json
import zlib

import pytest

from faregate.types import HttpRequest
from faregate.upstream.limits import Limits
from faregate.upstream.transport_errors import (
    BodyTooLarge,
    ConnectionLost,
    DecodeError,
    ProtocolError,
)
from tests.upstream.scripted import (
    Peer,
    Run,
    answer,
    both_loops,
    chunked,
    get,
    once,
    only_connection,
    polite,
    post,
    world,
)

pytestmark = both_loops

TEXT = b'data: {"x": 1}\n\n' * 50


def test_a_request_arrives_as_it_was_meant(run: Run) -> None:
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        while request := await peer.request():
            seen.append(request)
            await peer.write(answer(b'{"ok": true}', b"X-Request-Id: r1"))

    async def main() -> None:
        async with world(script) as (server, transport):
            url = f"{server.url}/v1/chat?api-version=1"
            request = HttpRequest("POST", url, {"api-key": "k"}, b'{"a":1}')
            got = await transport.send(request)
            assert got.status == 200
            assert got.headers["x-request-id"] == "r1"
            assert json.loads(got.body) == {"ok": True}
            assert seen[0].split(b"\r\n") == [
                b"POST /v1/chat?api-version=1 HTTP/1.1",
                f"Host: 127.0.0.1:{server.port}".encode(),
                b"Accept-Encoding: gzip",
                b"api-key: k",
                b"Content-Length: 7",
                b"",
                b'{"a":1}',
            ]

    run(main())


def test_connections_are_used_again(run: Run) -> None:
    async def main() -> None:
        async with world(polite) as (server, transport):
            bodies = [(await transport.send(post(server))).body for _ in range(3)]
            assert bodies == [b"1.1", b"1.2", b"1.3"]
            async with await transport.stream(get(server)) as stream:
                assert await stream.read(100) == b"1.4"
            assert (await transport.send(get(server))).body == b"1.5"
            assert server.connections == 1
            assert transport.stats.open == transport.stats.idle == 1

    run(main())


GZIPPED = gzip.compress(TEXT)


@pytest.mark.parametrize(
    ("reply", "close", "body"),
    [
        (answer(TEXT), False, TEXT),
        (answer(b""), False, b""),
        (chunked(TEXT, b"more"), False, TEXT + b"more"),
        (chunked(), False, b""),
        (chunked(b"a", b"b", trailers=b"X-T: 1\r\n"), False, b"ab"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + TEXT, True, TEXT),
        (b"HTTP/1.0 200 OK\r\n\r\n" + TEXT, True, TEXT),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"x"), False, b"x"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", False, b""),
        (answer(GZIPPED, b"Content-Encoding: gzip"), False, TEXT),
        (
            chunked(GZIPPED).replace(b"OK\r\n", b"OK\r\nContent-Encoding: gzip\r\n"),
            False,
            TEXT,
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + GZIPPED, True, TEXT),
        (answer(b"", b"Content-Encoding: gzip"), False, b""),
        (answer(TEXT, b"Content-Encoding: identity"), False, TEXT),
        (answer(b"no", status=b"503 Busy"), False, b"no"),
    ],
)
def test_every_framing_sent_and_streamed(run: Run, reply: bytes, close: bool, body: bytes) -> None:
    async def main() -> None:
        async with world(once(reply, close=close)) as (server, transport):
            whole = await transport.send(get(server))
            assert whole.body == body
            assert ("content-encoding" in whole.headers) == (b"identity" in reply)
            await transport.aclose()
        async with world(once(reply, close=close)) as (server, transport):
            async with await transport.stream(get(server)) as stream:
                assert stream.status == whole.status
                assert stream.headers == whole.headers
                assert b"".join([piece async for piece in stream]) == body
                assert [piece async for piece in stream] == []
            assert transport.stats.idle == (0 if close else 1)
            await transport.aclose()

    run(main())


@pytest.mark.parametrize("encoded", [False, True])
def test_an_answer_that_comes_byte_by_byte(run: Run, encoded: bool) -> None:
    reply = chunked(gzip.compress(b"hello") if encoded else b"hello")
    if encoded:
        reply = reply.replace(b"OK\r\n", b"OK\r\nContent-Encoding: gzip\r\n")

    async def script(peer: Peer) -> None:
        while await peer.request():
            for i in range(len(reply)):
                await peer.write(reply[i : i + 1])

    async def main() -> None:
        async with world(script) as (server, transport):
            assert (await transport.send(get(server))).body == b"hello"
            async with await transport.stream(get(server)) as stream:
                assert await stream.read(5) == b"hello"
            assert server.connections == 1
            await transport.aclose()

    run(main())


def test_pieces_come_when_they_are_sent(run: Run) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while step := await peer.request():  # each further "request" lets one piece out
            await peer.write(b"1\r\n" + step[5:6] + b"\r\n")
        await peer.gone()

    async def main() -> None:
        async with (
            world(script) as (server, transport),
            await transport.stream(get(server)) as stream,
        ):
            raw = only_connection(transport)._transport
            assert raw is not None
            for letter in (b"a", b"b", b"c"):
                raw.write(b"GET /%s X\r\n\r\n" % letter)
                assert await anext(stream) == letter

    run(main())


def test_gzip_pieces_are_decoded_as_they_come(run: Run) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        packer = zlib.compressobj(wbits=31)
        await peer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
        await peer.write(packer.compress(b"first") + packer.flush(zlib.Z_SYNC_FLUSH))
        await peer.request()
        await peer.write(packer.compress(b"second") + packer.flush())

    async def main() -> None:
        async with (
            world(script) as (server, transport),
            await transport.stream(get(server)) as stream,
        ):
            assert await anext(stream) == b"first"
            raw = only_connection(transport)._transport
            assert raw is not None
            raw.write(b"GET / X\r\n\r\n")
            assert await anext(stream) == b"second"
            assert [piece async for piece in stream] == []

    run(main())


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b"<html>I am no gateway</html>", ProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", ConnectionLost),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", ConnectionLost),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", ConnectionLost),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\nabc\r\n", ProtocolError),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n", ProtocolError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n", ProtocolError),
        (answer(b"not gzip", b"Content-Encoding: gzip"), DecodeError),
        (answer(GZIPPED[:-4], b"Content-Encoding: gzip"), DecodeError),
        (answer(b"brotli", b"Content-Encoding: br"), DecodeError),
    ],
)
def test_a_bad_answer_is_an_error_and_its_connection_closed(
    run: Run, reply: bytes, kind: type[Exception]
) -> None:
    async def main() -> None:
        async with world(once(reply, close=True)) as (server, transport):
            with pytest.raises(kind) as caught:
                await transport.send(post(server))
            assert getattr(caught.value, "sent", None) is True
            assert str(caught.value).startswith(f"127.0.0.1:{server.port}: ")
            assert transport.stats.open == 0
        async with world(once(reply, close=True)) as (server, transport):
            with pytest.raises(kind):  # noqa: PT012 - either step may notice
                async with await transport.stream(post(server)) as stream:
                    async for _ in stream:
                        pass
            assert transport.stats.open == 0

    run(main())


def test_a_broken_stream_gives_what_came_before_it_broke(run: Run) -> None:
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"

    async def main() -> None:
        async with world(once(reply, close=True)) as (server, transport):
            got = []
            with pytest.raises(ConnectionLost, match="after 3 bytes of the body"):  # noqa: PT012
                async with await transport.stream(get(server)) as stream:
                    async for piece in stream:
                        got.append(piece)  # noqa: PERF401 - it ends with an exception
            assert got == [b"abc"]

    run(main())


def test_a_body_over_the_limit(run: Run) -> None:
    small = Limits(max_body_bytes=1000)
    zeros = gzip.compress(bytes(100_000))

    async def main() -> None:
        for reply in (
            answer(bytes(1001)),
            chunked(bytes(600), bytes(600)),
            answer(zeros, b"Content-Encoding: gzip"),
        ):
            async with world(once(reply), limits=small) as (server, transport):
                with pytest.raises(BodyTooLarge):
                    await transport.send(get(server))
                assert transport.stats.in_use == 0
        async with world(once(answer(bytes(1000))), limits=small) as (server, transport):
            assert len((await transport.send(get(server))).body) == 1000
            await transport.aclose()

    run(main())


def test_a_bomb_ends_a_stream(run: Run) -> None:
    bomb = gzip.compress(bytes(64 * 1024 * 1024), compresslevel=9)

    async def main() -> None:
        reply = answer(bomb, b"Content-Encoding: gzip")
        async with world(once(reply)) as (server, transport):
            size = 0
            with pytest.raises(BodyTooLarge, match="grows"):  # noqa: PT012
                async with await transport.stream(get(server)) as stream:
                    async for piece in stream:
                        size += len(piece)
            assert size < 16 * 1024 * 1024

    run(main())


def test_read_stops_at_its_limit(run: Run) -> None:
    async def main() -> None:
        async with world(once(answer(bytes(50)))) as (server, transport):
            stream = await transport.stream(get(server))
            with pytest.raises(BodyTooLarge):
                await stream.read(49)
            assert transport.stats.in_use == 0

    run(main())


def test_head_has_no_body_and_keeps_the_connection(run: Run) -> None:
    async def script(peer: Peer) -> None:
        while request := await peer.request():
            whole = answer(b"0123456789")
            await peer.write(whole[:-10] if request.startswith(b"HEAD") else whole)

    async def main() -> None:
        async with world(script) as (server, transport):
            got = await transport.send(HttpRequest("HEAD", server.url, {}))
            assert (got.status, got.body, got.headers["content-length"]) == (200, b"", "10")
            assert (await transport.send(get(server))).body == b"0123456789"
            assert server.connections == 1
            await transport.aclose()

    run(main())


def test_what_must_not_be_sent_opens_no_connection(run: Run) -> None:
    async def main() -> None:
        async with world(polite) as (server, transport):
            for bad in (
                HttpRequest("GET", server.url, {"x": "a\r\nX-Evil: 1"}),
                HttpRequest("GET", server.url, {"x\r\nX-Evil": "1"}),
                HttpRequest("GET", server.url + "/a\r\nX-Evil: 1", {}),
                HttpRequest("GET /x", server.url, {}),
            ):
                with pytest.raises(ValueError):
                    await transport.send(bad)
            assert server.connections == 0

    run(main())
