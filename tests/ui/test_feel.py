"""Keyboard, themes, phones, screen readers, and any path prefix."""

import contextlib
import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.processes import Gateway
from tests.house.samples import ROOT
from tests.ui.conftest import Opener, Watched

PAGES = (
    "", "logs", "usage", "router", "playground", "models", "prices", "keys", "teams", "users",
    "budgets", "settings", "audit",
)  # fmt: skip
AXE = ROOT / "ui" / "node_modules" / "axe-core" / "axe.min.js"
PREFIX = "/tools/gate"
STILL = "document.getAnimations().forEach(each => each.cancel())"  # what comes in is faint at first


@pytest.fixture(scope="module", autouse=True)
def traffic(ui_gateway: Gateway) -> None:
    """Something to look at."""
    for model in ("azure-model-router", "nano", "team/nano"):
        ui_gateway.chat(model)
        ui_gateway.stream(model)


def settled(watched: Watched, path: str) -> Any:
    """A page that has loaded what it shows."""
    page = watched.open(path)
    expect(page.locator("[aria-busy=true], .bone, .spin")).to_have_count(0)
    expect(page.get_by_role("alert")).to_have_count(0)
    return page


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_drawn_in_both_themes_for_all_eyes(open_browser: Opener, theme: str) -> None:
    watched = open_browser(theme=theme)
    for path in (*PAGES, "keys?add=1", "models?add=1", "prices?add=1"):
        page = settled(watched, path)
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        expect(page.locator("h1")).to_have_count(1)
        watched.shoot(f"{path.replace('?', '-') or 'overview'}-{theme}")
        if AXE.is_file():  # it comes with `make ui`
            assert audited(page) == [], f"{theme} {path}"


def serious(found: Any) -> list[tuple[str, list[str]]]:
    """What axe found that keeps somebody out."""
    return [
        (each["id"], [node["html"][:160] for node in each["nodes"][:3]])
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]


def test_no_page_is_wider_than_a_phone(open_browser: Opener) -> None:
    watched = open_browser(width=360, height=740)
    for path in PAGES:
        page = settled(watched, path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
        watched.shoot(f"{path or 'overview'}-phone")
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Keys").click()
    expect(page.get_by_role("heading", name="Keys", exact=True)).to_be_visible()


def test_keys_lead_everywhere(watched: Watched) -> None:
    page = watched.open()
    page.keyboard.press("g")
    page.keyboard.press("l")
    expect(page.get_by_role("heading", name="Logs", exact=True)).to_be_visible()
    page.keyboard.press("?")
    shown = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(shown).to_be_visible()
    page.keyboard.press("Escape")
    expect(shown).to_have_count(0)
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="A page").fill("budg")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Budgets", level=1, exact=True)).to_be_visible()
    before = page.evaluate("document.documentElement.dataset.theme")
    page.keyboard.press("d")
    assert page.evaluate("document.documentElement.dataset.theme") != before
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") != before


def test_the_log_is_walked_with_keys(watched: Watched) -> None:
    page = settled(watched, "logs")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    second = page.locator(".log-row[aria-rowindex='2']").get_attribute("id")
    drawer = page.get_by_role("dialog")
    expect(drawer).to_be_visible()
    assert second is not None
    assert second.removeprefix("row-") in page.url
    page.keyboard.press("k")
    expect(page.locator(".log-row[aria-rowindex='1']")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)


def test_a_filter_is_in_the_address_and_new_calls_come_in_live(
    watched: Watched, ui_gateway: Gateway
) -> None:
    page = settled(watched, "logs?model=nano&live=1")
    wanted = ui_gateway.chat("nano")[2]["x-faregate-call-id"]
    other = ui_gateway.chat("azure-model-router")[2]["x-faregate-call-id"]
    expect(page.locator(f"#row-{wanted}")).to_be_visible()
    expect(page.locator(f"#row-{other}")).to_have_count(0)
    page.get_by_role("button", name="Without Requested model nano").click()
    expect(page.locator(f"#row-{other}")).to_be_visible()
    assert "model=" not in page.url


