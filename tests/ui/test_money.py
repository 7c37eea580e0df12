"""Every page shows the ledger's own amounts, to the last digit."""

import re
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e import wire
from tests.e2e.processes import Emulator, Gateway
from tests.ui.conftest import Opener, Watched


def amount(found: Locator) -> str:
    """The exact amount shown somewhere, as the API says it; its text has the same digits."""
    shown = found.locator(".money").first
    stated = shown.get_attribute("data-amount")
    assert stated is not None
    digits = re.sub(r"[^0-9.]", "", shown.inner_text())
    assert digits.rstrip("0").rstrip(".") == stated.rstrip("0").rstrip(".") or stated == "0"
    return stated


def get(gateway: Gateway, path: str) -> Any:
    """JSON of the admin API."""
    status, found = gateway.get(path, **gateway.bearer)
    assert status == 200, found
    return found


def in_ledger(gateway: Gateway, call_id: str) -> Any:
    """A call's detail, once it is in the ledger."""

    def look() -> Any:
        status, found = gateway.get(f"/api/calls/{call_id}", **gateway.bearer)
        return found if status == 200 else None

    return wire.soon(look)


def test_a_call_can_be_followed_to_its_price_row(watched: Watched, ui_gateway: Gateway) -> None:
    call_id = ui_gateway.chat("azure-model-router", "Follow me")[2]["x-faregate-call-id"]
    page = watched.open("logs")
    detail = in_ledger(ui_gateway, call_id)
    page.get_by_role("button", name="Refresh").click()
    page.locator(f"#row-{call_id}").click()
    receipt = page.get_by_test_id("receipt")
    expect(receipt).to_be_visible()
    assert call_id in page.url
    assert amount(receipt.locator(".total").last) == detail["receipt"]["total"]
    expect(receipt.locator(".total")).to_have_count(1)  # the fee has its line, and no other
    lines = detail["receipt"]["charges"][0]["lines"]
    assert [each["amount"] for each in lines if each["kind"] == "router_fee"] == [
        detail["receipt"]["router_fee"]
    ]
    shown = receipt.locator("summary")
    assert [amount(shown.nth(at)) for at in range(shown.count())] == [
        each["amount"] for each in lines
    ]
    expect(receipt).to_contain_text("Azure Model Router fee")
    watched.shoot("receipt")
    shown.first.click()
    receipt.get_by_role("link", name=lines[0]["price_id"]).click()
    row = page.get_by_role("dialog")
    expect(row).to_contain_text(lines[0]["price_id"])
    expect(row).to_contain_text(f"${lines[0]['usd_per_million']}")


def test_a_link_to_a_call_opens_it(watched: Watched, ui_gateway: Gateway) -> None:
    call_id = ui_gateway.chat("nano", "Linked")[2]["x-faregate-call-id"]
    page = watched.open()
    in_ledger(ui_gateway, call_id)
    watched.open(f"logs?call={call_id}")
    expect(page.get_by_role("dialog", name=call_id)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert "call=" not in page.url


def test_totals_agree_on_every_page_and_with_the_api(watched: Watched, ui_gateway: Gateway) -> None:
    last = [ui_gateway.chat(name)[2]["x-faregate-call-id"] for name in ("nano", "once", "nano")][-1]
    page = watched.open()
    in_ledger(ui_gateway, last)
    page.reload()
    total = get(ui_gateway, "/api/spend?by=&since=6d")["total"]
    overview = get(ui_gateway, "/api/overview?days=7")
    assert overview["range"]["now"]["spend"] == total["spend"]
    tiles = page.locator(".tile .big")
    expect(tiles).to_have_count(3)
    assert amount(tiles.nth(1)) == total["spend"]
    watched.shoot("overview")
    watched.open("usage?days=7&by=served_model")
    expect(page.locator(".usage .sum")).to_be_visible()
    assert amount(page.locator(".usage .sum td").nth(-2)) == total["spend"]
    watched.shoot("usage")
    router = get(ui_gateway, "/api/router?since=6d")["data"]
    watched.open("router?days=7")
    figures = page.locator(".router-figures")
    expect(figures).to_have_count(len(router))
    spent = [amount(figures.nth(at).locator("> div").nth(1)) for at in range(len(router))]
    assert spent == [each["total"]["spend"] for each in router]
    watched.shoot("router")


def test_an_unpriced_call_is_unknown_and_priced_by_adding_its_price(
    watched: Watched, ui_gateway: Gateway, ui_emulator: Emulator
) -> None:
    ui_emulator.fault("serve;model=gpt-9-mystery")
    call_id = ui_gateway.chat("nano", "Who are you?")[2]["x-faregate-call-id"]
    page = watched.open()
    assert in_ledger(ui_gateway, call_id)["call"]["total"] is None
    watched.open(f"logs?call={call_id}")
    receipt = page.get_by_test_id("receipt")
    expect(receipt.locator(".total").last).to_contain_text("unknown")
    receipt.get_by_role("link", name="Add a price").click()
    form = page.get_by_role("dialog", name="Add a price")
    expect(form.get_by_label("Model")).to_have_value("gpt-9-mystery")
    form.get_by_label("Input, USD").first.fill("1.25")
    form.get_by_label("Output, USD").first.fill("10")
    form.get_by_role("button", name="Add").click()
    expect(page.get_by_text("have their price now")).to_be_visible()
    total = get(ui_gateway, f"/api/calls/{call_id}")["receipt"]["total"]
    assert total is not None
    watched.open(f"logs?call={call_id}")
    assert amount(receipt.locator(".total").last) == total
    expect(page.get_by_role("heading", name="Adjustments", exact=True)).to_be_visible()


@pytest.mark.parametrize("model", ["azure-model-router", "nano"])
def test_the_playground_streams_and_shows_the_receipt(
    watched: Watched, ui_gateway: Gateway, model: str
) -> None:
    page = watched.open(f"playground?model={quote(model)}&prompt=Hello")
    page.get_by_role("button", name="Run").click()
    lane = page.get_by_label(f"Answer of {model}")
    expect(lane).to_contain_text("You asked: Hello")
    receipt = lane.get_by_test_id("receipt")
    expect(receipt).to_be_visible()
    call_id = lane.get_by_role("link", name=re.compile("call_")).inner_text()
    detail = get(ui_gateway, f"/api/calls/{call_id}")
    assert amount(receipt.locator(".total").last) == detail["receipt"]["total"]
    assert detail["call"]["key"] == "master"
    assert detail["call"]["stream"] is True
    watched.shoot(f"playground-{model}")


def test_prompts_are_compared_side_by_side_and_an_error_is_told(
    open_browser: Opener, ui_emulator: Emulator
) -> None:
    watched = open_browser()
    page = watched.open("playground?model=nano&model=once&prompt=Hello")
    ui_emulator.fault("401", "model-router")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_label("Answer of nano")).to_contain_text("You asked")
    expect(page.get_by_label("Answer of once").get_by_role("alert")).to_be_visible()
    page.get_by_role("button", name="Code").click()
    expect(page.get_by_role("dialog")).to_contain_text("/v1/chat/completions")
    page.get_by_role("radio", name="Python").click()
    expect(page.get_by_role("dialog")).to_contain_text("client.chat.completions.create")
