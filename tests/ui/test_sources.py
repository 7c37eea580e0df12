"""The dashboard's sources: its client is that of the API, and its pieces do what they say."""

import json
import shutil
import subprocess

import pytest

from faregate.admin import ui_openapi
from faregate.admin.ui import STATIC
from tests.house.samples import ROOT

UI = ROOT / "ui"
MOST_FIRST_PAGE = 350_000
"""Bytes of JavaScript, compressed, before the overview is drawn."""


def test_the_client_is_generated_from_the_api_as_it_is() -> None:
    kept = json.loads((UI / "openapi.json").read_text("utf-8"))
    assert kept == ui_openapi.document(), (
        "run `python -m faregate.admin.ui_openapi > ui/openapi.json`"
    )


def test_the_pieces_do_what_they_say() -> None:
    npx = shutil.which("npx")
    if npx is None or not (UI / "node_modules" / "vitest").is_dir():
        pytest.skip("vitest is not installed: `make ui` does, with npm")
    done = subprocess.run(
        [npx, "vitest", "run", "--reporter=dot"],
        cwd=UI,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_first_page_is_small() -> None:
    if not (STATIC / "index.html").is_file():
        pytest.skip("the dashboard is not built: `make ui` does, with npm")
    shared = [each for each in STATIC.glob("assets/*.js") if "Page-" not in each.name]
    first = [*shared, *STATIC.glob("assets/OverviewPage-*.js")]
    sizes = {
        each.name: (packed if (packed := each.with_name(f"{each.name}.gz")).exists() else each)
        .stat()
        .st_size
        for each in first
    }
    assert sum(sizes.values()) < MOST_FIRST_PAGE, sizes
    assert len(list(STATIC.glob("assets/*Page-*.js"))) >= 10, "pages are files of their own"


def test_the_lock_file_names_no_registry() -> None:
    text = (UI / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in text
    assert text.count('"integrity"') > 50


def test_nothing_is_fetched_from_elsewhere() -> None:
    for path in sorted(STATIC.rglob("*")):
        if path.suffix in (".html", ".css"):
            text = path.read_text("utf-8")
            assert "https://" not in text, path
            assert "<script>" not in text, path
            assert "<style" not in text, path
