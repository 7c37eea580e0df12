"""Signing in and out, and who sees what."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.processes import MASTER_KEY, Gateway
from tests.ui.conftest import Opener


def make_key(gateway: Gateway, **fields: Any) -> str:
    """A new key's secret."""
    status, made, _ = gateway.ask("POST", "/api/keys", fields, gateway.bearer)
    assert status == 201, made
    secret = made["secret"]
    assert isinstance(secret, str)
    return secret


def test_a_wrong_key_is_told_and_the_right_one_opens_the_overview(open_browser: Opener) -> None:
    watched = open_browser("")
    page = watched.page
    page.goto(f"{watched.home}/ui/")
    page.get_by_label("Key").fill("sk-fg-wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not valid")
    page.get_by_label("Key").fill(MASTER_KEY)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Overview", exact=True)).to_be_visible()
    assert MASTER_KEY not in page.content()
    assert page.evaluate("document.cookie") == ""
    assert MASTER_KEY not in page.evaluate("JSON.stringify(localStorage)")


def test_a_page_that_was_linked_to_opens_after_signing_in(open_browser: Opener) -> None:
    watched = open_browser("")
    page = watched.page
    page.goto(f"{watched.home}/ui/keys?q=nothing")
    page.get_by_label("Key").fill(MASTER_KEY)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Keys", exact=True)).to_be_visible()
    assert page.url.endswith("/ui/keys?q=nothing")


def test_signing_out_ends_the_session(open_browser: Opener) -> None:
    watched = open_browser()
    page = watched.open()
    page.get_by_role("button", name="master key").click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_label("Key")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Key")).to_be_visible()


def test_a_key_without_a_role_sees_its_own_calls_only(
    open_browser: Opener, ui_gateway: Gateway
) -> None:
    secret = make_key(ui_gateway, name="lonely")
    body = {"model": "nano", "messages": [{"role": "user", "content": "mine"}]}
    asked = ui_gateway.ask(
        "POST", "/v1/chat/completions", body, {"authorization": f"Bearer {secret}"}
    )
    assert asked[0] == 200
    mine = asked[2]["x-faregate-call-id"]
    theirs = ui_gateway.chat("nano")[2]["x-faregate-call-id"]
    watched = open_browser(secret)
    page = watched.open("logs?live=1")
    expect(page.locator(f"#row-{mine}")).to_be_visible()
    expect(page.locator(f"#row-{theirs}")).to_have_count(0)
    navigation = page.get_by_role("navigation", name="Pages")
    expect(navigation.get_by_role("link", name="Usage")).to_be_visible()
    expect(navigation.get_by_role("link", name="Keys")).to_have_count(0)


def test_a_viewer_reads_and_is_offered_no_change(open_browser: Opener, ui_gateway: Gateway) -> None:
    watched = open_browser(make_key(ui_gateway, name="watcher", role="viewer"))
    page = watched.open("keys")
    expect(page.get_by_role("button", name="watcher").first).to_be_visible()
    expect(page.get_by_role("button", name="New key")).to_have_count(0)


def test_a_blocked_key_is_signed_out(open_browser: Opener, ui_gateway: Gateway) -> None:
    status, made, _ = ui_gateway.ask(
        "POST", "/api/keys", {"name": "leaver", "role": "viewer"}, ui_gateway.bearer
    )
    assert status == 201
    watched = open_browser(made["secret"])
    page = watched.open("keys")
    block = f"/api/keys/{made['key']['id']}/block"
    assert ui_gateway.ask("POST", block, {}, ui_gateway.bearer)[0] == 200
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_text("Your session is over")).to_be_visible()


@pytest.mark.parametrize("path", ["/api/keys", "/v1/chat/completions"])
def test_a_session_without_its_proof_changes_nothing(
    open_browser: Opener, ui_gateway: Gateway, path: str
) -> None:
    watched = open_browser()
    watched.open()
    body = {"model": "nano", "messages": [{"role": "user", "content": "x"}]}
    answer = watched.page.context.request.post(f"{ui_gateway.url}{path}", data=body)
    assert answer.status == 403
    assert answer.json()["error"]["code"] == "csrf"
