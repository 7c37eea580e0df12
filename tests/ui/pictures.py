"""The pictures of the dashboard in the documents: ``make pictures``.

They show calls that were made for them: keys of three teams call an emulated resource through a
gateway for some seconds, and some of their rows are entered again on the days before. Written to
``docs/pictures``.
"""

import asyncio
import base64
import random
import secrets
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from msgspec import structs
from playwright.sync_api import Page, sync_playwright

from faregate.store.places import store_at
from faregate.store.protocol import Filter
from faregate.types import Row
from tests.e2e import processes, wire
from tests.e2e.processes import MASTER_KEY, Emulator, Gateway
from tests.house.samples import ROOT
from tests.ui.conftest import BROWSERS

WHERE = ROOT / "docs" / "pictures"
CALLS = 500
_MODELS = {
    "azure-model-router": "azure_ai/model_router/azure-model-router",
    "cheapest": "azure_ai/model_router/cost-router",
    "nano": "azure_ai/gpt-4.1-nano",
    "gpt-5-mini": "azure_ai/gpt-5-mini",
}
_SHARES = (9, 4, 2, 3)
_DAYS_BEFORE = (0.4, 0.35, 0.9, 0.8, 0.85, 0.7)
"""The share of the calls on each, from yesterday backwards: a weekend among them."""
_KEYS = (
    ("search-prod", "search", "40", 6),
    ("search-staging", "search", "15", 2),
    ("helpdesk-bot", "support", "20", 4),
    ("eval-nightly", "research", "60", 5),
    ("notebooks", "research", "15", 2),
)
_PROMPTS = (
    "What is the capital of Denmark?",
    "Summarise the tariff. " + "A journey that begins before midnight is of that day. " * 60,
    "Prove that the sum of two odd numbers is even.",
    "Which chapters speak of refunds? " + "Chapter: refunds, exceptions and proofs. " * 200,
    "Write a haiku about a turnstile.",
)
_AS_WEBP = """async (text) => {
    const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes]));
    const canvas = new OffscreenCanvas(image.width, image.height);
    canvas.getContext("2d").drawImage(image, 0, 0);
    const blob = await canvas.convertToBlob({ type: "image/webp", quality: 0.84 });
    let found = "";
    for (const each of new Uint8Array(await blob.arrayBuffer())) found += String.fromCharCode(each);
    return btoa(found);
}"""


def config(base: str) -> str:
    """A configuration of the models, all of one resource."""
    entries = (
        f"  - model_name: {name}\n"
        f"    params: {{model: {model}, api_base: {base}, api_key: emulator-key}}\n"
        for name, model in _MODELS.items()
    )
    return "model_list:\n" + "".join(entries)


def seed(gateway: Gateway, emulator: Emulator, rng: random.Random) -> None:
    """Teams, keys and their calls, a few of them unlucky."""

    def make(path: str, **fields: Any) -> Any:
        status, found, _ = gateway.ask("POST", path, fields, gateway.bearer)
        assert status == 201, found
        return found

    for team in ("search", "support", "research"):
        make("/api/teams", id=team, name=team.title(), budgets=[{"limit": "500", "window": "1mo"}])
    secrets = []
    for name, team, limit, _ in _KEYS:
        budgets = [{"limit": limit, "window": "1d"}]
        secrets.append(make("/api/keys", name=name, team=team, budgets=budgets)["secret"])
    weights = [weight for *_, weight in _KEYS]

    def call(number: int) -> None:
        body = {
            "model": rng.choices(list(_MODELS), _SHARES)[0],
            "messages": [{"role": "user", "content": rng.choice(_PROMPTS)}],
            "stream": rng.random() < 0.5,
            "max_completion_tokens": 500,
        }
        if number % 90 == 40:
            emulator.fault("serve;model=gpt-9-mystery", "cost-router")
        headers = {"authorization": f"Bearer {rng.choices(secrets, weights)[0]}"}
        gateway.ask("POST", "/v1/chat/completions", body, headers)

    with ThreadPoolExecutor(6) as several:
        list(several.map(call, range(CALLS)))


async def fill_days_before(data_dir: Path, rng: random.Random) -> None:
    """Enter what was served again on the six days before, on some of them more than on others."""
    store = store_at("", data_dir)
    await store.open()
    try:
        found = await store.rows(Filter(), limit=CALLS)
        for days, share in enumerate(_DAYS_BEFORE, 1):
            rows = [each.row for each in found.entries if rng.random() < share]
            await store.append([_earlier(row, days * 86_400.0) for row in rows])
    finally:
        await store.close()


def _earlier(row: Row, seconds: float) -> Row:
    at = row.started - seconds
    name = f"call_{int(at * 1000):012x}{secrets.token_hex(8)}"
    receipt = row.receipt
    if receipt is not None:
        charges = tuple(structs.replace(each, at=each.at - seconds) for each in receipt.charges)
        receipt = structs.replace(receipt, call_id=name, charges=charges)
    return structs.replace(
        row,
        call_id=name,
        request_id=name,
        started=at,
        first_byte=None if row.first_byte is None else row.first_byte - seconds,
        ended=row.ended - seconds,
        receipt=receipt,
    )


def take(page: Page, home: str) -> None:
    """The pictures."""

    def shoot(name: str, path: str, *, press: str = "", wait: str = "h1") -> None:
        page.goto(f"{home}/ui/{path}")
        page.wait_for_selector("h1")
        page.wait_for_load_state("networkidle")
        if press:
            page.click(press)
        page.wait_for_selector(wait)
        page.wait_for_timeout(300)  # what slides in has arrived
        picture = base64.b64encode(page.screenshot()).decode()
        made = page.evaluate(_AS_WEBP, picture)  # a quarter of the size
        (WHERE / f"{name}.webp").write_bytes(base64.b64decode(made))

    shoot("overview", "?days=7")
    query = "model=azure-model-router&outcome=completed&status=priced&limit=1"
    call = page.request.get(f"{home}/api/calls?{query}").json()["data"][0]
    shoot("receipt", f"logs?call={call['call_id']}", wait="[data-testid=receipt]")
    shoot("router", "router?days=7")
    asked = "model=azure-model-router&model=gpt-5-mini&prompt=What+does+a+turnstile+count%3F"
    run, done = "button[type=submit]", ".lane + .lane .receipt"
    shoot("playground", f"playground?{asked}", press=run, wait=done)


def main() -> None:
    """Make them."""
    chromium = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if chromium is None:
        sys.exit("there is no Chromium on this machine")
    WHERE.mkdir(parents=True, exist_ok=True)
    routers = ("--deployment", "cost-router=model-router:cost")
    with (
        tempfile.TemporaryDirectory() as directory,
        processes.emulator(Path(directory), "--latency", "40,2", *routers) as emulator,
        processes.gateway(Path(directory), config(f"{emulator.url}/openai/v1/")) as gateway,
    ):
        seed(gateway, emulator, random.Random(7))
        wire.soon(lambda: gateway.get("/health/readiness")[1]["ledger"]["pending_rows"] == 0)
        asyncio.run(fill_days_before(Path(directory) / "state", random.Random(7)))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            answer = context.request.post(f"{gateway.url}/api/session", data={"key": MASTER_KEY})
            assert answer.ok, answer.text()
            take(context.new_page(), gateway.url)
            browser.close()


if __name__ == "__main__":
    main()
