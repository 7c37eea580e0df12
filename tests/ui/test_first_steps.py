"""The first page of a gateway that nobody has used."""

from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.e2e import processes, wire
from tests.e2e.processes import Emulator
from tests.ui.conftest import Opener


def test_a_gateway_without_models_leads_to_the_first_one(
    open_browser: Opener, ui_emulator: Emulator, tmp_path: Path
) -> None:
    with processes.gateway(tmp_path, "model_list: []\n") as running:
        watched = open_browser(home=running.url)
        page = watched.open("playground")
        expect(page.get_by_role("link", name="Add a model")).to_be_visible()
        expect(page.get_by_label("Prompt", exact=True)).not_to_be_visible()
        page = watched.open()
        page.get_by_role("link", name="Add a model").click()
        form = page.get_by_role("dialog")
        form.get_by_label("Deployment name").fill("model-router")
        form.get_by_label("Endpoint").fill(f"{ui_emulator.url}/openai/v1")
        form.get_by_label("Key", exact=True).fill("emulator-key")
        form.get_by_role("button", name="Add", exact=True).click()
        expect(form).to_have_count(0)
        page.get_by_role("link", name="Overview").click()
        expect(page.locator("pre")).to_contain_text('"model":"model-router"')


def test_a_viewer_is_asked_for_nothing_that_only_others_may_do(
    open_browser: Opener, ui_emulator: Emulator, tmp_path: Path
) -> None:
    with processes.gateway(tmp_path, "model_list: []\n") as running:
        viewer = {"name": "viewer", "role": "viewer"}

        def make() -> Any:
            """The key, once the ledger's database is open."""
            status, made, _ = running.ask("POST", "/api/keys", viewer, running.bearer)
            return made if status == 201 else None

        made = wire.soon(make)
        watched = open_browser(made["secret"], home=running.url)
        for path in ("models", "keys", "prices", "budgets"):
            page = watched.open(f"{path}?add=1")
            expect(page.locator("[aria-busy=true], .bone")).to_have_count(0)
            expect(page.get_by_role("dialog")).to_have_count(0)
