"""What the dashboard asks the gateway for, and when."""

import pytest
from playwright.sync_api import Request, expect

from tests.e2e.processes import Gateway
from tests.ui.conftest import Watched


@pytest.fixture
def call_id(ui_gateway: Gateway) -> str:
    """A routed call."""
    return ui_gateway.chat("azure-model-router")[2]["x-faregate-call-id"]


def asked(watched: Watched) -> list[str]:
    """Every request to the API from now on."""
    found: list[str] = []

    def note(request: Request) -> None:
        if "/api/" in request.url:
            found.append(request.url)

    watched.page.on("request", note)
    return found


def test_contents_that_are_not_kept_are_not_asked_for_and_a_fee_is_told_once(
    watched: Watched, call_id: str
) -> None:
    requests = asked(watched)
    page = watched.open(f"logs?call={call_id}")
    receipt = page.get_by_test_id("receipt")
    expect(receipt.locator("summary", has_text="fee")).to_have_count(1)
    expect(receipt.locator(".total")).to_have_count(1)
    expect(page.get_by_role("heading", name="Facts", exact=True)).to_be_visible()
    assert [each for each in requests if each.endswith(call_id)]
    assert not [each for each in requests if "/content" in each]


def test_a_page_is_asked_for_when_the_button_goes_down_on_its_name(
    watched: Watched, call_id: str
) -> None:
    page = watched.open("settings")
    link = page.get_by_role("navigation", name="Pages").get_by_role("link", name="Usage")
    link.hover()
    with page.expect_request("**/api/spend?*"):
        page.mouse.down()
    expect(page.locator("h1")).to_have_text("Settings")
    page.mouse.up()
    expect(page.locator("h1")).to_have_text("Usage")


def test_usage_drilled_into_shows_the_new_groups_only(watched: Watched, call_id: str) -> None:
    page = watched.open("usage")
    rows = page.locator(".usage tbody tr:not(.sum)")
    expect(rows.first).to_be_visible()
    requests = asked(watched)
    rows.first.get_by_role("link").first.click()
    expect(page.locator(".usage th").first).to_have_text("Key")
    expect(page.locator(".usage.before")).to_have_count(0)
    expect(rows.filter(has_text="no key")).to_have_count(0)
    expect(rows.filter(has_text="master")).to_have_count(1)
    page.wait_for_load_state("networkidle")
    assert len(requests) == len(set(requests)) == 2  # the table and the chart, each once