def test_times_are_those_of_the_chosen_zone(watched: Watched, ui_gateway: Gateway) -> None:
    page = settled(watched, "logs")
    time = page.locator(".log-rows time").first
    local = time.inner_text()
    page.evaluate("localStorage.setItem('faregate.zone', 'UTC')")
    page.reload()
    expect(time).not_to_have_text(local)
    assert "UTC" in (time.get_attribute("title") or "")


@pytest.fixture(scope="module")
def prefixed(ui_gateway: Gateway) -> Iterator[str]:
    """A proxy that serves the gateway below a prefix, which it takes away."""

    class Proxy(BaseHTTPRequestHandler):
        def forward(self) -> None:
            if not self.path.startswith(f"{PREFIX}/"):
                self.send_error(404)
                return
            length = int(self.headers.get("content-length") or 0)
            upstream = http.client.HTTPConnection("127.0.0.1", ui_gateway.port, timeout=30)
            body = self.rfile.read(length) if length else None
            path = self.path.removeprefix(PREFIX)
            with contextlib.closing(upstream):
                upstream.request(self.command, path, body, dict(self.headers))
                answer = upstream.getresponse()
                data = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # a page that is left wants no more
                self.wfile.write(data)

        do_GET = do_POST = do_DELETE = do_PATCH = forward  # noqa: N815 - what the server calls

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("path", ["", "logs?model=nano"])
def test_it_works_below_any_path(open_browser: Opener, prefixed: str, path: str) -> None:
    watched = open_browser(home=prefixed)
    page = settled(watched, path)
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Prices").click()
    expect(page.get_by_role("heading", name="Prices", exact=True)).to_be_visible()
    assert page.url == f"{prefixed}/ui/prices"
    page.reload()
    expect(page.get_by_role("heading", name="Prices", exact=True)).to_be_visible()
    without_slash = page.goto(f"{prefixed}/ui")
    assert without_slash is not None
    assert page.url == f"{prefixed}/ui/"


def test_what_opens_on_a_page_is_for_all_eyes(open_browser: Opener) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core comes with `make ui`")
    watched = open_browser("")
    watched.page.goto(f"{watched.home}/ui/")
    watched.page.get_by_label("Key").wait_for()
    opened = {"sign in": audited(watched.page)}
    page = settled(open_browser(), "playground?model=nano&prompt=hello")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("nano")
    expect(page.get_by_role("option", name="Calls of model")).to_be_visible()
    opened["palette"] = audited(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Code").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    opened["code"] = audited(page)
    page = settled(open_browser(), "logs")
    for menu in ("Filter", "Export"):
        page.get_by_role("button", name=menu, exact=True).click()
        opened[menu] = audited(page)
        page.keyboard.press("Escape")
    for theme in ("light", "dark"):
        page = settled(open_browser(theme=theme), "usage")
        chart = page.get_by_role("application")
        chart.focus()
        for pressed in ("ArrowRight", "ArrowUp"):
            page.keyboard.press(pressed)
        expect(chart.get_by_role("status")).to_contain_text("chosen: ")
        opened[f"a chart in {theme}"] = audited(page)
    assert {name: found for name, found in opened.items() if found} == {}


def audited(page: Any) -> list[tuple[str, list[str]]]:
    """What axe finds serious on a page as it is."""
    page.evaluate(STILL)
    page.evaluate(AXE.read_text("utf-8"))
    return serious(page.evaluate("axe.run(document, {resultTypes: ['violations']})"))


def test_a_menu_gives_the_focus_back(watched: Watched) -> None:
    page = settled(watched, "logs")
    trigger = page.get_by_role("button", name="Filter", exact=True)
    trigger.focus()
    page.keyboard.press("Enter")
    expect(trigger).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Enter")
    page.keyboard.type("nano")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Without Requested model nano")).to_be_visible()
    expect(trigger).to_be_focused()
    expect(trigger).to_have_attribute("aria-expanded", "false")
