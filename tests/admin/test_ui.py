"""The dashboard's files as a browser gets them, and signing in over HTTP."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin

import pytest

from faregate.admin.session import CSRF_HEADER
from faregate.admin.ui import ASGI, Zone, base_of, is_ui, make_ui
from tests.admin.test_session import MASTER_KEY, SECRET, House

PAGE = b'<!doctype html><base href="/" /><script src="assets/app-1a2b.js"></script>'
SCRIPT = b"console.log(1);" * 100


class Answer:
    def __init__(self, messages: list[Any]) -> None:
        self.status: int = messages[0]["status"]
        self.headers = {n.decode(): v.decode() for n, v in messages[0]["headers"]}
        self.cookies = [v.decode() for n, v in messages[0]["headers"] if n == b"set-cookie"]
        self.body = b"".join(each.get("body", b"") for each in messages[1:])

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def ask(
    app: ASGI,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    **scope: Any,
) -> Answer:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"content-type": "application/json", **(headers or {})}
    messages: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": sent, "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    await app(
        {
            "type": "http",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "headers": [(n.encode(), v.encode()) for n, v in given.items()],
            "client": ("10.0.0.1", 1),
            "scheme": "http",
            **scope,
        },
        receive,
        send,
    )
    return Answer(messages)


@pytest.fixture
def app(tmp_path: Path) -> ASGI:
    assets = tmp_path / "assets"
    assets.mkdir()
    (tmp_path / "index.html").write_bytes(PAGE)
    (tmp_path / "theme.js").write_bytes(SCRIPT)
    (assets / "app-1a2b.js").write_bytes(SCRIPT)
    (assets / "app-1a2b.js.gz").write_bytes(gzip.compress(SCRIPT))
    return make_ui(House().sessions, tmp_path)


@pytest.mark.parametrize("prefix", ["", "/gate", "/a/b"])
@pytest.mark.parametrize(
    "below", ["", "logs", "logs/", "logs/call_1", "models/a%2Fb/edit", "keys?x=/../"]
)
async def test_a_page_finds_its_files_under_any_prefix(app: ASGI, prefix: str, below: str) -> None:
    found = await ask(app, "GET", f"/ui/{below}")
    assert found.status == 200
    base = found.body.decode().partition('<base href="')[2].partition('"')[0]
    there = urljoin(f"https://gate.example{prefix}/ui/{below}", base)
    assert there == f"https://gate.example{prefix}/ui/"


def test_the_base_counts_what_the_browser_counts() -> None:
    assert base_of("/gate/ui/models/a%2Fb") == "../"


async def test_the_address_without_a_slash_leads_on_relatively(app: ASGI) -> None:
    found = await ask(app, "GET", "/ui")
    assert found.status == 307
    assert urljoin("https://gate.example/gate/ui", found.headers["location"]) == (
        "https://gate.example/gate/ui/"
    )


async def test_a_session_is_told_whose_days_spend_is_summed_by(tmp_path: Path) -> None:
    async def zone() -> Zone:
        return Zone("Europe/Berlin", 1_793_142_000.0)

    app = make_ui(House().sessions, tmp_path, zone=zone)
    opened = await ask(app, "POST", "/api/session", {"key": MASTER_KEY})
    assert opened.json["zone"] == "Europe/Berlin"
    assert opened.json["zone_since"] == 1_793_142_000.0
    cookie = {"cookie": opened.headers["set-cookie"].partition(";")[0]}
    assert (await ask(app, "GET", "/api/session", headers=cookie)).json["zone"] == "Europe/Berlin"
    plain = make_ui(House().sessions, tmp_path)
    assert (await ask(plain, "POST", "/api/session", {"key": MASTER_KEY})).json["zone"] == "UTC"


async def test_a_page_may_load_nothing_from_elsewhere_and_run_nothing_inline(app: ASGI) -> None:
    policy = (await ask(app, "GET", "/ui/")).headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


async def test_files_are_kept_by_browsers_and_pages_are_asked_for_again(app: ASGI) -> None:
    page = await ask(app, "GET", "/ui/keys")
    script = await ask(app, "GET", "/ui/assets/app-1a2b.js")
    assert page.headers["cache-control"] == "no-cache"
    assert "immutable" in script.headers["cache-control"]
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    tag = {"if-none-match": script.headers["etag"]}
    again = await ask(app, "GET", "/ui/assets/app-1a2b.js", headers=tag)
    assert (again.status, again.body) == (304, b"")
    assert (await ask(app, "GET", "/ui/theme.js")).headers["cache-control"] == "no-cache"


async def test_files_are_sent_compressed_to_who_takes_it(app: ASGI) -> None:
    packed = await ask(
        app, "GET", "/ui/assets/app-1a2b.js", headers={"accept-encoding": "gzip, br"}
    )
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == SCRIPT
    plain = await ask(app, "GET", "/ui/assets/app-1a2b.js")
    assert plain.body == SCRIPT
    assert "content-encoding" not in plain.headers
    head = await ask(app, "HEAD", "/ui/assets/app-1a2b.js")
    assert (head.body, head.headers["content-length"]) == (b"", str(len(SCRIPT)))


async def test_a_file_of_an_older_build_is_not_answered_with_a_page(app: ASGI) -> None:
    found = await ask(app, "GET", "/ui/assets/app-0000.js")
    assert found.status == 404
    assert "load the page again" in found.json["error"]["message"]


@pytest.mark.parametrize(
    "path", ["/ui/../session.py", "/ui/assets/../../session.py", "/ui/%2e%2e/x"]
)
async def test_nothing_but_the_dashboards_files_is_served(app: ASGI, path: str) -> None:
    found = await ask(app, "GET", path)
    assert found.status == 404 or b"<base" in found.body


async def test_without_a_build_the_page_says_how_to_make_it(tmp_path: Path) -> None:
    found = await ask(make_ui(House().sessions, tmp_path / "none"), "GET", "/ui/keys")
    assert found.status == 503
    assert b"make ui" in found.body


async def test_other_methods_are_refused(app: ASGI) -> None:
    assert (await ask(app, "POST", "/ui/keys")).status == 405
    assert (await ask(app, "PATCH", "/api/session")).status == 405


def test_which_paths_are_the_dashboards() -> None:
    assert all(map(is_ui, ("/ui", "/ui/", "/ui/logs", "/api/session", "/api/session/options")))
    assert not any(map(is_ui, ("/", "/uix", "/api/sessions", "/api/keys", "/v1/models")))


async def test_signing_in_sets_a_cookie_that_scripts_and_other_sites_cannot_use(app: ASGI) -> None:
    found = await ask(app, "POST", "/api/session", {"key": SECRET})
    assert found.status == 200
    assert (found.json["id"], found.json["role"]) == ("ada-x7k2", "viewer")
    cookie = found.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Secure" not in cookie
    assert SECRET not in found.body.decode() + cookie
    assert found.headers["cache-control"] == "no-store"
    behind_tls = await ask(
        app, "POST", "/api/session", {"key": SECRET}, {"x-forwarded-proto": "https"}
    )
    assert "; Secure" in behind_tls.headers["set-cookie"]


async def test_a_session_is_asked_for_and_ended(app: ASGI) -> None:
    assert (await ask(app, "GET", "/api/session")).json["error"]["code"] == "not_signed_in"
    opened = await ask(app, "POST", "/api/session", {"key": MASTER_KEY})
    cookie = {"cookie": opened.headers["set-cookie"].partition(";")[0]}
    again = await ask(app, "GET", "/api/session", headers=cookie)
    assert (again.status, again.json["csrf"]) == (200, opened.json["csrf"])
    forged = await ask(app, "DELETE", "/api/session", headers=cookie)
    assert (forged.status, forged.json["error"]["code"]) == (403, "csrf")
    proven = {**cookie, CSRF_HEADER: opened.json["csrf"]}
    ended = await ask(app, "DELETE", "/api/session", headers=proven)
    assert ended.status == 204
    name = cookie["cookie"].partition("=")[0]
    assert ended.headers["set-cookie"].startswith(f"{name}=;")
    assert (await ask(app, "GET", "/api/session", headers=cookie)).status == 401


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"key=sk-1", {"content-type": "application/x-www-form-urlencoded"}),
        (b'{"key": "sk-1"}', {"content-type": "text/plain"}),
        (b'{"key"', {}),
        (b'{"key": 1}', {}),
        (b'{"name": "x"}', {}),
        (b"[]", {}),
        (b"\xff", {}),
        (b'{"key": "' + b"x" * 5000 + b'"}', {}),
    ],
)
async def test_what_is_no_sign_in_is_refused(app: ASGI, body: bytes, headers: Any) -> None:
    assert (await ask(app, "POST", "/api/session", body, headers)).status == 400


async def test_another_site_cannot_sign_anybody_in(app: ASGI) -> None:
    found = await ask(
        app, "POST", "/api/session", {"key": SECRET}, {"sec-fetch-site": "cross-site"}
    )
    assert found.status == 403
    assert "set-cookie" not in found.headers


async def test_guesses_are_told_to_wait(app: ASGI) -> None:
    for _ in range(10):
        assert (await ask(app, "POST", "/api/session", {"key": "sk-no"})).status == 401
    slowed = await ask(app, "POST", "/api/session", {"key": "sk-no"})
    assert slowed.status == 429
    assert int(slowed.headers["retry-after"]) >= 1


async def test_a_build_is_served_without_a_restart(tmp_path: Path) -> None:
    app = make_ui(House().sessions, tmp_path)
    assert (await ask(app, "GET", "/ui/")).status == 503
    (tmp_path / "index.html").write_bytes(PAGE)
    assert b"app-1a2b" in (await ask(app, "GET", "/ui/")).body
