"""How fast the dashboard is on a ledger of a million calls: ``python -m tests.ui.figures``.

A fresh browser each time, so nothing is cached; each figure is the median of five. ``--keep DIR``
fills the ledger once and uses it again. Beside the milliseconds stand the requests to the API and
the milliseconds of script: on a busy machine those two say more.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct
from playwright.sync_api import Browser, CDPSession, Page, Request, sync_playwright

from bench.store import a_row, fill_log, fill_roll_ups
from faregate.admin.ui import STATIC
from faregate.store.places import store_at
from tests.e2e import processes
from tests.e2e.processes import MASTER_KEY, Gateway
from tests.ui.conftest import BROWSERS

CALLS = 1_000_000
ROUNDS = 5
REST = 300
"""Milliseconds a person rests between two deeds."""
_CONFIG = """
model_list:
  - model_name: main
    params: {model: azure_ai/model_router/main, api_base: http://127.0.0.1:9, api_key: unused-here}
    model_info: {id: main-0}
"""
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
_BEGIN = """() => {
    window.found = 0;
    let begin = 0;
    const look = () => {
        if (%s) window.found = performance.now() - begin;
        else requestAnimationFrame(look);
    };
    const acted = () => {
        if (begin) return;
        begin = performance.now();
        requestAnimationFrame(look);
    };
    for (const kind of ["pointerdown", "keydown"])
        addEventListener(kind, acted, {once: true, capture: true});
}"""


class Deed(Struct, frozen=True):
    """What a person does, and how it is seen that it is done: an expression of the page."""

    title: str
    do: Callable[[Page], None]
    there: str
    was: str = "null"
    """What ``there`` may compare with, as it is before the deed."""


class Cost(Struct, frozen=True):
    """What a deed took."""

    milliseconds: float
    requests: int
    script: float


async def fill(directory: Path) -> None:
    """A ledger of so many calls, over ninety days."""
    store = store_at("", directory)
    await store.open()
    now = time.time()
    await store.append([a_row(number, now - number) for number in range(1000)])
    await store.close()
    await asyncio.to_thread(fill_log, directory / "ledger.sqlite3", CALLS)
    await asyncio.to_thread(fill_roll_ups, directory / "ledger.sqlite3", CALLS)


def _to(title: str) -> Callable[[Page], None]:
    return lambda page: page.click(f"nav[aria-label=Pages] a:has-text('{title}')")


def _has(selector: str) -> str:
    return f'document.querySelector("{selector}")'


def _drawn(title: str) -> str:
    """A page that has what it shows."""
    return (
        f"{_has('h1')}?.textContent === '{title}' && {_has('main .card, main .empty, main table')}"
        f" && !{_has('.bone, main [aria-busy=true]')}"
    )


_KEY = "dialog .facts a[title='All calls of this key']"
_SUM = ".usage .sum .money[data-amount]"
_NARROWED = """(() => {
    const cells = [...document.querySelectorAll(".log-rows .log-row > :nth-child(4)")];
    return cells.length > 10 && cells.every(each => each.textContent === window.was);
})()"""
DEEDS = (
    Deed("overview to logs", _to("Logs"), _has(".log-rows .log-row")),
    Deed(
        "a call opened",
        lambda page: page.locator(".log-rows .log-row").nth(3).click(),
        _has("[data-testid=receipt]"),
    ),
    Deed(
        "the next call",
        lambda page: page.keyboard.press("j"),
        f"{_has('dialog h2')}?.textContent !== window.was && {_has('[data-testid=receipt]')}",
        f"{_has('dialog h2')}.textContent",
    ),
    Deed(
        "the log narrowed to its key",
        lambda page: page.click(_KEY),
        _NARROWED,
        f"{_has(_KEY)}.textContent",
    ),
    Deed("logs to usage", _to("Usage"), _has(".usage .sum")),
    Deed(
        "usage drilled into a model",
        lambda page: page.locator(".usage tbody a").first.click(),
        "[...document.querySelectorAll('.usage tbody td:first-child')]"
        ".some(each => each.textContent.startsWith('key-'))",
    ),
    Deed(
        "usage of other days",
        lambda page: page.click("[aria-label=Range] :text-is('7 days')"),
        f"{_has(_SUM)}?.dataset.amount !== window.was",
        f"{_has(_SUM)}.dataset.amount",
    ),
    Deed("usage to router", _to("Router"), _has(".router-figures")),
    Deed(
        "the palette",
        lambda page: page.keyboard.press("Control+k"),
        _has("dialog.palette[open] .item"),
    ),
    Deed("router to keys", _to("Keys"), _drawn("Keys")),
    Deed("keys to models", _to("Models"), _drawn("Models")),
    Deed("models to prices", _to("Prices"), _drawn("Prices")),
    Deed("prices to budgets", _to("Budgets"), _drawn("Budgets")),
    Deed("budgets to settings", _to("Settings"), _drawn("Settings")),
    Deed("settings to the audit log", _to("Audit log"), _drawn("Audit log")),
    Deed("back to the overview", _to("Overview"), _has(".tile")),
)


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


def took(page: Page, devtools: CDPSession, deed: Deed) -> Cost:
    """From the pointer or key going down until it is there, by the page's clock; requests and
    script also of the moment after it."""
    requests: list[str] = []

    def asked(request: Request) -> None:
        if "/api/" in request.url:
            requests.append(request.url)

    page.on("request", asked)
    page.evaluate(f"window.was = {deed.was}")
    page.evaluate(_BEGIN % deed.there)
    before = _script(devtools)
    deed.do(page)
    page.wait_for_function("() => window.found > 0")  # a text would need eval
    page.wait_for_timeout(REST)
    page.remove_listener("request", asked)
    return Cost(float(page.evaluate("window.found")), len(requests), _script(devtools) - before)


def _script(devtools: CDPSession) -> float:
    """Milliseconds the page has spent in script, styles and layout."""
    found = {
        each["name"]: each["value"] for each in devtools.send("Performance.getMetrics")["metrics"]
    }
    kinds = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
    return sum(float(found[kind]) for kind in kinds) * 1000


def acting(browser: Browser, home: str) -> list[Cost]:
    """What a person does, one thing after another, in a browser that has not been there before."""
    context = browser.new_context(viewport={"width": 1360, "height": 860})
    context.request.post(f"{home}/api/session", data={"key": MASTER_KEY})
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("Performance.enable")
    page.goto(f"{home}/ui/")
    page.wait_for_selector(".tile")
    page.wait_for_timeout(REST)
    found = []
    for deed in DEEDS:
        found.append(took(page, devtools, deed))
        if deed.title == "the palette":
            page.keyboard.press("Escape")
    context.close()
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


def measured(browser: Browser, gateway: Gateway, rounds: int) -> dict[str, float | str]:
    """All figures."""
    gateway.get("/api/overview", **gateway.bearer)  # the admin's part is loaded once
    pages = {"": ".tile", "logs": ".log-rows .log-row", "usage": ".usage .sum"}
    figures: dict[str, float | str] = {}
    for path, there in pages.items():
        runs = [opened(browser, gateway.url, path, there) for _ in range(rounds)]
        title = path or "overview"
        figures[f"{title}: first paint, ms"] = statistics.median(run[0] for run in runs)
        figures[f"{title}: with its figures, ms"] = statistics.median(run[1] for run in runs)
    walks = [acting(browser, gateway.url) for _ in range(rounds)]
    for deed, costs in zip(DEEDS, zip(*walks, strict=True), strict=True):
        wall = statistics.median(each.milliseconds for each in costs)
        script = statistics.median(each.script for each in costs)
        requests = statistics.median(each.requests for each in costs)
        worst = max(each.milliseconds for each in costs)
        figures[deed.title] = (
            f"{wall:.0f} ms (worst {worst:.0f}), {requests:.0f} requests, {script:.0f} ms of script"
        )
    return figures


def main() -> None:
    """Measure, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="a directory where the filled ledger stays")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    chromium = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if chromium is None:
        sys.exit("there is no Chromium on this machine")
    with ExitStack() as stack:
        directory: Path = asked.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if not (directory / "state" / "ledger.sqlite3").exists():
            (directory / "state").mkdir(parents=True, exist_ok=True)
            asyncio.run(fill(directory / "state"))
        gateway = stack.enter_context(processes.gateway(directory, _CONFIG))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        figures = measured(browser, gateway, asked.rounds) | sizes()
        browser.close()
    rounded = {k: round(v, 1) if isinstance(v, float) else v for k, v in figures.items()}
    print(json.dumps(rounded, indent=2))


if __name__ == "__main__":
    main()
