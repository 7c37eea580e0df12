"""How fast the dashboard is on a ledger of a million calls: ``python -m tests.ui.figures``.

A fresh browser each time, so nothing is cached; each figure is the median of five.
"""

import asyncio
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from bench.store import a_row, fill_log, fill_roll_ups
from faregate.admin.ui import STATIC
from faregate.store.places import store_at
from tests.e2e import processes
from tests.e2e.processes import MASTER_KEY
from tests.ui.conftest import BROWSERS

CALLS = 1_000_000
ROUNDS = 5
_CONFIG = """
model_list:
  - model_name: main
    params: {model: azure_ai/model_router/main, api_base: http://127.0.0.1:9, api_key: unused-here}
"""
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


async def fill(directory: Path) -> None:
    """A ledger of so many calls, over ninety days."""
    store = store_at("", directory)
    await store.open()
    now = time.time()
    await store.append([a_row(number, now - number) for number in range(1000)])
    await store.close()
    await asyncio.to_thread(fill_log, directory / "ledger.sqlite3", CALLS)
    await asyncio.to_thread(fill_roll_ups, directory / "ledger.sqlite3", CALLS)


def opened(browser: Browser, home: str, path: str, there: str) -> tuple[float, float]:
    """Milliseconds until something is painted, and until ``there`` is, in a fresh browser."""
    context = browser.new_context(viewport={"width": 1360, "height": 860})
    context.request.post(f"{home}/api/session", data={"key": MASTER_KEY})
    page = context.new_page()
    page.goto(f"{home}/ui/{path}", wait_until="commit")
    page.wait_for_selector(there)
    whole = page.evaluate("performance.now()")
    paint = page.evaluate(_PAINT)
    context.close()
    return float(paint), float(whole)


def took(page: Page, do: Callable[[], None], there: str) -> float:
    """Milliseconds from an action until ``there`` is in the page, by the page's clock."""
    page.evaluate(
        """there => {
            window.found = 0;
            let begin = 0;
            const look = () => {
                if (document.querySelector(there)) window.found = performance.now() - begin;
                else requestAnimationFrame(look);
            };
            const clicked = () => {
                begin = performance.now();
                requestAnimationFrame(look);
            };
            addEventListener("click", clicked, {once: true, capture: true});
        }""",
        there,
    )
    do()
    page.wait_for_function("() => window.found > 0")  # a text would need eval
    return float(page.evaluate("window.found"))


def acting(page: Page, home: str) -> dict[str, float]:
    """What a person does, one thing after another."""
    page.goto(f"{home}/ui/")
    page.wait_for_selector(".tile")
    side = "nav[aria-label=Pages]"
    found = {
        "overview to logs": took(
            page, lambda: page.click(f"{side} a:has-text('Logs')"), ".log-rows .log-row"
        )
    }
    row = page.locator(".log-rows .log-row").nth(3)
    found["a call opened"] = took(page, row.click, "[data-testid=receipt]")
    page.keyboard.press("Escape")
    found["logs to usage"] = took(
        page, lambda: page.click(f"{side} a:has-text('Usage')"), ".usage .sum"
    )
    found["usage to keys"] = took(
        page, lambda: page.click(f"{side} a:has-text('Keys')"), ".empty, .table"
    )
    return found


def sizes() -> dict[str, float]:
    """Kilobytes of what the first page loads, compressed by brotli."""
    scripts = [*STATIC.glob("assets/*.js.br")]
    first = [each for each in scripts if "Page-" not in each.name or "OverviewPage" in each.name]
    styles = [*STATIC.glob("assets/index-*.css.br"), *STATIC.glob("assets/OverviewPage-*.css.br")]
    return {
        "scripts of the first page, KB": sum(each.stat().st_size for each in first) / 1000,
        "styles of the first page, KB": sum(each.stat().st_size for each in styles) / 1000,
        "all scripts, KB": sum(each.stat().st_size for each in scripts) / 1000,
    }


def main() -> None:
    """Measure, and print it."""
    chromium = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if chromium is None:
        sys.exit("there is no Chromium on this machine")
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        (directory / "state").mkdir()
        asyncio.run(fill(directory / "state"))
        with processes.gateway(directory, _CONFIG) as gateway, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            gateway.get("/api/overview", **gateway.bearer)  # the admin's part is loaded once
            pages = {"": ".tile", "logs": ".log-rows .log-row", "usage": ".usage .sum"}
            figures: dict[str, float] = {}
            for path, there in pages.items():
                runs = [opened(browser, gateway.url, path, there) for _ in range(ROUNDS)]
                title = path or "overview"
                figures[f"{title}: first paint, ms"] = statistics.median(run[0] for run in runs)
                figures[f"{title}: with its figures, ms"] = statistics.median(
                    run[1] for run in runs
                )
            context = browser.new_context(viewport={"width": 1360, "height": 860})
            context.request.post(f"{gateway.url}/api/session", data={"key": MASTER_KEY})
            page = context.new_page()
            deeds = [acting(page, gateway.url) for _ in range(ROUNDS)]
            for title in deeds[0]:
                figures[f"{title}, ms"] = statistics.median(each[title] for each in deeds)
            browser.close()
    print(json.dumps({k: round(v, 1) for k, v in {**figures, **sizes()}.items()}, indent=2))


if __name__ == "__main__":
    main()
