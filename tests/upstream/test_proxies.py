import base64

import pytest

from faregate.errors import ConfigError
from faregate.types import HttpRequest
from faregate.upstream.proxies import Proxies, Proxy
from faregate.upstream.request_head import split_url
from faregate.upstream.transport import Transport
from faregate.upstream.transport_errors import ConnectFailed, TransportError
from tests.upstream.scripted import Peer, Run, answer, both_loops, serving

P = Proxy("proxy.test", 3128)


def chosen(environ: dict[str, str], url: str) -> Proxy | None:
    return Proxies.from_environment(environ).proxy_for(split_url(url).origin)


@pytest.mark.parametrize(
    ("environ", "url", "expected"),
    [
        ({}, "https://a.test/", None),
        ({"HTTPS_PROXY": "http://proxy.test:3128"}, "https://a.test/", P),
        ({"HTTPS_PROXY": "http://proxy.test:3128"}, "http://a.test/", None),
        ({"HTTP_PROXY": "http://proxy.test:3128"}, "http://a.test/", P),
        ({"HTTP_PROXY": "http://proxy.test:3128"}, "https://a.test/", None),
        ({"ALL_PROXY": "proxy.test:3128"}, "https://a.test/", P),
        ({"all_proxy": "http://proxy.test:3128/"}, "http://a.test/", P),
        ({"https_proxy": "http://proxy.test:3128", "HTTPS_PROXY": "x.test"}, "https://a.test/", P),
        ({"https_proxy": "", "HTTPS_PROXY": "http://proxy.test:3128"}, "https://a.test/", P),
        ({"HTTPS_PROXY": "http://proxy.test"}, "https://a.test/", Proxy("proxy.test", 80)),
        ({"HTTPS_PROXY": "http://[::2]:81"}, "https://a.test/", Proxy("::2", 81)),
        ({"HTTP_PROXY": "http://proxy.test", "REQUEST_METHOD": "GET"}, "http://a.test/", None),
        ({"http_proxy": "proxy.test:3128", "REQUEST_METHOD": "GET"}, "http://a.test/", P),
        ({"ALL_PROXY": "proxy.test:3128"}, "http://127.0.0.1:8080/", None),
        ({"ALL_PROXY": "proxy.test:3128"}, "http://localhost:8080/", None),
        ({"ALL_PROXY": "proxy.test:3128"}, "http://[::1]/", None),
    ],
)
def test_the_proxy_of_an_environment(
    environ: dict[str, str], url: str, expected: Proxy | None
) -> None:
    assert chosen(environ, url) == expected


@pytest.mark.parametrize(
    ("rules", "url", "direct"),
    [
        ("*", "https://a.test/", True),
        ("a.test", "https://a.test/", True),
        ("a.test", "https://A.TEST/", True),
        ("A.Test", "https://a.test/", True),
        ("a.test", "https://b.a.test/", True),
        (".a.test", "https://b.a.test/", True),
        (".a.test", "https://a.test/", True),
        ("*.a.test", "https://b.a.test/", True),
        ("a.test", "https://ba.test/", False),
        ("a.test", "https://a.test.evil/", False),
        ("x.test, a.test", "https://a.test/", True),
        ("x.test a.test", "https://a.test/", True),
        ("a.test.", "https://a.test/", True),
        ("a.test:443", "https://a.test/", True),
        ("a.test:8443", "https://a.test/", False),
        ("a.test:8443", "https://a.test:8443/", True),
        ("10.0.0.1", "https://10.0.0.1/", True),
        ("10.0.0.1", "https://10.0.0.2/", False),
        ("10.0.0.1:443", "https://10.0.0.1/", True),
        ("10.0.0.0/8", "https://10.9.8.7/", True),
        ("10.0.0.0/8", "https://11.9.8.7/", False),
        ("10.0.0.0/8", "https://10.test/", False),
        ("fd00::/8", "https://[fd00::1]/", True),
        ("[fd00::1]", "https://[fd00::1]/", True),
        ("[fd00::1]:443", "https://[fd00::1]/", True),
        ("fd00::1", "https://[fd00::2]/", False),
        ("", "https://a.test/", False),
        (" , ,", "https://a.test/", False),
        (".", "https://a.test/", False),
        ("est", "https://a.test/", False),
    ],
)
@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_no_proxy(name: str, rules: str, url: str, direct: bool) -> None:
    environ = {"HTTPS_PROXY": "http://proxy.test:3128", name: rules}
    assert (chosen(environ, url) is None) == direct


