"""A ledger of a test's own, and the commands that work at it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from click.testing import CliRunner, Result

from faregate.cli import main
from faregate.store.places import store_at
from faregate.store.protocol import Store
from faregate.types import Row

T = TypeVar("T")

CONFIG = """
model_list:
  - model_name: nano
    params: {model: azure_ai/gpt-4.1-nano, api_base: "http://127.0.0.1:9/openai/v1/", api_key: k}
    model_info: {id: nano-eu}
  - model_name: gpt-*
    params: {model: azure_ai/gpt-*, api_base: "http://127.0.0.1:9/openai/v1/", api_key: k}
"""


class Place:
    """A data directory with a ledger."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = directory / "config.yaml"

    def run(self, *words: object, code: int = 0, stdin: str | bytes | None = None) -> Result:
        """A command; it must end with ``code``."""
        given = list(map(str, words))
        if "--config" not in given and "--data-dir" not in given:
            given += ["--data-dir", str(self.directory)]
        found = CliRunner().invoke(main, given, input=stdin)
        assert found.exit_code == code, found.output
        return found

    def says(self, *words: object) -> str:
        """What it prints."""
        return self.run(*words).stdout

    def complains(self, *words: object, code: int = 2) -> str:
        """What it complains of, as one line."""
        return " ".join(self.run(*words, code=code).stderr.split())

    def json(self, *words: object) -> Any:
        """What it prints as JSON."""
        return json.loads(self.says(*words, "--json"))

    def configure(self, more: str = "", **general: object) -> tuple[str, str]:
        """Write a configuration, and give the option that names it."""
        settings = json.dumps({"data_dir": str(self.directory), **general})
        text = f"{CONFIG}general_settings: {settings}\n{more}"
        self.config.write_text(text, "utf-8")
        return "--config", str(self.config)

    def at_store(self, work: Callable[[Store], Awaitable[T]]) -> T:
        """Do something with the database itself."""

        async def run() -> T:
            store = store_at("", self.directory)
            await store.open()
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(run())

    def append(self, *rows: Row) -> None:
        """Calls that were made."""
        self.at_store(lambda store: store.append(rows))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty ledger."""
    found = Place(tmp_path / "state")
    found.append()
    return found
