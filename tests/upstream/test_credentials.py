"""Entra ID tokens: caching, renewal ahead of time, one fetch at a time, errors without secrets."""

import asyncio
import http.server
import json
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme

from faregate.errors import APIConnectionError, AuthenticationError, ConfigError
from faregate.upstream import credentials
from faregate.upstream.credentials import (
    EntraOptions,
    EntraToken,
    FixedToken,
    ProvidedToken,
    default_authority,
    default_scope,
    token_source,
)

ACCOUNT = "https://r.services.ai.azure.com"


class Access(NamedTuple):
    token: str
    expires_on: float


class Fake:
    """A credential that hands out t1, t2 … for an hour each, or fails."""

    def __init__(self, clock: "Clock") -> None:
        self.clock = clock
        self.asked: list[str] = []
        self.failure: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.answered = threading.Event()
        self.closed = False

    def get_token(self, scope: str) -> Access:
        self.asked.append(scope)
        assert self.gate.wait(10)
        self.answered.set()
        if self.failure is not None:
            raise self.failure
        return Access(f"t{len(self.asked)}", self.clock.now + 3600)

    def close(self) -> None:
        self.closed = True


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Setting(NamedTuple):
    clock: Clock
    fake: Fake
    source: EntraToken


@pytest.fixture
def setting() -> Setting:
    clock = Clock()
    fake = Fake(clock)
    return Setting(clock, fake, EntraToken(EntraOptions(), ACCOUNT, credential=fake, clock=clock))


async def settled(source: EntraToken) -> None:
    """Wait for the renewal under way, if there is one."""
    fetch = source._fetch
    if fetch is not None:
        await asyncio.wait([asyncio.wrap_future(fetch)])


async def test_a_token_is_kept_until_it_nears_its_end(setting: Setting) -> None:
    clock, fake, source = setting
    assert [await source.token() for _ in range(3)] == ["t1"] * 3
    clock.now += 3299
    assert await source.token() == "t1"
    assert fake.asked == ["https://cognitiveservices.azure.com/.default"]


async def test_it_is_renewed_ahead_without_making_anyone_wait(setting: Setting) -> None:
    clock, fake, source = setting
    await source.token()
    clock.now += 3301
    fake.gate.clear()
    assert [await source.token() for _ in range(5)] == ["t1"] * 5
    renewal = source._fetch
    assert renewal is not None
    fake.gate.set()
    await asyncio.wrap_future(renewal)
    assert await source.token() == "t2"
    assert len(fake.asked) == 2


async def test_a_failed_renewal_leaves_the_old_token_and_pauses(setting: Setting) -> None:
    clock, fake, source = setting
    await source.token()
    clock.now += 3301
    fake.failure = OSError("down")
    assert await source.token() == "t1"
    await settled(source)
    assert await source.token() == "t1"
    assert len(fake.asked) == 2
    clock.now += 31
    assert await source.token() == "t1"
    await settled(source)
    assert len(fake.asked) == 3
    clock.now += 300
    with pytest.raises(APIConnectionError):
        await source.token()
    fake.failure = None
    assert await source.token() == "t5"


async def test_one_fetch_serves_everyone_who_waits(setting: Setting) -> None:
    _, fake, source = setting
    fake.gate.clear()
    waiting = [asyncio.create_task(source.token()) for _ in range(50)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    fake.gate.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1:] == ["t1"] * 49
    assert len(fake.asked) == 1


async def test_all_who_wait_get_the_failure_and_the_next_call_tries_again(
    setting: Setting,
) -> None:
    _, fake, source = setting
    fake.gate.clear()
    fake.failure = OSError("down")
    waiting = [asyncio.create_task(source.token()) for _ in range(5)]
    await asyncio.sleep(0)
    fake.gate.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in found] == [APIConnectionError] * 5
    fake.failure = None
    assert await source.token() == "t2"


def test_it_outlives_event_loops(setting: Setting) -> None:
    clock, fake, source = setting
    assert asyncio.run(source.token()) == "t1"
    clock.now += 4000
    assert asyncio.run(source.token()) == "t2"
    asyncio.run(source.close())
    assert fake.closed


