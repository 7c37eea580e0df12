"""TLS with certificates made for the occasion."""

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar, cast

import pytest
import trustme

from faregate.types import HttpRequest
from faregate.upstream.proxies import Proxies, Proxy
from faregate.upstream.tls import TlsOptions, build_context
from faregate.upstream.transport import Transport
from faregate.upstream.transport_errors import ConnectionLost, TlsFailed, TransportError
from tests.upstream.scripted import Peer, Run, both_loops, serving, until

BODY = b"x" * 100_000


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


class Https(asyncio.Protocol):
    """Answers every request; remembers what ALPN came to, and who the client said it was."""

    alpn: ClassVar[list[str | None]] = []
    live: ClassVar[int] = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.held = b""
        Https.live += 1
        Https.alpn.append(transport.get_extra_info("ssl_object").selected_alpn_protocol())

    def data_received(self, data: bytes) -> None:
        self.held += data
        while b"\r\n\r\n" in self.held:
            path = self.held.split(b" ")[1]
            self.held = self.held.partition(b"\r\n\r\n")[2]
            if path == b"/cut":
                self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
                self.transport.close()
                return
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY)
            self.transport.write(head + BODY)

    def connection_lost(self, exc: Exception | None) -> None:
        Https.live -= 1


@asynccontextmanager
async def https(context: ssl.SSLContext) -> AsyncIterator[int]:
    Https.alpn, Https.live = [], 0
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Https, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
        await until(lambda: not Https.live)
    finally:
        server.close()
        await server.wait_closed()


@both_loops
def test_a_trusted_server(run: Run, authority: trustme.CA, ca_file: str) -> None:
    async def main() -> None:
        async with https(server_context(authority, "localhost", "127.0.0.1")) as port:
            transport = Transport(tls=TlsOptions(ca_file=ca_file))
            for host in ("localhost", "127.0.0.1"):
                request = HttpRequest("GET", f"https://{host}:{port}/", {})
                assert (await transport.send(request)).body == BODY
                async with await transport.stream(request) as stream:
                    assert await stream.read(len(BODY)) == BODY
            assert transport.stats.idle == 2
            assert Https.alpn == ["http/1.1", "http/1.1"]
            with pytest.raises(ConnectionLost):
                await transport.send(HttpRequest("GET", f"https://localhost:{port}/cut", {}))
            await transport.aclose()

    run(main())


@both_loops
@pytest.mark.parametrize(
    ("names", "trusted", "why"),
    [
        (("other.test",), True, "(?i)hostname mismatch|not valid for"),
        (("localhost",), False, "certificate|issuer"),
    ],
)
def test_a_server_that_cannot_be_trusted(
    run: Run,
    authority: trustme.CA,
    ca_file: str,
    names: tuple[str, ...],
    trusted: bool,
    why: str,
) -> None:
    async def main() -> None:
        async with https(server_context(authority, *names)) as port:
            transport = Transport(tls=TlsOptions(ca_file=ca_file if trusted else None))
            with pytest.raises(TlsFailed, match=why) as caught:
                await transport.send(HttpRequest("GET", f"https://localhost:{port}/", {}))
            assert not caught.value.sent
            assert f"localhost:{port}" in str(caught.value)
            assert transport.stats.open == 0
            await transport.aclose()
            careless = Transport(tls=TlsOptions(verify=False))
            request = HttpRequest("GET", f"https://localhost:{port}/", {})
            assert (await careless.send(request)).status == 200
            await careless.aclose()

    run(main())


def descriptors() -> int:
    """How many files and sockets this process has open."""
    return len(list(Path("/dev/fd").iterdir()))


@both_loops
def test_a_server_that_speaks_no_tls(run: Run) -> None:
    async def plain(peer: Peer) -> None:
        await peer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await peer.gone()

    async def closing(peer: Peer) -> None:
        peer.close()

    async def resetting(peer: Peer) -> None:
        peer.reset()

    async def main() -> None:
        for script in (plain, closing, resetting):
            async with serving(script) as server:
                transport = Transport()
                with pytest.raises(TlsFailed) as caught:
                    await transport.send(
                        HttpRequest("GET", f"https://localhost:{server.port}/", {})
                    )
                assert not caught.value.sent
                await transport.aclose()

    run(main())
    gc.collect()
    before = descriptors()
    run(main())
    gc.collect()
    assert descriptors() == before


