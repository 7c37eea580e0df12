"""Days of the ledger's zone, whoever looks at them from wherever."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.e2e import processes, wire
from tests.e2e.conftest import CONFIG
from tests.e2e.processes import Emulator, Gateway
from tests.ui.conftest import Opener
from tests.ui.test_money import amount, get, in_ledger

# One of them is on another date than UTC and than the browser, at any hour.
ZONE = "Pacific/Kiritimati" if datetime.now(UTC).hour >= 10 else "Pacific/Pago_Pago"


@pytest.fixture(scope="module")
def elsewhere(ui_emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose ledger has the days of a place on another date."""
    config = CONFIG.format(base=ui_emulator.url, slow=ui_emulator.url)
    config += f"general_settings: {{reporting_time_zone: {ZONE}}}\n"
    with processes.gateway(tmp_path_factory.mktemp("elsewhere"), config) as running:
        yield running


def test_every_page_has_the_days_of_the_ledger(open_browser: Opener, elsewhere: Gateway) -> None:
    watched = open_browser(home=elsewhere.url)
    call_id = elsewhere.chat("azure-model-router", "Which day is it?")[2]["x-faregate-call-id"]
    page = watched.open()
    in_ledger(elsewhere, call_id)
    today = datetime.now(ZoneInfo(ZONE)).date()
    wire.soon(lambda: get(elsewhere, "/api/overview?days=7")["calendar"]["since"] is None)
    overview = get(elsewhere, "/api/overview?days=7")
    assert overview["calendar"] == {"zone": ZONE, "since": None, "today": today.isoformat()}
    assert overview["today"]["now"]["calls"] == 1
    page.reload()
    expect(page.get_by_text(f"days in {ZONE}")).to_be_visible()
    page = watched.open("usage?days=1&by=day")
    expect(page.get_by_text(f"days in {ZONE}").first).to_be_visible()
    dates = page.locator("input[type=date]")
    expect(dates.first).to_have_value(today.isoformat())
    expect(dates.last).to_have_value(today.isoformat())
    total = page.locator("tr.sum")
    assert (
        amount(total.locator("td").filter(has=page.locator(".money")).last)
        == (overview["today"]["now"]["spend"])
    )
    # The calls behind the day are found by the same day.
    page.get_by_title("The calls").first.click()
    page.wait_for_url("**/logs?**")
    assert f"since={today}" in page.url
    assert f"until={today + timedelta(days=1)}" in page.url
    expect(page.locator(f"#row-{call_id}")).to_be_visible()
    watched.shoot("days")
    page = watched.open("router?days=1")
    expect(page.get_by_text(f"days in {ZONE}").first).to_be_visible()
    page = watched.open("settings")
    expect(page.get_by_text(f"Sums are by days in {ZONE}")).to_be_visible()
