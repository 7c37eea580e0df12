"""Whose days the dashboard is told of, also while the ledger cannot say."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from faregate import office as offices
from faregate.admin.ui import Zone
from faregate.config.settings import General, Settings
from faregate.errors import ServiceUnavailableError
from faregate.office import Office
from faregate.store.memory import MemoryStore


def office(ledger: Any, stated: str = "") -> Office:
    settings = Settings(general=General(reporting_time_zone=stated))
    app: Any = SimpleNamespace(snapshot=SimpleNamespace(settings=settings))
    nobody: Any = None
    return Office(app, nobody, ledger, nobody, nobody, lambda: "")


async def test_the_ledger_says_whose_days_they_are() -> None:
    store = MemoryStore()
    await store.open()
    await store.keep_days_in("Europe/Berlin")
    await store.move_days()
    ledger = SimpleNamespace(store=lambda: store)
    assert await office(ledger, "Asia/Tokyo").zone() == Zone("Europe/Berlin")


async def test_while_it_does_not_answer_the_zone_is_the_stated_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def closed() -> Any:
        raise ServiceUnavailableError("not open yet")

    class Slow(MemoryStore):
        async def calendar(self) -> Any:
            await asyncio.Event().wait()

    monkeypatch.setattr(offices, "_ZONE_PATIENCE", 0.001)
    for ledger in (None, SimpleNamespace(store=closed), SimpleNamespace(store=Slow)):
        assert await office(ledger, "Asia/Tokyo").zone() == Zone("Asia/Tokyo")
        assert await office(ledger).zone() == Zone("UTC")
