"""Keys, budgets and teams, made and changed by hand."""

import re
from typing import Any

from playwright.sync_api import Route, expect

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


def test_a_comma_is_no_decimal_point_and_a_budget_needs_its_limit(watched: Watched) -> None:
    page = watched.open("keys?add=1")
    form = page.get_by_role("dialog", name="New key")
    form.get_by_label("Name").fill("no-budget")
    form.get_by_role("button", name="Budget").click()
    form.get_by_label("Warn from, in USD").fill("5")
    form.get_by_role("button", name="Make the key").click()
    expect(form.get_by_role("alert").first).to_contain_text("is not an amount")
    form.get_by_label("Budget in USD").fill("7,50")
    form.get_by_role("button", name="Make the key").click()
    expect(form.get_by_role("alert").first).to_contain_text("'7,50' is not an amount")
    form.get_by_label("Budget in USD").fill("1,007.50")
    form.get_by_role("button", name="Make the key").click()
    page.get_by_role("button", name="I have copied it").click()
    expect(page.get_by_role("row", name="no-budget")).to_contain_text("$1,007.50")


def test_a_team_and_a_budget_of_everything_are_made_and_audited(watched: Watched) -> None:
    page = watched.open("teams?add=team")
    form = page.get_by_role("dialog", name="New team")
    form.get_by_label("Name").fill("Search")
    form.get_by_role("button", name="Make the team").click()
    expect(page.get_by_role("button", name="Search", exact=True)).to_be_visible()
    watched.open("budgets?add=1")
    form = page.get_by_role("dialog", name="New budget")
    form.get_by_label("At most").fill("1000")
    form.get_by_role("button", name="Make the budget").click()
    expect(page.get_by_role("link", name="everything")).to_be_visible()
    expect(page.locator(".budget-list").first).to_contain_text("$1,000.00 a month")
    watched.shoot("budgets")
    watched.open("audit?kind=budget")
    expect(page.get_by_text(re.compile("^everything-")).first).to_be_visible()
    expect(page.get_by_text("by master", exact=True).first).to_be_visible()


def test_a_user_is_made_changed_given_a_key_and_deleted(
    watched: Watched, ui_gateway: Gateway
) -> None:
    page = watched.open("users?add=1")
    form = page.get_by_role("dialog", name="New user")
    form.get_by_label("Name").fill("Ada Lovelace")
    form.get_by_label("E-mail").fill("nowhere")
    form.get_by_role("button", name="Make the user").click()
    expect(form.get_by_role("alert").first).to_contain_text("is no e-mail address")
    form.get_by_label("E-mail").fill("ada@example.com")
    form.get_by_role("button", name="Make the user").click()
    page.get_by_role("button", name="Ada Lovelace", exact=True).click()
    drawer = page.get_by_role("dialog", name="Ada Lovelace", exact=True)
    drawer.get_by_role("button", name="Edit").click()
    edit = page.get_by_role("dialog", name="Edit Ada Lovelace")
    edit.get_by_label("Name").fill("Ada King")
    edit.get_by_role("button", name="Limit").click()
    edit.get_by_label("Limit", exact=True).fill("1,200")
    edit.get_by_label("Only calls of this model").fill("nano")
    edit.get_by_role("button", name="Save").click()
    drawer = page.get_by_role("dialog", name="Ada King", exact=True)
    expect(drawer).to_contain_text("1,200 requests a minute of nano")
    watched.shoot("user")

    drawer.get_by_role("link", name="New key").click()
    form = page.get_by_role("dialog", name="New key")
    form.get_by_label("Name").fill("of-ada")
    expect(form.get_by_label("Owner").locator("option:checked")).to_have_text("Ada King")
    form.get_by_role("button", name="Make the key").click()
    page.get_by_role("button", name="I have copied it").click()
    page.get_by_role("button", name="of-ada", exact=True).click()
    page.get_by_role("dialog", name="of-ada").get_by_role("link", name=re.compile("^ada")).click()

    drawer.get_by_role("button", name="Delete").click()
    asked = page.get_by_role("dialog", name="Delete Ada King?")
    asked.get_by_role("button", name="Delete").click()
    expect(asked.get_by_role("alert")).to_contain_text("of-ada")  # it stands in the way
    asked.get_by_role("button", name="Cancel").click()
    (key,) = ui_gateway.get("/api/keys?q=of-ada", **ui_gateway.bearer)[1]["data"]
    ui_gateway.ask("DELETE", f"/api/keys/{key['id']}", None, ui_gateway.bearer)
    drawer.get_by_role("button", name="Delete").click()
    asked.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Ada King")).to_have_count(0)


def test_a_limit_of_a_model_is_made_refuses_and_is_raised_and_deleted(
    watched: Watched, ui_gateway: Gateway
) -> None:
    def call() -> int:
        body = {**BODY, "model": "team/nano"}
        return ui_gateway.ask("POST", "/v1/chat/completions", body, ui_gateway.bearer)[0]

    page = watched.open("budgets?add=limit")
    form = page.get_by_role("dialog", name="New rate limit")
    form.get_by_label("Which model").fill("team/nano")
    form.get_by_label("At most").fill("1")
    form.get_by_label("Per").select_option("day")
    form.get_by_role("button", name="Make the limit").click()
    line = page.get_by_role("list", name="Rate limits").get_by_role("listitem")
    line = line.filter(has_text="team/nano")
    expect(line).to_contain_text("1 request a day")
    assert [call(), call()] == [200, 429]
    line.get_by_role("button", name="Edit the limit of team/nano").click()
    edit = page.get_by_role("dialog", name="Limit of team/nano")
    edit.get_by_label("At most").fill("50")
    edit.get_by_role("button", name="Save").click()
    expect(line).to_contain_text("50 requests a day")
    watched.shoot("limits")
    assert call() == 200
    line.get_by_role("button", name="Edit the limit of team/nano").click()
    edit.get_by_role("button", name="Delete").click()
    expect(line).to_have_count(0)


def test_a_long_list_comes_in_pages(watched: Watched) -> None:
    def user(name: str) -> dict[str, Any]:
        lists: dict[str, Any] = {each: [] for each in ("models", "budgets", "limits")}
        return {"id": name, "name": name, "email": "", "blocked": False, **lists}

    def paged(route: Route) -> None:
        last = "cursor=there" in route.request.url
        name, more = ("Zoe", None) if last else ("Ada", "there")
        route.fulfill(json={"data": [user(name)], "next": more})

    watched.page.route("**/api/users?**", paged)
    page = watched.open("users")
    page.get_by_role("button", name="More users").click()
    expect(page.locator("tbody tr")).to_have_text([re.compile("^Ada"), re.compile("^Zoe")])
    expect(page.get_by_role("button", name="More users")).to_have_count(0)
