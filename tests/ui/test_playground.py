"""What the playground's address keeps."""

from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.e2e.processes import Emulator, Gateway
from tests.ui.conftest import Opener, Watched

PROMPT = "100% & more\n" + "a long prompt " * 1500  # longer than an address may be for a server
TOOLS = '[{"type": "function", "function": {"name": "get_weather"}}]'


def test_what_was_asked_is_in_the_address_however_long(watched: Watched) -> None:
    page = watched.open("playground?model=nano")
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill(PROMPT)
    page.get_by_text("System prompt and parameters").click()
    page.get_by_label("Tools (JSON)").fill(TOOLS)
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_test_id("receipt")).to_be_visible()
    assert "prompt" not in urlsplit(page.url).query  # no server is told it
    page.get_by_label("Stream").uncheck()
    answer = page.reload()
    assert answer is not None
    assert answer.status == 200
    expect(prompt).to_have_value(PROMPT)
    expect(page.get_by_label("Tools (JSON)")).to_have_value(TOOLS)
    expect(page.get_by_label("Stream")).not_to_be_checked()


def test_stop_stops_and_calls_nobody_again(watched: Watched, ui_emulator: Emulator) -> None:
    asked: list[str] = []
    page = watched.open("playground?model=nano")
    page.on("request", lambda request: asked.append(request.url))
    ui_emulator.fault("stall-in-stream;after=3;seconds=5")
    page.get_by_label("Prompt", exact=True).fill("Go on for ever")
    page.get_by_role("button", name="Run").click()
    lane = page.get_by_label("Answer of nano")
    expect(lane.get_by_text("first byte")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(lane.get_by_role("alert")).to_contain_text("Stopped")
    expect(page.get_by_role("button", name="Run")).to_be_visible()
    assert len([each for each in asked if each.endswith("/chat/completions")]) == 1


def test_a_model_is_compared_with_others_only(watched: Watched) -> None:
    page = watched.open("playground?model=nano&model=nano")
    expect(page.get_by_label("Model 1")).to_have_value("nano")
    expect(page.get_by_label("Model 2")).to_have_count(0)
    page.get_by_role("button", name="Compare").click()
    expect(
        page.get_by_label("Model 2")
        .locator("option", has_text="nano")
        .and_(page.locator("[value=nano]"))
    ).to_have_count(0)


def test_a_session_that_is_over_leaves_the_question_in_the_address(
    open_browser: Opener, ui_gateway: Gateway
) -> None:
    wanted = {"name": "asker"}
    status, made, _ = ui_gateway.ask("POST", "/api/keys", wanted, ui_gateway.bearer)
    assert status == 201
    page = open_browser(made["secret"]).open("playground?model=nano")
    page.get_by_label("Prompt", exact=True).fill("Still here?")
    block = f"/api/keys/{made['key']['id']}/block"
    assert ui_gateway.ask("POST", block, {}, ui_gateway.bearer)[0] == 200
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("Your session is over")).to_be_visible()
    page.get_by_label("Key").fill(ui_gateway.key)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("Still here?")
