"""Signing in by OpenID Connect: the way there and back, and what does not come through."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from faregate.admin.oidc import LASTS, safe_next
from faregate.admin.session import CSRF_HEADER, LONGEST_PERSON
from faregate.errors import AuthenticationError, PermissionDeniedError
from tests.admin.oidc_browser import HOST, Browser, Gate
from tests.admin.oidc_local import SECRET, Clock, LocalProvider, serving


@pytest.fixture(scope="module")
def running() -> Iterator[LocalProvider]:
    with serving(LocalProvider()) as provider:
        yield provider


@pytest.fixture
def gate(running: LocalProvider) -> Gate:
    issuer, clock = running.issuer, Clock()
    vars(running).update(vars(LocalProvider(clock)))
    running.issuer = issuer
    return Gate(running, clock)


@pytest.fixture
def browser(gate: Gate) -> Browser:
    return Browser(gate)


async def test_a_person_signs_in_and_is_who_the_provider_says(gate: Gate, browser: Browser) -> None:
    found = await browser.sign_in("/ui/logs?days=7&model=a%2Fb")
    assert found.status == 303
    assert browser.place(found) == f"http://{HOST}/prefix/ui/logs?days=7&model=a%2Fb"
    opened = (await browser.get("/api/session", sec_fetch_site="same-origin")).json
    assert (opened["id"], opened["name"], opened["role"]) == (
        "person:ada@example.com",
        "Ada Lovelace",
        "admin",
    )
    holder = gate.holder(browser, "POST", **{CSRF_HEADER: opened["csrf"]})
    assert holder is not None
    assert (holder.id, holder.role, holder.refusal("any-model")) == (opened["id"], "admin", None)
    with pytest.raises(PermissionDeniedError):
        gate.holder(browser, "POST")


async def test_the_provider_is_asked_with_state_nonce_and_pkce(browser: Browser) -> None:
    begun = await browser.begin()
    query = {n: v[0] for n, v in parse_qs(urlsplit(begun.headers["location"]).query).items()}
    assert query["response_type"] == "code"
    assert query["scope"] == "openid email profile"
    assert query["redirect_uri"] == f"http://{HOST}/api/session/oidc/callback"
    assert query["code_challenge_method"] == "S256"
    made = [query["state"], query["nonce"], query["code_challenge"]]
    assert len(set(made)) == 3
    assert all(len(each) == 43 for each in made)
    (cookie,) = browser.set
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert f"Max-Age={LASTS}" in cookie
    assert not any(each in cookie for each in made)
    assert begun.headers["cache-control"] == "no-store"
    again = parse_qs(urlsplit((await browser.begin()).headers["location"]).query)
    assert again["state"] != [query["state"]]


async def test_cookies_are_set_as_tightly_as_they_can_be(browser: Browser) -> None:
    await browser.begin(x_forwarded_proto="https")
    assert browser.set[0].startswith("__Host-faregate_oidc=")
    assert "; Secure" in browser.set[0]
    found = await Browser(browser.gate).sign_in()
    session, gone = found.cookies
    assert session.startswith("faregate_session_")
    assert "HttpOnly" in session
    assert "SameSite=Strict" in session
    assert gone.startswith("faregate_oidc=; ")
    assert found.headers["referrer-policy"] == "no-referrer"


async def test_another_worker_finishes_what_one_began(gate: Gate, browser: Browser) -> None:
    back = await browser.at_provider(await browser.begin())
    gate.worker()
    assert (await browser.get(back)).status == 303


async def test_the_secret_is_sent_as_the_provider_takes_it(gate: Gate, browser: Browser) -> None:
    gate.provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_basic"]
    assert (await browser.sign_in()).status == 303
    assert "client_secret" not in gate.provider.forms[-1]
    gate.worker()
    gate.provider.metadata["token_endpoint_auth_methods_supported"] = ["private_key_jwt"]
    error = await Browser(gate).refused()
    assert (error["status"], error["code"]) == (502, "sso_provider")


async def test_an_answer_is_taken_once(gate: Gate, browser: Browser) -> None:
    begun = await browser.begin()
    kept = dict(browser.jar)
    back = await browser.at_provider(begun)
    assert (await browser.get(back)).status == 303
    asked = gate.provider.asked.count("/token")
    browser.jar = dict(kept)
    again = await browser.get(back)
    assert again.status == 400
    assert b"finished already" in again.body
    assert gate.provider.asked.count("/token") == asked
    # In another process the provider knows that the code is spent.
    gate.worker()
    browser.jar = dict(kept)
    spent = await browser.get(back)
    assert (spent.status, b"sso_stale" in spent.body) == (400, True)
    assert gate.provider.asked.count("/token") == asked + 1


async def test_only_the_browser_that_began_is_let_in(gate: Gate, browser: Browser) -> None:
    back = await browser.at_provider(await browser.begin())
    stranger = Browser(gate)
    assert (await stranger.get(back)).status == 400
    await stranger.begin()
    refused = await stranger.get(back)
    assert refused.status == 400
    assert b"begun here last" in refused.body
    assert gate.provider.forms == []


async def test_a_code_of_anothers_sign_in_is_refused(gate: Gate, browser: Browser) -> None:
    theirs = await browser.at_provider(await browser.begin())
    mine = Browser(gate)
    back = await mine.at_provider(await mine.begin())
    code = parse_qs(urlsplit(theirs).query)["code"][0]
    own = parse_qs(urlsplit(back).query)["code"][0]
    refused = await mine.get(back.replace(own, code))
    assert refused.status == 400
    assert not mine.signed_in


@pytest.mark.parametrize(
    "spoil",
    [
        lambda cookie: cookie[:-1] + ("0" if cookie[-1] != "0" else "1"),
        lambda cookie: "A" + cookie[1:],
        lambda cookie: cookie.partition(".")[0],
        lambda cookie: "." + cookie.partition(".")[2],
        lambda cookie: cookie * 50,
        lambda cookie: "ü",
        lambda cookie: "",
    ],
)
async def test_a_spoilt_cookie_is_no_sign_in(gate: Gate, browser: Browser, spoil: Any) -> None:
    back = await browser.at_provider(await browser.begin())
    browser.jar["faregate_oidc"] = spoil(browser.jar["faregate_oidc"])
    assert (await browser.get(back)).status == 400
    assert gate.provider.forms == []


async def test_a_sign_in_may_not_take_for_ever(gate: Gate, browser: Browser) -> None:
    back = await browser.at_provider(await browser.begin())
    gate.clock.now += LASTS + 1
    late = await browser.get(back)
    assert (late.status, b"took too long" in late.body) == (400, True)


async def test_an_answer_of_another_provider_is_refused(gate: Gate, browser: Browser) -> None:
    back = await browser.at_provider(await browser.begin())
    refused = await browser.get(back.replace("iss=http", "iss=https"))
    assert (refused.status, b"(iss)" in refused.body) == (400, True)
    assert gate.provider.forms == []
    gate.provider.metadata["authorization_response_iss_parameter_supported"] = True
    gate.worker()
    back = await browser.at_provider(await browser.begin())
    without = back.replace("iss=", "was=")
    assert (await browser.get(without)).status == 400


@pytest.mark.parametrize("query", ["", "?state=a&state=b", "?state=%ff", "?" + "a=1&" * 30])
async def test_an_address_that_says_nothing_is_refused(browser: Browser, query: str) -> None:
    await browser.begin()
    assert (await browser.get(f"/api/session/oidc/callback{query}")).status == 400


async def test_an_answer_that_says_a_thing_twice_is_refused(gate: Gate, browser: Browser) -> None:
    back = await browser.at_provider(await browser.begin())
    refused = await browser.get(f"{back}&code=another")
    assert (refused.status, b"cannot be read" in refused.body) == (400, True)
    assert gate.provider.forms == []


async def test_what_the_provider_says_of_an_error_is_shown_as_a_word(
    gate: Gate, browser: Browser
) -> None:
    gate.provider.error = "access_denied"
    error = await browser.refused()
    assert (error["status"], error["code"]) == (403, "sso_denied")
    assert "(access_denied)" in error["message"]
    gate.provider.error = "<b>call +1 555 0100</b>"
    assert "555" not in (await browser.refused())["message"]


@pytest.mark.parametrize(
    "following",
    [
        "https://evil.example/ui/",
        "//evil.example/ui/",
        "/\\evil.example",
        "/ui/..//evil.example",
        "/ui/../api/keys",
        "/ui/%2e%2E/api/keys",
        "/ui/./logs",
        "/ui//evil.example",
        "/ui/logs\r\nset-cookie: a=b",
        "/ui/logs\n",
        "/uix",
        "/api/session",
        "javascript:alert(1)",
        "/ui/" + "a" * 2000,
        "/ui/ü",
    ],
)
async def test_a_sign_in_leads_to_the_dashboard_and_nowhere_else(
    browser: Browser, following: str
) -> None:
    assert safe_next(following) == "/ui/"
    found = await browser.sign_in(following)
    assert browser.place(found) == f"http://{HOST}/prefix/ui/"


async def test_hosts_that_are_not_allowed_get_nobody_a_code(gate: Gate) -> None:
    for host in (
        "evil.example",
        "localhost@evil.example",
        "x@localhost",
        "gate.example:444",
        "",
        "[",
    ):
        found = await Browser(gate, host).begin()
        assert found.status == 400
        assert b"allowed_hosts" in found.body
    gate.change(allowed_hosts=("gate.example:444",))
    assert (await Browser(gate, "Gate.Example:444").begin()).status == 303
    assert (await Browser(gate, "gate.example").begin()).status == 400
    stated = "https://other.example/prefix/api/session/oidc/callback"
    gate.change(redirect_url=stated)
    begun = await Browser(gate, "gate.example").begin()
    assert parse_qs(urlsplit(begun.headers["location"]).query)["redirect_uri"] == [stated]


async def test_a_sign_in_page_is_told_of_the_button(gate: Gate, browser: Browser) -> None:
    gate.change(label="Contoso")
    found = await browser.get("/api/session/options")
    assert found.json == {"sso": {"label": "Contoso", "href": "api/session/oidc"}}
    gate.oidc = None
    assert (await browser.get("/api/session/options")).json == {"sso": None}
    off = await browser.get("/api/session/oidc", accept="application/json")
    assert (off.status, off.json["error"]["code"]) == (404, "sso_off")
    assert (await browser.get("/api/session/other")).status == 404
    assert (await browser.get("/api/session/oidc", "POST")).status == 405


async def test_a_session_ends_when_the_rules_change(gate: Gate, browser: Browser) -> None:
    await browser.sign_in()
    gate.change(label="Other words", client_secret=gate.oidc and gate.oidc.client_secret)
    assert gate.holder(browser) is not None
    before = gate.oidc
    for changed in ({"admin_values": ("others",)}, {"issuer": "https://other.example"}):
        gate.change(**changed)
        with pytest.raises(AuthenticationError):
            gate.holder(browser)
        gate.oidc = before
        assert gate.holder(browser) is not None
    gate.oidc = None
    with pytest.raises(AuthenticationError):
        gate.holder(browser)


async def test_a_session_without_a_key_ends_after_half_a_day(gate: Gate, browser: Browser) -> None:
    await browser.sign_in()
    for _ in range(3):
        gate.clock.now += LONGEST_PERSON / 3 - 1
        assert (await browser.get("/api/session")).status == 200
    gate.clock.now += 4
    assert (await browser.get("/api/session")).status == 401


async def test_who_is_not_let_in_is_told_why_and_whom_to_ask(gate: Gate, browser: Browser) -> None:
    gate.provider.claims = {"groups": ["<b>sales</b>"]}
    refused = await browser.sign_in()
    assert refused.status == 403
    page = refused.body.decode()
    assert "may not enter here" in page
    assert "“groups”" in page
    assert "Ask the platform team." in page
    assert 'href="../../../ui/"' in page
    assert not any(each in page for each in ("sales", "gateway-admins", "staff", "ada@", "00u"))
    assert "default-src 'none'" in refused.headers["content-security-policy"]
    assert not browser.signed_in


async def test_logs_hold_nothing_of_a_person_or_a_token(
    gate: Gate, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await browser.sign_in()
    for claims in ({"groups": ["sales"]}, {"aud": "another-app"}):
        gate.provider.claims = claims
        await Browser(gate).refused()
    assert "sso_not_allowed groups" in caplog.text
    assert "sso_token" in caplog.text
    said = (SECRET, "ada", "Ada", "sales", "another-app", "eyJ", "00u")
    assert [each for each in said if each in caplog.text] == []


async def test_failing_again_and_again_is_slowed_down(gate: Gate, browser: Browser) -> None:
    gate.provider.claims = {"groups": []}
    for _ in range(10):
        assert (await browser.refused())["status"] == 403
    asked = len(gate.provider.forms)
    slowed = await browser.refused()
    assert (slowed["status"], slowed["code"]) == (429, "too_many_attempts")
    assert len(gate.provider.forms) == asked
    assert (await Browser(gate, address="10.0.0.2").refused())["status"] == 403
    gate.clock.now += 61
    assert (await browser.refused())["status"] == 403


async def test_refusals_are_json_for_who_does_not_read_pages(browser: Browser) -> None:
    found = await browser.get("/api/session/oidc/callback", accept="*/*")
    assert found.status == 400
    assert json.loads(found.body)["error"]["code"] == "sso_stale"
