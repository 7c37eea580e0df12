"""Single sign-on with a running gateway and a provider beside it, by HTTP alone."""

import http.client
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.admin.oidc_local import CLIENT, SECRET, LocalProvider, serving
from tests.e2e import lives, wire
from tests.e2e.lives import Life, entry
from tests.e2e.processes import Emulator


class Browser:
    """Goes where it is sent, with a person's cookies for the gateway."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.jar: dict[str, str] = {}
        self.csrf = ""

    def ask(self, method: str, url: str, body: Any = None) -> tuple[int, str, str]:
        """(status, body, location); ``url`` is the gateway's own where it is a path."""
        parts = urlsplit(url)
        ours = not parts.netloc or parts.port == self.life.port
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.life.port if ours else parts.port, timeout=30
        )
        headers = {"accept": "text/html"}
        if ours and self.jar:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        if method != "GET":
            headers |= {"x-faregate-csrf": self.csrf, "content-type": "application/json"}
        data = None if body is None else json.dumps(body)
        try:
            connection.request(method, f"{parts.path}?{parts.query}", data, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                key, _, kept = value.partition(";")[0].partition("=")
                self.jar[key] = kept
        return answer.status, text, answer.getheader("location") or ""

    def sign_in(self) -> tuple[int, str, str]:
        """From the button to what the gateway says in the end."""
        status, _, location = self.ask("GET", "/api/session/oidc?next=%2Fui%2Fkeys")
        assert status == 303
        status, _, location = self.ask("GET", location)
        assert status == 303
        found = self.ask("GET", location)
        if found[0] == 303:
            self.csrf = self.opened()["csrf"]
        return found

    def opened(self) -> Any:
        """The session."""
        return json.loads(self.ask("GET", "/api/session")[1])

    def call(self) -> tuple[int, Any]:
        """A call, as the playground makes it."""
        body = {"model": "nano", "messages": [{"role": "user", "content": lives.PROMPT}]}
        status, text, _ = self.ask("POST", "/v1/chat/completions", body)
        return status, json.loads(text)


def written(resource: Emulator, provider: LocalProvider, **changed: Any) -> str:
    oidc = {
        "issuer": provider.issuer,
        "client_id": CLIENT,
        "client_secret": "os.environ/OIDC_SECRET",
        "admin_values": ["gateway-admins"],
        "viewer_values": ["staff"],
        "label": "Contoso",
        **changed,
    }
    return lives.config(entry("nano", "gpt-4.1-nano", resource.url), general={"oidc": oidc})


@pytest.fixture(scope="module")
def provider() -> Iterator[LocalProvider]:
    with serving(LocalProvider(time.time)) as running:
        yield running


@pytest.fixture(scope="module")
def life(
    resource: Emulator, provider: LocalProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Life]:
    directory = tmp_path_factory.mktemp("sso")
    env = lives.variables(directory, OIDC_SECRET=SECRET)
    with lives.started(directory, written(resource, provider), env=env) as running:
        provider.redirects.add(f"http://127.0.0.1:{running.port}/api/session/oidc/callback")
        yield running
        for kept in (SECRET, "Ada", "eyJ"):
            assert kept not in running.printed()


def test_a_person_signs_in_changes_something_and_is_in_the_audit_log(
    life: Life, provider: LocalProvider
) -> None:
    provider.claims = {}
    assert life.get("/api/session/options")[1] == {
        "sso": {"label": "Contoso", "href": "api/session/oidc"}
    }
    browser = Browser(life)
    status, _, location = browser.sign_in()
    assert (status, location) == (303, "../../../ui/keys")
    assert (browser.opened()["id"], browser.opened()["role"]) == ("person:ada@example.com", "admin")
    status, _, _ = browser.ask("POST", "/api/teams", {"id": "made-by-ada", "name": "Ada's"})
    assert status == 201
    _, found, _ = life.ask("GET", "/api/audit?kind=team", headers=life.bearer)
    assert {each["actor"] for each in found["data"]} == {"person:ada@example.com"}
    status, _ = browser.call()
    assert status == 200
    me = json.loads(browser.ask("GET", "/api/me")[1])
    assert (me["id"], me["name"], me["models"]) == (
        "person:ada@example.com",
        "Ada Lovelace",
        ["nano"],
    )

    def logged() -> Any:
        _, rows, _ = life.ask("GET", "/api/calls?key=person:ada@example.com", headers=life.bearer)
        return rows["data"]

    assert len(wire.soon(logged)) == 1
    settings = browser.ask("GET", "/api/settings")[1]
    assert json.loads(settings)["general"]["oidc"]["client_secret"] == "…"
    assert SECRET not in settings
    assert browser.ask("DELETE", "/api/session")[0] == 204
    assert browser.ask("GET", "/api/keys")[0] == 401


def test_a_viewer_reads_and_does_nothing_else(life: Life, provider: LocalProvider) -> None:
    provider.claims = {"groups": ["staff"]}
    browser = Browser(life)
    assert browser.sign_in()[0] == 303
    assert browser.ask("GET", "/api/keys")[0] == 200
    assert browser.ask("POST", "/api/teams", {"id": "no", "name": "no"})[0] == 403
    status, answer = browser.call()
    assert (status, answer["error"]["code"]) == (403, "model_not_allowed")
    assert json.loads(browser.ask("GET", "/api/me")[1])["models"] == []


def test_who_is_nobody_here_is_told_so(life: Life, provider: LocalProvider) -> None:
    provider.claims = {"groups": ["sales"]}
    browser = Browser(life)
    status, page, _ = browser.sign_in()
    assert status == 403
    assert "“groups”" in page
    assert browser.ask("GET", "/api/keys")[0] == 401


def test_rules_that_change_end_sessions_without_a_restart(
    life: Life, provider: LocalProvider, resource: Emulator
) -> None:
    provider.claims = {}
    browser = Browser(life)
    browser.sign_in()
    assert browser.ask("GET", "/api/keys")[0] == 200
    life.write(written(resource, provider, admin_values=["others"]))
    wire.soon(lambda: browser.ask("GET", "/api/keys")[0] == 401)
    browser.sign_in()
    assert browser.opened()["role"] == "viewer"
    life.write(written(resource, provider))
    wire.soon(lambda: browser.ask("GET", "/api/keys")[0] == 401)
