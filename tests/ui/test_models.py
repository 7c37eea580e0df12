"""A deployment is added by hand, tried, and serves."""

import re
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Locator, expect

from faregate.emulator.config import DEFAULT_KEY
from tests.e2e.processes import Emulator, Gateway
from tests.ui.conftest import Watched
from tests.ui.test_money import amount, get, in_ledger


def fill(form: Locator, name: str, base: str, key: str) -> None:
    """What has to be filled in at least."""
    form.get_by_label("Deployment name").fill(name)
    form.get_by_label("Endpoint").fill(base)
    form.get_by_label("Key", exact=True).fill(key)


def test_a_router_is_added_by_its_name_tried_and_found_in_the_log(
    watched: Watched, ui_gateway: Gateway, ui_emulator: Emulator
) -> None:
    page = watched.open("models")
    page.keyboard.press("n")
    form = page.get_by_role("dialog", name="Add a model")
    fill(form, "azure-model-router", f"{ui_emulator.url}/openai/v1", DEFAULT_KEY)
    expect(form.get_by_test_id("model-string")).to_have_text(
        "azure_ai/model_router/azure-model-router"
    )
    expect(form.get_by_test_id("url")).to_have_text(
        re.compile(f"^{re.escape(ui_emulator.url)}/openai/v1/chat/completions")
    )
    form.get_by_label("Clients call it").fill("added")
    form.get_by_role("button", name="Test connection").click()
    tested = form.get_by_label("Test of the connection")
    expect(tested).to_contain_text("answered in")
    expect(tested.get_by_test_id("receipt")).to_contain_text("Azure Model Router fee")
    watched.shoot("add-model")
    form.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="added", exact=True)).to_be_visible()
    assert DEFAULT_KEY not in page.content()

    watched.open("playground?model=added&prompt=Hello")
    page.get_by_role("button", name="Run").click()
    lane = page.get_by_label("Answer of added")
    total = amount(lane.get_by_test_id("receipt").locator(".total").last)
    lane.get_by_role("link", name=re.compile("call_")).click()
    drawer = page.get_by_role("dialog")
    assert amount(drawer.get_by_test_id("receipt").locator(".total").last) == total
    expect(drawer).to_contain_text("Azure Model Router fee")


def test_the_naming_rule_can_be_overruled_both_ways(
    watched: Watched, ui_emulator: Emulator
) -> None:
    page = watched.open("models?add=1")
    form = page.get_by_role("dialog", name="Add a model")
    string = form.get_by_test_id("model-string")
    switch = form.get_by_label("It is a model router")
    fill(form, "gpt-4.1-nano", f"{ui_emulator.url}/openai/v1", DEFAULT_KEY)
    expect(string).to_have_text("azure_ai/gpt-4.1-nano")
    expect(switch).not_to_be_checked()
    switch.check()
    expect(string).to_have_text("azure_ai/model_router/gpt-4.1-nano")
    form.get_by_label("Deployment name").fill("first_model_router")
    switch.uncheck()
    expect(string).to_have_text("azure_ai/first_model_router")
    form.get_by_label("Endpoint").fill(
        "https://x.openai.azure.com/openai/deployments/named/chat/completions?api-version=2024-10-21"
    )
    form.get_by_role("button", name="Take that name").click()
    expect(form.get_by_label("Deployment name")).to_have_value("named")


@pytest.mark.parametrize(
    ("name", "base", "key", "told"),
    [
        ("azure-model-router", "{url}/openai/v1", "wrong-key", "The key was not accepted"),
        ("no-such-router", "{url}/openai/v1", DEFAULT_KEY, "no deployment of that name"),
        ("azure-model-router", "https://no-such-host.invalid", DEFAULT_KEY, "no host of that name"),
    ],
    ids=["wrong key", "wrong deployment", "wrong host"],
)
def test_a_failed_trial_says_what_is_wrong_and_what_to_do(
    watched: Watched, ui_emulator: Emulator, name: str, base: str, key: str, told: str
) -> None:
    if name == "no-such-router":
        ui_emulator.fault("404", "model-router")
        name = "model-router"
    page = watched.open("models?add=1")
    form = page.get_by_role("dialog", name="Add a model")
    fill(form, name, base.format(url=ui_emulator.url), key)
    form.get_by_role("button", name="Test connection").click()
    tested = form.get_by_label("Test of the connection")
    expect(tested).to_contain_text(told)
    expect(tested.locator("p")).not_to_have_count(0)
    assert key not in tested.inner_text()
    form.get_by_role("button", name="Cancel").click()


