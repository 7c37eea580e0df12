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


def test_a_chart_is_walked_and_opened_with_keys(watched: Watched, ui_gateway: Gateway) -> None:
    wanted = ui_gateway.chat("nano", "Draw me for the keys")[2]["x-faregate-call-id"]
    page = watched.open("logs?model=nano&live=1")
    expect(page.locator(f"#row-{wanted}")).to_be_visible()
    page = watched.open("usage?days=7&by=served_model&model=nano")
    chart = page.get_by_role("application", name="Spend a day")
    chart.focus()
    page.keyboard.press("ArrowRight")
    said = chart.get_by_role("status")
    expect(said).to_contain_text("nano")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    expect(said).to_contain_text("No calls")
    page.keyboard.press("Escape")
    expect(said).to_be_empty()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/logs?**")
    assert asked(page)["model"] == ["nano"]
    assert len(asked(page)["served_model"]) == 1


def test_the_flows_of_a_router_are_walked_and_opened_with_keys(
    watched: Watched, ui_gateway: Gateway
) -> None:
    wanted = ui_gateway.chat("azure-model-router", "Flow")[2]["x-faregate-call-id"]
    page = watched.open("logs?live=1")
    row = page.locator(f"#row-{wanted}")
    expect(row).to_be_visible()
    page = watched.open("router?days=1")
    expect(page.get_by_test_id("verdict").first).to_contain_text("router")  # was it worth it?
    name = "From requested to served model, azure-model-router/azure-model-router"
    flows = page.get_by_role("application", name=name)
    flows.focus()
    for _ in range(20):
        page.keyboard.press("ArrowDown")
    expect(flows.get_by_role("status")).to_contain_text("→")
    page.keyboard.press("Enter")
    page.wait_for_url("**/logs?**")
    assert asked(page)["deployment"] == ["azure-model-router/azure-model-router"]
    assert len(asked(page)["served_model"]) == 1


def test_a_chart_that_is_not_known_says_so(watched: Watched) -> None:
    error = {"error": {"message": "the database is away", "code": "service_unavailable"}}
    watched.page.route("**/api/spend?*by=day*", lambda route: route.fulfill(status=503, json=error))
    page = watched.open("usage?days=7&by=key,served_model")
    expect(page.get_by_role("alert")).to_contain_text("the database is away")
    expect(page.locator("table.usage tbody tr").first).to_be_visible()
