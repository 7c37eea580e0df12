"""The day of traffic of the demo: real answers of the emulator, consistent in the ledger."""

import asyncio
import time
from pathlib import Path

from faregate.cli.demo_day import seed
from faregate.emulator.config import DEFAULT_KEY
from faregate.emulator.serve import running_emulator
from faregate.store.places import store_at
from faregate.store.protocol import Filter


async def test_every_call_was_served_and_adds_up(tmp_path: Path) -> None:
    with running_emulator() as url:
        made = await asyncio.to_thread(seed, f"{url}/openai/v1", DEFAULT_KEY, tmp_path, 60)
    store = store_at("", tmp_path)
    await store.open()
    try:
        page = await store.rows(Filter(), limit=100)
        (total,) = await store.spend(())
    finally:
        await store.close()
    assert made.calls == len(page.entries) == total.calls == 60
    assert {each.model for each in made.callers} == {"azure-model-router", "nano"}
    assert total.spend == sum(each.spend for each in page.entries) > 0
    assert total.unpriced == 0
    now = time.time()
    for each in page.entries:
        row = each.row
        assert now - 90_000 < row.started < now
        assert row.key
        assert row.team
        if row.receipt is not None:
            assert row.receipt.total == sum(line.amount for line in row.receipt.lines)
            assert row.receipt.charge.deployment == row.deployment