@pytest.mark.parametrize(
    ("base", "scope", "authority"),
    [
        (ACCOUNT, "https://cognitiveservices.azure.com/.default", ""),
        (
            "https://r.openai.azure.com/openai/v1",
            "https://cognitiveservices.azure.com/.default",
            "",
        ),
        (f"{ACCOUNT}/api/projects/p", "https://ai.azure.com/.default", ""),
        (f"{ACCOUNT}/api/projects/p/openai/v1/", "https://ai.azure.com/.default", ""),
        ("http://127.0.0.1:8080/v1", "https://cognitiveservices.azure.com/.default", ""),
        (
            "https://R.OPENAI.AZURE.US",
            "https://cognitiveservices.azure.us/.default",
            "https://login.microsoftonline.us",
        ),
        (
            "https://r.openai.azure.cn",
            "https://cognitiveservices.azure.cn/.default",
            "https://login.chinacloudapi.cn",
        ),
    ],
)
def test_scopes(base: str, scope: str, authority: str) -> None:
    assert default_scope(base) == scope
    assert default_authority(base) == authority


async def test_the_scope_can_be_stated() -> None:
    fake = Fake(Clock())
    await EntraToken(EntraOptions(scope="api://x/.default"), ACCOUNT, credential=fake).token()
    assert fake.asked == ["api://x/.default"]


def test_secrets_show_in_no_repr(setting: Setting) -> None:
    options = EntraOptions(kind="client_secret", client_secret="s3cr3t")
    assert "s3cr3t" not in repr(options)
    assert "s3cr3t" not in repr(EntraToken(options, ACCOUNT))
    asyncio.run(setting.source.token())
    assert "t1" not in repr(setting.source)
    assert "t1" not in repr(setting.source._held)


class AzureError(Exception):
    pass


class ClientAuthenticationError(AzureError):
    pass


class CredentialUnavailableError(ClientAuthenticationError):
    pass


@pytest.mark.parametrize(
    ("failure", "kind", "words"),
    [
        (
            ClientAuthenticationError("AADSTS7000215: Invalid secret s3cr3t"),
            AuthenticationError,
            "ClientAuthenticationError, AADSTS7000215; scope https://cognitiveservices.azure.com",
        ),
        (CredentialUnavailableError("env s3cr3t"), AuthenticationError, "gave no token"),
        (AzureError("s3cr3t"), APIConnectionError, "could not be reached"),
        (TimeoutError("s3cr3t"), APIConnectionError, "could not be reached"),
        (ValueError("s3cr3t"), ConfigError, "not set up right"),
        (ModuleNotFoundError("s3cr3t"), ConfigError, r"pip install 'faregate\[entra\]'"),
    ],
)
async def test_failures_do_not_quote_the_credential(
    setting: Setting, failure: Exception, kind: type[Exception], words: str
) -> None:
    setting.fake.failure = failure
    with pytest.raises(kind, match=words) as caught:
        await setting.source.token()
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__suppress_context__


async def test_without_azure_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure", None)
    with pytest.raises(ConfigError, match=r"pip install 'faregate\[entra\]'"):
        await EntraToken(EntraOptions(), ACCOUNT).token()


async def test_a_client_secret_needs_all_three() -> None:
    with pytest.raises(ConfigError, match="needs tenant_id, client_secret"):
        await EntraToken(EntraOptions(kind="client_secret", client_id="c"), ACCOUNT).token()


async def test_a_token_that_cannot_be_sent_is_refused(setting: Setting) -> None:
    class Broken(Fake):
        def get_token(self, scope: str) -> Access:
            return Access("s3cr3t\r\nX: y", 2_000_000.0)

    source = EntraToken(EntraOptions(), ACCOUNT, credential=Broken(setting.clock))
    with pytest.raises(ConfigError, match="line break") as caught:
        await source.token()
    assert "s3cr3t" not in str(caught.value)


async def test_a_token_of_the_callers() -> None:
    assert await FixedToken("abc").token() == "abc"
    for broken in ("", "a\nb"):
        with pytest.raises(ConfigError):
            FixedToken(broken)


