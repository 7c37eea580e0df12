"""A browser on the dashboard of a real gateway, with an emulated Azure resource behind it."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from faregate.admin.ui import STATIC
from tests.e2e import processes
from tests.e2e.conftest import CONFIG
from tests.e2e.processes import MASTER_KEY, Emulator, Gateway

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
expect.set_options(timeout=15_000)  # a busy machine is not a broken page
SHOTS = os.environ.get("FAREGATE_SCREENSHOTS", "")
"""A directory where pictures are kept; empty: they are not."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium. Skips where there is none, or where the dashboard is not built."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium on this machine")
    if not (STATIC / "index.html").is_file():
        pytest.skip("the dashboard is not built: `make ui` does, with npm")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def ui_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulated Azure resource."""
    with processes.emulator(tmp_path_factory.mktemp("ui-emulator")) as running:
        yield running


@pytest.fixture(scope="session")
def ui_gateway(
    ui_emulator: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway in front of it, for all tests together."""
    config = CONFIG.format(base=ui_emulator.url, slow=ui_emulator.url)
    with processes.gateway(tmp_path_factory.mktemp("ui-gateway"), config) as running:
        for _ in range(200):  # in its first moments it does not know yet which keys are none
            if running.get("/v1/models", authorization="Bearer sk-nobody")[0] == 401:
                break
            time.sleep(0.05)
        yield running


class Watched:
    """A page that must not fail, ask anybody else, or break the policy it is served with."""

    def __init__(self, page: Page, home: str) -> None:
        self.page = page
        self.home = home
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("console", self._heard)
        page.on("request", self._asked)

    def _heard(self, message: object) -> None:
        text = getattr(message, "text", "")
        if getattr(message, "type", "") == "error" and "Failed to load resource" not in text:
            self.problems.append(f"console: {text}")

    def _asked(self, request: object) -> None:
        url = getattr(request, "url", "")
        if not url.startswith((self.home, "data:", "blob:")):
            self.problems.append(f"asked {url}")

    def open(self, path: str = "") -> Page:
        """Go to a page of the dashboard and wait until it is drawn."""
        self.page.goto(f"{self.home}/ui/{path}")
        self.page.wait_for_selector("h1")
        return self.page

    def shoot(self, name: str) -> None:
        """Keep a picture, where that is asked for."""
        if SHOTS:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(SHOTS) / f"{name}.png")


Opener = Callable[..., Watched]


@pytest.fixture
def open_browser(browser: Browser, ui_gateway: Gateway) -> Iterator[Opener]:
    """Make a page: signed in with ``key``, unless it is empty. Every page is checked at the end."""
    contexts: list[BrowserContext] = []
    pages: list[Watched] = []

    def make(
        key: str = MASTER_KEY,
        *,
        home: str = ui_gateway.url,
        theme: str = "light",
        width: int = 1360,
        height: int = 860,
    ) -> Watched:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            timezone_id="Europe/Berlin",
            locale="en-GB",
        )
        context.set_default_timeout(20_000)
        contexts.append(context)
        if key:
            answer = context.request.post(f"{home}/api/session", data={"key": key})
            assert answer.ok, answer.text()
        watched = Watched(context.new_page(), home)
        pages.append(watched)
        return watched

    yield make
    for context in contexts:
        context.close()
    assert [problem for page in pages for problem in page.problems] == []


@pytest.fixture
def watched(open_browser: Opener) -> Watched:
    """A page of somebody who signed in with the master key."""
    return open_browser()
