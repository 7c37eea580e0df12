"""The price book, the router's latency and the settings, as a person reads and changes them."""

import re
from urllib.parse import quote

from playwright.sync_api import expect

from tests.e2e.processes import MASTER_KEY, Emulator, Gateway
from tests.ui.conftest import Watched
from tests.ui.test_money import in_ledger


def test_a_model_without_a_price_gets_one_and_its_call_is_priced(
    watched: Watched, ui_gateway: Gateway, ui_emulator: Emulator
) -> None:
    ui_emulator.fault("serve;model=gpt-9-unheard", deployment="azure-model-router")
    call_id = ui_gateway.chat("azure-model-router", "Who are you?")[2]["x-faregate-call-id"]
    page = watched.open("prices")
    assert in_ledger(ui_gateway, call_id)["receipt"]["total"] is None
    page.get_by_role("button", name="Refresh").click()
    page.reload()
    waiting = page.locator(".waiting li", has_text="gpt-9-unheard")
    expect(waiting).to_contain_text("1 call through azure-model-router")
    waiting.get_by_role("button", name="Add its price").click()
    form = page.get_by_role("dialog", name="Add a price")
    expect(form.get_by_label("Model")).to_have_value("gpt-9-unheard")
    expect(form.get_by_label("Price list")).to_have_value("azure")
    add = form.get_by_role("button", name="Add")
    form.get_by_label("Input, USD / 1M", exact=True).fill("much")
    expect(add).to_be_disabled()
    form.get_by_label("Input, USD / 1M", exact=True).fill("$1.25")
    form.get_by_label("Output, USD / 1M", exact=True).fill("0.033")
    add.click()
    expect(waiting).to_have_count(0)
    total = in_ledger(ui_gateway, call_id)["receipt"]["total"]
    assert total is not None

    page.get_by_label("Find a price").fill("gpt-9-unheard")
    row = page.get_by_role("row", name=re.compile("gpt-9-unheard"))
    expect(row).to_contain_text("$1.25")
    expect(row).to_contain_text("$0.033")
    row.get_by_role("button", name="$0.033").click()
    drawer = page.get_by_role("dialog", name="gpt-9-unheard, output")
    expect(drawer).to_contain_text("Somebody added it here")
    drawer.get_by_role("button", name="Remove").click()
    expect(drawer).to_have_count(0)
    expect(row).not_to_contain_text("$0.033")


def test_prices_of_other_scopes_are_a_step_away(watched: Watched) -> None:
    page = watched.open("prices?q=northeurope")
    page.get_by_role("button", name="Look in every scope and tier").click()
    expect(page.get_by_role("row", name=re.compile("regional: northeurope")).first).to_be_visible()
    assert "scope=every" in page.url


def test_the_router_page_tells_latency_by_served_model(
    watched: Watched, ui_gateway: Gateway
) -> None:
    call_id = ui_gateway.chat("azure-model-router", "How long?")[2]["x-faregate-call-id"]
    page = watched.open("router")
    served = in_ledger(ui_gateway, call_id)["call"]["served_model"]
    page.reload()
    card = page.locator(".card", has_text="Latency by served model").first
    expect(card.get_by_role("row", name=re.compile(served))).to_contain_text(re.compile(r"\d m?s"))


def test_a_setting_is_found_by_its_name(watched: Watched) -> None:
    page = watched.open("settings")
    page.get_by_label("Find a setting").fill("master")
    card = page.locator(".card", has_text="Configuration in force")
    expect(card.locator("dt")).to_have_text(["allow_weak_master_key", "master_key"])
    assert MASTER_KEY not in page.content()
    assert "q=master" in page.url


def test_a_price_leads_to_the_calls_it_is_for(watched: Watched, ui_gateway: Gateway) -> None:
    call_id = ui_gateway.chat("nano")[2]["x-faregate-call-id"]
    page = watched.open(f"logs?call={call_id}")
    receipt = page.get_by_test_id("receipt")
    receipt.locator("summary").first.click()
    receipt.get_by_role("link").first.click()
    page.get_by_role("dialog").get_by_role("link", name="of gpt-4.1-nano").first.click()
    expect(page.locator("h1")).to_have_text("Logs")
    assert "served_model=gpt-4.1-nano" in page.url
    expect(page.locator(f"#row-{call_id}")).to_be_visible()


def test_settings_that_are_not_the_default_are_told_apart(watched: Watched) -> None:
    page = watched.open("settings")
    box = page.get_by_role("checkbox", name="Not the default")
    box.check()
    rows = page.locator(".configuration > div")
    expect(rows.first).to_contain_text("default:")
    expect(page.locator(".configuration > div:not(.stated)")).to_have_count(0)
    assert "changed=1" in page.url


def test_the_whole_book_comes_by_itself(watched: Watched, ui_gateway: Gateway) -> None:
    rows, path = 0, "/api/prices?history=false&limit=1000"
    found = ui_gateway.get(path, **ui_gateway.bearer)[1]
    while found["next"]:
        rows += len(found["data"])
        found = ui_gateway.get(f"{path}&cursor={quote(found['next'])}", **ui_gateway.bearer)[1]
    rows += len(found["data"])
    assert rows > 1150  # more than two pages of the dashboard
    seen: list[str] = []
    watched.page.on(
        "response", lambda answer: seen.append(answer.url) if "/api/prices?" in answer.url else None
    )
    page = watched.open("prices?scope=every&tier=every")
    expect(page.get_by_text("lines in force now;")).to_be_visible()
    expect(page.get_by_text("so far")).to_have_count(0)
    assert len(seen) == 1 + -(-(rows - 150) // 1000)
