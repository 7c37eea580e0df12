"""What the parts of the usage page's chart lead to."""

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from tests.e2e.processes import Emulator, Gateway
from tests.ui.conftest import Watched


def asked(page: Page) -> dict[str, list[str]]:
    """The query of the page's address, empty values included."""
    return parse_qs(urlsplit(page.url).query, keep_blank_values=True)


def test_a_chart_leads_to_the_calls_it_shows(watched: Watched, ui_gateway: Gateway) -> None:
    wanted = ui_gateway.chat("nano", "Draw me")[2]["x-faregate-call-id"]
    ui_gateway.chat("azure-model-router", "Draw me, too")
    page = watched.open("logs?model=nano&live=1")
    expect(page.locator(f"#row-{wanted}")).to_be_visible()
    served = page.locator(f"#row-{wanted} [role=gridcell]").nth(2).inner_text()
    page = watched.open("usage?days=7&by=served_model&model=nano")
    page.locator(".legend").get_by_role("button", name=served).click()
    page.wait_for_url("**/logs?**")
    assert asked(page)["model"] == ["nano"]
    assert asked(page)["served_model"] == [served]


def test_calls_that_nobody_answered_are_a_part_of_their_own(
    watched: Watched, ui_gateway: Gateway, ui_emulator: Emulator
) -> None:
    ui_emulator.fault("unsupported-parameter")
    status, _, headers = ui_gateway.chat("nano", "Fail")
    assert status != 200
    page = watched.open("logs?outcome=failed&live=1")
    expect(page.locator(f"#row-{headers['x-faregate-call-id']}")).to_be_visible()
    page = watched.open("usage?days=7&by=served_model&model=nano")
    page.locator(".legend").get_by_role("button", name="none answered").click()
    page.wait_for_url("**/logs?**")
    assert asked(page)["served_model"] == [""]