def test_a_stored_deployment_is_switched_off_cloned_and_deleted(
    watched: Watched, ui_gateway: Gateway, ui_emulator: Emulator
) -> None:
    body: dict[str, Any] = {
        "id": "mine",
        "model_name": "mine",
        "params": {
            "model": "azure_ai/gpt-4.1-nano",
            "api_base": f"{ui_emulator.url}/openai/v1",
            "api_key": DEFAULT_KEY,
        },
    }
    assert ui_gateway.ask("POST", "/api/models", body, ui_gateway.bearer)[0] == 201
    page = watched.open("models?deployment=mine")
    drawer = page.get_by_role("dialog", name="mine", exact=True)
    drawer.get_by_role("button", name="Test connection").click()
    expect(drawer.get_by_label("Test of the connection")).to_contain_text("answered in")
    drawer.get_by_role("button", name="Edit").click()
    form = page.get_by_role("dialog", name="Edit mine")
    expect(form.get_by_label("Key", exact=True)).to_have_value("")
    form.get_by_text("Advanced").click()
    form.get_by_label("Requests a minute").fill("600")
    form.get_by_role("button", name="Save").click()
    expect(form).to_have_count(0)
    expect(drawer).to_contain_text("600")
    assert ui_gateway.chat("mine")[0] == 200  # with the key that was not typed again
    drawer.get_by_role("button", name="Switch off").click()
    expect(drawer.get_by_role("button", name="Switch on")).to_be_visible()
    assert ui_gateway.chat("mine")[0] == 404
    drawer.get_by_role("button", name="Clone").click()
    expect(page.get_by_text("is a copy, switched off")).to_be_visible()
    drawer.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog", name="Delete mine?").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert ui_gateway.get("/api/models/mine", **ui_gateway.bearer)[0] == 404


def test_a_deployment_of_the_file_is_read_only(watched: Watched) -> None:
    page = watched.open("models")
    page.get_by_role("button", name="nano", exact=True).click()
    drawer = page.get_by_role("dialog", name="nano")
    expect(drawer).to_contain_text("in the configuration file")
    expect(drawer.get_by_role("button", name="Edit")).to_have_count(0)


def test_calls_of_the_last_24_hours_are_those_of_the_log(
    watched: Watched, ui_gateway: Gateway
) -> None:
    (nano,) = get(ui_gateway, "/api/models?model=nano")["data"]
    for _ in range(3):
        in_ledger(ui_gateway, ui_gateway.chat("nano")[2]["x-faregate-call-id"])
    page = watched.open("models")
    expect(page.get_by_role("columnheader", name="Calls, 24 h")).to_be_visible()
    found = get(ui_gateway, "/api/models/traffic")
    assert found["day"] is None
    (told,) = [each for each in found["data"] if each["deployment"] == nano["id"]]
    assert told["calls"] >= 3
    row = page.get_by_role("row").filter(has=page.get_by_role("button", name="nano", exact=True))
    link = row.get_by_role("link", name=f"{told['calls']:,}", exact=True)
    expect(link).to_be_visible()
    assert amount(row.locator("td").last) == told["spend"]
    link.click()
    expect(page).to_have_url(re.compile("/logs"))
    expect(page.get_by_role("grid").get_by_role("row").nth(1)).to_be_visible()
    asked = parse_qs(urlsplit(page.url).query)
    assert asked["deployment"] == [nano["id"]]
    (since,) = asked["since"]
    behind = get(
        ui_gateway, f"/api/calls?{urlencode({'deployment': nano['id'], 'since': since})}&limit=1000"
    )["data"]
    assert len(behind) == told["calls"]
