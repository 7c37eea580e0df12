"""What every test shares."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from faregate.emulator.serve import running_emulator

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session")
def emulator_url() -> Iterator[str]:
    """One emulator for the whole run; tests that queue faults or scripts start their own."""
    with running_emulator() as url:
        yield url


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, base or proxy of the machine's reaches a test."""
    for name in list(os.environ):
        upper = name.upper()
        if upper.startswith(("AZURE_", "OPENAI_", "FAREGATE_")) or upper.endswith(
            ("_PROXY", "_API_KEY", "_API_BASE")
        ):
            monkeypatch.delenv(name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests go last: Playwright keeps an event loop running in this thread, and no other
    test could start its own beside it."""
    items.sort(key=lambda item: "ui" in item.path.parts[-2:-1])
