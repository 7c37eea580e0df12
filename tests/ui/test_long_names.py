"""Names and errors that are longer than anybody expects."""

import pytest
from playwright.sync_api import expect

from tests.e2e import wire
from tests.e2e.processes import Emulator, Gateway
from tests.ui.conftest import Opener, Watched

LONG = "a-model-whose-name-goes-on-and-on-" * 6


@pytest.fixture
def call_id(ui_gateway: Gateway, ui_emulator: Emulator) -> str:
    """A call that a model with a long name answered."""
    ui_emulator.fault(f"serve;model={LONG}", "gpt-4.1-nano")
    found = ui_gateway.chat("nano", "Who are you?")[2]["x-faregate-call-id"]
    path = f"/api/calls/{found}"
    wire.soon(lambda: ui_gateway.get(path, **ui_gateway.bearer)[0] == 200)
    return found


@pytest.mark.parametrize("width", [1360, 390])
def test_a_long_name_widens_no_page(open_browser: Opener, call_id: str, width: int) -> None:
    watched = open_browser(width=width)
    for path in ("", "usage", "router", f"logs?call={call_id}", "prices"):
        page = watched.open(path)
        expect(page.locator("[aria-busy=true], .bone")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    page = watched.open("usage?days=1&served_model=" + LONG)
    named = page.locator(".legend button").first
    expect(named).to_have_attribute("title", LONG)  # what is cut can still be read


def test_copying_a_link_says_that_it_was_done(watched: Watched, call_id: str) -> None:
    page = watched.open(f"logs?call={call_id}")
    button = page.get_by_role("button", name="Copy a link to this call")
    expect(button.locator(".lucide-check")).to_have_count(0)
    button.click()
    expect(button.locator(".lucide-check")).to_be_visible()
