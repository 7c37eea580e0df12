"""What a page says when something does not answer."""

import re

import pytest
from playwright.sync_api import Route, expect

from tests.e2e.processes import Gateway
from tests.ui.conftest import Watched


def refused(route: Route) -> None:
    """As the admin API answers while the ledger's database is away."""
    error = {"message": "the database is away", "code": "ledger_unavailable", "param": None}
    route.fulfill(status=503, json={"error": error})


def kept_from(route: Route) -> None:
    """All is refused but the session."""
    if "/api/session" in route.request.url:
        route.continue_()
    else:
        refused(route)


@pytest.mark.parametrize("path", ["models", "teams", "users"])
def test_sums_that_are_not_known_are_not_nothing(
    watched: Watched, ui_gateway: Gateway, path: str
) -> None:
    for noun in ("teams", "users"):
        ui_gateway.ask("POST", f"/api/{noun}", {"name": "Sums"}, ui_gateway.bearer)
    for asked in ("**/api/spend?**", "**/api/models/traffic"):
        watched.page.route(asked, refused)
    page = watched.open(path)
    row = page.locator("tbody tr").first
    expect(row).to_contain_text("–")
    expect(row).not_to_contain_text("$0.00")


@pytest.mark.parametrize(
    "path", ["logs", "models", "prices", "keys", "teams", "users", "budgets", "audit"]
)
def test_a_list_that_is_not_known_is_not_empty(watched: Watched, path: str) -> None:
    watched.page.route("**/api/**", kept_from)
    page = watched.open(path)
    expect(page.get_by_role("alert").first).to_contain_text("the database is away")
    expect(
        page.get_by_text(
            re.compile(r"^No(body| (keys|teams|calls|budget|changes|price|rate limit|model))")
        )
    ).to_have_count(0)


def test_nobody_is_told_they_are_out_who_is_not(watched: Watched) -> None:
    page = watched.open("logs")
    page.context.set_offline(True)
    page.get_by_role("button", name="master key").click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_text("You are still signed in")).to_be_visible()
    page.context.set_offline(False)
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_label("Key", exact=True)).to_be_visible()


def test_an_upgrade_under_an_open_page_is_told(watched: Watched) -> None:
    # From the start, since the other pages' files are read ahead.
    watched.page.route("**/assets/PricesPage-*", lambda route: route.fulfill(status=404, body=""))
    page = watched.open("logs")
    page.get_by_role("link", name="Prices", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("upgraded since")
    expect(page.get_by_role("button", name="Load the page again")).to_be_visible()
    watched.problems.clear()  # the browser's own words about it


def test_a_test_of_a_draft_is_not_shown_for_another(watched: Watched) -> None:
    """The connection's test takes a while; meanwhile the form is changed."""
    page = watched.page
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/api/models/test", hold)
    page = watched.open("models?add=1")
    form = page.get_by_role("dialog")
    form.get_by_label("Deployment name").fill("one")
    with page.expect_request("**/api/models/test"):
        form.get_by_role("button", name="Test connection").click()
    expect(form.get_by_role("button", name="Test connection")).to_be_disabled()
    form.get_by_label("Deployment name").fill("other")
    expect(form.get_by_role("button", name="Test connection")).to_be_enabled()
    with page.expect_response("**/api/models/test"):
        refused(held[0])
    form.get_by_label("Endpoint").focus()
    # That the address is still missing may be said beside its field.
    expect(form.get_by_role("alert").filter(has_text="the database is away")).to_have_count(0)


def test_a_click_beside_a_form_keeps_what_was_written(watched: Watched) -> None:
    page = watched.open("keys?add=1")
    name = page.get_by_role("dialog").get_by_label("Name")
    name.fill("kept")
    page.mouse.click(5, 5)
    expect(name).to_have_value("kept")
    page.get_by_role("button", name="Make the key").click()
    secret = page.get_by_test_id("secret")
    expect(secret).to_be_visible()
    page.mouse.click(5, 5)
    page.keyboard.press("Escape")
    expect(secret).to_be_visible()
    page.get_by_role("button", name="I have copied it").click()
    expect(secret).to_have_count(0)


def test_a_price_with_an_odd_source_is_shown(watched: Watched, ui_gateway: Gateway) -> None:
    odd = {"provider": "azure", "model": "gpt-odd", "unit": "input", "usd_per_million": "1"}
    body = {"prices": [{**odd, "source": "https://["}]}
    status, made, _ = ui_gateway.ask("POST", "/api/prices", body, ui_gateway.bearer)
    assert status in (200, 201), made
    page = watched.open("prices?added=1&q=gpt-odd")
    page.get_by_role("button", name="$1.00").click()
    expect(page.get_by_role("dialog")).to_contain_text("https://[")


def test_a_fault_of_the_page_is_not_put_on_the_gateway(watched: Watched) -> None:
    page = watched.page
    page.route("**/api/status", lambda route: route.fulfill(json={}))
    page.goto(f"{watched.home}/ui/settings")
    expect(page.get_by_role("alert")).to_contain_text("a fault of the dashboard")
    expect(page.get_by_role("button", name="To the overview")).to_be_visible()
    watched.problems.clear()  # the fault, as the browser tells it


def test_a_deployment_that_is_not_there_is_told(watched: Watched) -> None:
    page = watched.open("models?deployment=gone/elsewhere")
    expect(page.get_by_role("alert")).to_contain_text("no deployment “gone/elsewhere”")


def test_a_zone_that_the_browser_does_not_know_is_its_own(watched: Watched) -> None:
    page = watched.open("settings")
    page.evaluate("localStorage.setItem('faregate.zone', 'Mars/Olympus')")
    page.reload()
    expect(page.get_by_text("Times are shown in Europe/Berlin")).to_be_visible()


def test_a_page_that_nobody_sends_is_told_below_the_navigation(watched: Watched) -> None:
    """Not the browser's own page about it, from which nothing leads back."""
    away = "**/assets/PricesPage-*"
    watched.page.route(away, lambda route: route.abort())
    watched.page.route("**/ui/theme.js", lambda route: route.abort())
    page = watched.page
    page.goto(f"{watched.home}/ui/logs")
    page.get_by_role("link", name="Prices", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("the gateway does not answer")
    page.get_by_role("button", name="Load the page again").click()
    expect(page.get_by_role("button", name="Load the page again")).to_be_enabled()
    page.get_by_role("link", name="Usage", exact=True).click()
    expect(page.get_by_role("heading", name="Usage")).to_be_visible()
    page.unroute(away)
    page.get_by_role("link", name="Prices", exact=True).click()
    expect(page.get_by_label("Find a price")).to_be_visible()
    watched.problems.clear()  # the browser's own words about it
