"""Keys, budgets and teams, made and changed by hand."""

import re

from playwright.sync_api import expect

from tests.e2e.processes import Gateway
from tests.ui.conftest import Watched

BODY = {
    "model": "nano",
    "messages": [{"role": "user", "content": "Say hello"}],
    "max_tokens": 16,
}


def test_a_key_with_a_budget_is_made_used_and_refused(
    watched: Watched, ui_gateway: Gateway
) -> None:
    page = watched.open("keys")
    page.keyboard.press("n")
    form = page.get_by_role("dialog", name="New key")
    form.get_by_label("Name").fill("tight")
    form.get_by_role("button", name="Budget").click()
    form.get_by_label("Budget in USD").fill("$0.01")
    form.get_by_label("Window").select_option("1d")
    form.get_by_role("button", name="Make the key").click()
    secret = page.get_by_test_id("secret").inner_text()
    assert secret.startswith("sk-fg-")
    watched.shoot("secret")
    page.get_by_role("button", name="I have copied it").click()
    assert secret not in page.content()
    headers = {"authorization": f"Bearer {secret}"}
    assert ui_gateway.ask("POST", "/v1/chat/completions", BODY, headers)[0] == 200
    big = {**BODY, "max_tokens": 32_000}  # more than a cent, at most
    status, refused, _ = ui_gateway.ask("POST", "/v1/chat/completions", big, headers)
    assert (status, refused["error"]["code"]) == (429, "budget_exceeded")

    page.get_by_role("button", name="tight", exact=True).click()
    drawer = page.get_by_role("dialog", name="tight", exact=True)
    expect(drawer).to_contain_text("$0.01 a day")
    drawer.get_by_role("button", name="Edit").click()
    edit = page.get_by_role("dialog", name="Edit tight")
    edit.get_by_label("Budget in USD").fill("5")
    edit.get_by_role("button", name="Save").click()
    expect(drawer).to_contain_text("$5.00 a day")
    watched.shoot("key")
    assert ui_gateway.ask("POST", "/v1/chat/completions", big, headers)[0] == 200

    drawer.get_by_role("button", name="Block").click()
    expect(drawer.get_by_role("button", name="Unblock")).to_be_visible()
    assert ui_gateway.ask("POST", "/v1/chat/completions", BODY, headers)[0] == 401


def test_a_rotated_key_has_a_new_secret_and_a_deleted_one_is_gone(
    watched: Watched, ui_gateway: Gateway
) -> None:
    status, made, _ = ui_gateway.ask("POST", "/api/keys", {"name": "turning"}, ui_gateway.bearer)
    assert status == 201
    page = watched.open(f"keys?key={made['key']['id']}")
    drawer = page.get_by_role("dialog", name="turning", exact=True)
    drawer.get_by_role("button", name="Rotate").click()
    asked = page.get_by_role("dialog", name="Rotate turning")
    asked.get_by_label("stays good for").select_option("0")
    asked.get_by_role("button", name="Rotate").click()
    fresh = page.get_by_test_id("secret").inner_text()
    assert fresh != made["secret"]
    page.get_by_role("button", name="I have copied it").click()
    for secret, expected in ((made["secret"], 401), (fresh, 200)):
        headers = {"authorization": f"Bearer {secret}"}
        assert ui_gateway.ask("POST", "/v1/chat/completions", BODY, headers)[0] == expected
    drawer.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog", name="Delete turning?").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="turning")).to_have_count(0)


def test_what_is_wrong_in_a_form_is_told_there(watched: Watched) -> None:
    page = watched.open("keys?add=1")
    form = page.get_by_role("dialog", name="New key")
    form.get_by_label("Name").fill("wrong")
    form.get_by_label("Models").fill("gpt-nonsense")
    form.get_by_label("Models").press("Enter")
    form.get_by_role("button", name="Make the key").click()
    expect(form.get_by_role("alert").first).to_contain_text("gpt-nonsense")
    expect(form.get_by_label("Name")).to_have_value("wrong")


def test_a_team_and_a_budget_of_everything_are_made_and_audited(watched: Watched) -> None:
    page = watched.open("teams?add=team")
    form = page.get_by_role("dialog", name="New team")
    form.get_by_label("Name").fill("Search")
    form.get_by_role("button", name="Make the team").click()
    expect(page.get_by_role("button", name="Search", exact=True)).to_be_visible()
    watched.open("budgets?add=1")
    form = page.get_by_role("dialog", name="New budget")
    form.get_by_label("At most").fill("1000")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="everything")).to_be_visible()
    expect(page.locator(".budget-list").first).to_contain_text("$1,000.00 a month")
    watched.shoot("budgets")
    watched.open("audit?kind=budget")
    expect(page.get_by_text(re.compile("^everything-")).first).to_be_visible()
    expect(page.get_by_text("by master", exact=True).first).to_be_visible()