@pytest.mark.parametrize(
    "value", ["socks5://sesame:1", "https://sesame", "http://", "http://sesame:x", "http://[sesame"]
)
def test_a_proxy_we_cannot_use_is_an_error_that_names_the_variable(value: str) -> None:
    with pytest.raises(ConfigError, match="HTTPS_PROXY") as caught:
        Proxies.from_environment({"HTTPS_PROXY": value})
    assert "sesame" not in str(caught.value)


def test_credentials_are_decoded_and_never_shown() -> None:
    proxies = Proxies.from_environment({"ALL_PROXY": "http://us%40er:sesame%21@proxy.test:1"})
    assert proxies.https is not None
    assert proxies.https.authorization == "Basic " + base64.b64encode(b"us@er:sesame!").decode()
    for shown in (repr(proxies), str(proxies), repr(proxies.https), f"{proxies.https}"):
        assert "sesame" not in shown
        assert proxies.https.authorization not in shown
    assert "proxy.test:1" in repr(proxies)


def through(port: int, credentials: str = "") -> Proxies:
    proxy = Proxy.parse(f"http://{credentials}127.0.0.1:{port}", "test")
    return Proxies(http=proxy, https=proxy)


@both_loops
def test_plain_http_goes_to_the_proxy_in_absolute_form(run: Run) -> None:
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        while request := await peer.request():
            seen.append(request)
            await peer.write(answer(b"ok"))

    async def main() -> None:
        async with serving(script) as proxy:
            transport = Transport(proxies=through(proxy.port, "u:sesame@"))
            for path in ("/a?b=c", "/d"):
                request = HttpRequest("GET", f"http://up.test:8080{path}", {"x": "y"})
                assert (await transport.send(request)).body == b"ok"
            await transport.aclose()
            assert proxy.connections == 1
        assert seen[0].startswith(
            b"GET http://up.test:8080/a?b=c HTTP/1.1\r\nHost: up.test:8080\r\n"
        )
        token = base64.b64encode(b"u:sesame")
        assert b"\r\nProxy-Authorization: Basic " + token + b"\r\n" in seen[1]

    run(main())


@both_loops
@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "502"),
        (b"nonsense\r\n\r\n", "HTTP"),
        (b"HTTP/1.1 \xff\xff\xff\r\n\r\n", "HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000, "head over"),
        (b"", "closed"),
        (b"HTTP/1.1 200 OK\r\n\r\nsurprise", "before the upstream"),
    ],
)
def test_a_proxy_that_makes_no_tunnel(run: Run, reply: bytes, why: str) -> None:
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        seen.append(await peer.request())
        await peer.write(reply)

    async def main() -> None:
        async with serving(script) as proxy:
            transport = Transport(proxies=through(proxy.port, "u:sesame@"))
            with pytest.raises(TransportError, match=why) as caught:
                await transport.send(HttpRequest("GET", "https://up.test/?key=sesame", {}))
            assert not caught.value.sent
            assert "sesame" not in str(caught.value)
            assert "up.test:443" in str(caught.value)
            assert f"127.0.0.1:{proxy.port}" in str(caught.value)
            await transport.aclose()
        token = base64.b64encode(b"u:sesame")
        assert seen == [
            b"CONNECT up.test:443 HTTP/1.1\r\nHost: up.test:443\r\n"
            b"Proxy-Authorization: Basic " + token + b"\r\n\r\n"
        ]

    run(main())


@both_loops
def test_a_proxy_that_is_not_there(run: Run) -> None:
    async def main() -> None:
        import socket

        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            transport = Transport(proxies=through(bound.getsockname()[1]))
            with pytest.raises(ConnectFailed, match=r"up\.test:80: cannot connect to the proxy"):
                await transport.send(HttpRequest("GET", "http://up.test/", {}))
            await transport.aclose()

    run(main())
