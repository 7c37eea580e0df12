"""The log while calls come in."""

import json

from playwright.sync_api import Route, expect

from tests.e2e.processes import Gateway
from tests.ui.conftest import Watched

CALLS = 230  # more than the log reads at once


def test_no_call_is_missing_from_a_live_log(watched: Watched, ui_gateway: Gateway) -> None:
    tag = "a-live-log"
    bearer = {**ui_gateway.bearer, "x-faregate-tags": tag}
    page = watched.open(f"logs?tag={tag}&live=1")
    expect(page.get_by_text("No call fits")).to_be_visible()
    page.context.set_offline(True)  # what came meanwhile is more than one page
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    body = {"model": "nano", "messages": [{"role": "user", "content": "hello"}]}
    for _ in range(CALLS):
        assert ui_gateway.ask("POST", "/v1/chat/completions", body, bearer)[0] == 200
    page.context.set_offline(False)
    expect(page.get_by_role("grid")).to_have_attribute("aria-rowcount", str(CALLS))
    expect(page.get_by_role("alert")).to_have_count(0)


def test_the_log_is_narrowed_by_what_its_columns_measure(
    watched: Watched, ui_gateway: Gateway
) -> None:
    call_id = ui_gateway.chat("nano", "Measure me")[2]["x-faregate-call-id"]
    row = watched.open("logs?min_tokens_in=1&min_tokens_out=1&live=1").locator(f"#row-{call_id}")
    expect(row).to_be_visible()
    page = watched.open("logs")
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_role("menuitem", name="Latency at least").click()
    page.get_by_label("Latency at least").fill("86400")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No call fits")).to_be_visible()
    assert "min_seconds=86400" in page.url


def test_a_search_that_takes_long_says_how_far_it_came_and_goes_on(
    watched: Watched, ui_gateway: Gateway
) -> None:
    call_id = ui_gateway.chat("nano", "Find me")[2]["x-faregate-call-id"]
    page = watched.open()
    waiting: list[Route] = []

    def in_parts(route: Route) -> None:
        if "cursor=" in route.request.url:
            waiting.append(route)
            return
        part = {"data": [], "next": f"{10**17}.!", "searched_to": "2026-11-01T10:20:30Z"}
        route.fulfill(content_type="application/json", body=json.dumps(part))

    page.route("**/api/calls?*", in_parts)
    page.goto(f"{ui_gateway.url}/ui/logs?http_status=200")
    expect(page.get_by_text("Looking further back")).to_be_visible()
    expect(page.locator("main")).to_contain_text("None that fits since 1 Nov")
    expect(page.get_by_text("No call fits")).to_have_count(0)
    assert len(waiting) == 1
    waiting[0].continue_()
    expect(page.locator(f"#row-{call_id}")).to_be_visible()