@both_loops
def test_a_handshake_that_never_ends_is_bounded_and_cancellable(run: Run) -> None:
    from faregate.upstream.limits import Timeouts

    async def script(peer: Peer) -> None:
        await peer.gone()

    async def main() -> None:
        async with serving(script) as server:
            transport = Transport()
            transport._ssl_context()  # reading the system's roots may take as long as the timeout
            request = HttpRequest("GET", f"https://localhost:{server.port}/", {})
            with pytest.raises(TransportError, match=r"within 0\.05 s"):
                await transport.send(request, Timeouts(connect=0.05))
            task = asyncio.create_task(transport.send(request))
            await until(lambda: server.connections >= 2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await server.quiet()
            assert transport.stats.open == 0
            await transport.aclose()

    run(main())


@both_loops
def test_cancelling_at_any_step_of_connecting_leaks_nothing(
    run: Run, authority: trustme.CA, ca_file: str
) -> None:
    async def main() -> None:
        async with https(server_context(authority, "127.0.0.1")) as port:
            transport = Transport(tls=TlsOptions(ca_file=ca_file))
            transport._ssl_context()
            request = HttpRequest("GET", f"https://127.0.0.1:{port}/", {})
            for steps in range(40):
                task = asyncio.create_task(transport.send(request))
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                assert transport.stats.in_use == 0
                await asyncio.sleep(0)
            assert (await transport.send(request)).status == 200
            await transport.aclose()

    run(main())
    gc.collect()
    before = descriptors()
    run(main())
    gc.collect()
    assert descriptors() == before


@both_loops
def test_a_client_certificate(
    run: Run, authority: trustme.CA, ca_file: str, tmp_path: Path
) -> None:
    asking = server_context(authority, "localhost")
    asking.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(asking)
    ours = authority.issue_cert("client.test")
    pem = tmp_path / "client.pem"
    ours.private_key_and_cert_chain_pem.write_to_path(str(pem))

    async def main() -> None:
        async with https(asking) as port:
            request = HttpRequest("GET", f"https://localhost:{port}/", {})
            shown = Transport(tls=TlsOptions(ca_file=ca_file, client_cert=str(pem)))
            assert (await shown.send(request)).status == 200
            await shown.aclose()
            without = Transport(tls=TlsOptions(ca_file=ca_file))
            with pytest.raises(TransportError):
                await without.send(request)
            await without.aclose()

    run(main())


@both_loops
def test_https_through_a_tunnel(run: Run, authority: trustme.CA, ca_file: str) -> None:
    """The proxy maps up.test to the local server and then only moves bytes."""
    asked: list[bytes] = []

    async def main() -> None:
        async with https(server_context(authority, "up.test")) as port:

            async def script(peer: Peer) -> None:
                asked.append(await peer.request())
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                await peer.write(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n")

                async def down() -> None:
                    while data := await reader.read(65_536):
                        await peer.write(data)

                pump = asyncio.create_task(down())
                loop = asyncio.get_running_loop()
                while data := await loop.sock_recv(peer._sock, 65_536):
                    writer.write(data)
                writer.close()
                await asyncio.gather(pump, return_exceptions=True)

            async with serving(script) as proxy:
                through = Proxies(https=Proxy("127.0.0.1", proxy.port))
                transport = Transport(tls=TlsOptions(ca_file=ca_file), proxies=through)
                request = HttpRequest("GET", "https://up.test/", {})
                for _ in range(3):
                    assert (await transport.send(request)).body == BODY
                wrong = HttpRequest("GET", "https://other.test/", {})
                with pytest.raises(TlsFailed, match=r"other\.test:443"):
                    await transport.send(wrong)
                await transport.aclose()
                assert [line.split(b"\r\n")[0] for line in asked] == [
                    b"CONNECT up.test:443 HTTP/1.1",
                    b"CONNECT other.test:443 HTTP/1.1",
                ]

    run(main())


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    for options in (
        TlsOptions(ca_file=str(tmp_path / "none.pem")),
        TlsOptions(ca_file=str(junk)),
        TlsOptions(client_cert=str(junk)),
    ):
        with pytest.raises(TlsFailed, match=r"\.pem"):
            build_context(options)


def test_the_default_verifies() -> None:
    context = build_context(TlsOptions())
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