async def test_functions_of_the_callers() -> None:
    async def later() -> str:
        return "async"

    providers: list[tuple[Callable[[], Any], str]] = [
        (lambda: "sync", "sync"),
        (later, "async"),
        (lambda: later(), "async"),  # noqa: PLW0108 - a function that is not itself async
    ]
    for provider, token in providers:
        source = token_source(ACCOUNT, provider=provider)
        assert source is not None
        assert await source.token() == token
        await source.close()
    with pytest.raises(ConfigError, match="returned int"):
        await ProvidedToken(lambda: 7).token()  # type: ignore[arg-type, return-value]
    with pytest.raises(ConfigError, match="must be a function"):
        ProvidedToken("token")  # type: ignore[arg-type]


async def test_a_sync_function_does_not_hold_up_the_loop() -> None:
    called, released = threading.Event(), threading.Event()

    def slow() -> str:
        called.set()
        assert released.wait(10)
        return "slow"

    task = asyncio.create_task(ProvidedToken(slow).token())
    await asyncio.to_thread(called.wait, 10)
    released.set()
    assert await task == "slow"


def test_one_source_at_most() -> None:
    assert token_source(ACCOUNT) is None
    assert isinstance(token_source(ACCOUNT, token="t"), FixedToken)
    assert isinstance(token_source(ACCOUNT, entra=EntraOptions()), EntraToken)
    with pytest.raises(ConfigError, match="give one of"):
        token_source(ACCOUNT, token="t", entra=EntraOptions())


def test_every_kind_makes_azure_identitys_credential(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    token_file = tmp_path / "token"
    token_file.write_text("federated")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(token_file))
    ids: dict[str, str] = {"tenant_id": "t-1", "client_id": "c-1", "client_secret": "s"}
    made = {
        "default": EntraOptions(tenant_id="t-1", client_id="c-1"),
        "managed_identity": EntraOptions(kind="managed_identity", client_id="c-1"),
        "client_secret": EntraOptions(kind="client_secret", **ids),
        "workload_identity": EntraOptions(
            kind="workload_identity", tenant_id="t-1", client_id="c-1"
        ),
    }
    names = {}
    for kind, options in made.items():
        authority = "" if kind == "managed_identity" else "https://login.microsoftonline.us"
        credential = credentials._sign_in(options, authority)
        names[kind] = type(credential).__name__
        credential.close()
    assert names == {
        "default": "DefaultAzureCredential",
        "managed_identity": "ManagedIdentityCredential",
        "client_secret": "ClientSecretCredential",
        "workload_identity": "WorkloadIdentityCredential",
    }
    with pytest.raises(ConfigError, match="sign-in is default"):
        credentials._sign_in(EntraOptions(kind="magic"), "")  # type: ignore[arg-type]


class SignIn(http.server.BaseHTTPRequestHandler):
    """Entra ID's discovery and token endpoints, as far as a client secret needs them."""

    def do_GET(self) -> None:
        here = f"https://{self.headers['Host']}/tenant"
        self._answer(
            200,
            {
                "token_endpoint": f"{here}/oauth2/v2.0/token",
                "authorization_endpoint": f"{here}/oauth2/v2.0/authorize",
                "issuer": f"{here}/v2.0",
            },
        )

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if "client_secret=right" not in form:
            text = "AADSTS7000215: Invalid client secret provided: wrong-s3cr3t"
            self._answer(401, {"error": "invalid_client", "error_description": text})
            return
        assert "scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default" in form
        self._answer(200, {"token_type": "Bearer", "expires_in": 3600, "access_token": "real"})

    def _answer(self, status: int, fields: dict[str, Any]) -> None:
        body = json.dumps(fields).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def entra(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The address of a local sign-in server and the file of the authority that vouches for it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(trusted)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), SignIn)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}", str(trusted)
    server.shutdown()
    thread.join()
    server.server_close()


async def test_azure_identity_itself_against_a_local_sign_in(entra: tuple[str, str]) -> None:
    from azure.identity import ClientSecretCredential

    address, trusted = entra

    def source(secret: str) -> EntraToken:
        credential = ClientSecretCredential(
            "tenant",
            "client",
            secret,
            authority=address,
            disable_instance_discovery=True,
            connection_verify=trusted,
        )
        return EntraToken(EntraOptions(kind="client_secret"), ACCOUNT, credential=credential)

    right = source("right")
    assert await right.token() == "real"
    await right.close()
    wrong = source("wrong-s3cr3t")
    with pytest.raises(AuthenticationError, match="AADSTS7000215") as caught:
        await wrong.token()
    assert "s3cr3t" not in str(caught.value)
    await wrong.close()
