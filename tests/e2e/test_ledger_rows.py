"""Every admitted call leaves exactly one row, and the rows say what the resource billed."""

import asyncio
import re
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench import kills, proof
from faregate.money import parse_usd
from tests.e2e import ledgers, lives, wire
from tests.e2e.lives import Life, entry
from tests.e2e.processes import Emulator
from tests.store.ledgers import own_schema, server_answers

ROUTER = "azure-model-router"


def config(emulator: Emulator, slow: Emulator | None = None, **general: object) -> str:
    """A router that is not retried, one with a reserve behind it, and a slow model."""
    found = [
        entry(ROUTER, f"model_router/{ROUTER}", emulator.url, max_retries=0),
        entry("nano", "gpt-4.1-nano", emulator.url, max_retries=0),
        entry("backed", "model_router/first-router", emulator.url, max_retries=0),
        entry("reserve", "model_router/second-router", emulator.url, max_retries=0),
        entry("text-embedding-3-small", "text-embedding-3-small", emulator.url),
    ]
    if slow is not None:
        found.append(entry("slow", "gpt-4.1-mini", slow.url, max_retries=0))
    router = {"disable_cooldowns": True, "fallbacks": [{"backed": ["reserve"]}]}
    return lives.config(*found, router=router, general=general)


def test_mixed_traffic(emulator: Emulator, tmp_path: Path) -> None:
    ids = []
    with lives.started(tmp_path, config(emulator)) as life:
        for number in range(24):
            model = (ROUTER, "nano", "backed")[number % 3]
            status, _, headers = life.ask_model(model, stream=bool(number % 2))
            assert status == 200
            ids.append(headers["x-faregate-call-id"])
        body = {"model": "text-embedding-3-small", "input": ["one", "two"]}
        assert life.ask("POST", "/v1/embeddings", body, life.bearer)[0] == 200
        emulator.fault("serve;model=gpt-9-mystery")
        assert life.ask_model(ROUTER)[0] == 200
        # Not admitted, so without a row.
        assert life.ask_model("nobody")[0] == 404
        assert life.ask("POST", "/v1/chat/completions", b"{", life.bearer)[0] == 400
        assert life.ask("POST", "/v1/chat/completions", {"model": ROUTER})[0] == 401
        ledgers.wait_until_stored(life)
        receipts = [life.receipt(call_id) for call_id in ids]
    entries = ledgers.adds_up(ledgers.rows(tmp_path), 26)
    ledgers.agrees(entries, emulator)
    ledgers.no_journal_is_left(tmp_path)
    by_id = {each.row.call_id: each for each in entries}
    for receipt in receipts:
        kept = by_id[receipt["call_id"]]
        assert kept.total == (receipt["total"] and parse_usd(receipt["total"]))
        assert kept.row.key == "master"
    assert Counter(each.status for each in entries) == {"priced": 25, "unpriced": 1}


def test_clients_that_leave(emulator: Emulator, slow_emulator: Emulator, tmp_path: Path) -> None:
    with lives.started(tmp_path, config(emulator, slow_emulator)) as life:

        def leave(number: int) -> None:
            with wire.Raw(life.port) as client:
                body = wire.chat("slow", lives.PROMPT, stream=True)
                client.send(wire.request(life, body))
                client.until(b"data: ", times=1 + number % 5)
                client.abort()

        ledgers.at_once(12, leave)
        wire.soon(lambda: life.total("faregate_requests_total") == 12)
    entries = ledgers.adds_up(ledgers.rows(tmp_path), 12)
    ledgers.agrees(entries, slow_emulator)
    assert {each.row.outcome for each in entries} == {"cancelled"}
    assert {each.status for each in entries} == {"priced"}


def test_faults_and_fallbacks(emulator: Emulator, tmp_path: Path) -> None:
    unbilled = ("500", "429;after=1", "reset", "throttle-in-stream", "html-200", "empty-200")
    billed = ("bad-json", "truncate", "reset-in-body")
    calls = 0
    with lives.started(tmp_path, config(emulator)) as life:
        for fault in unbilled:
            for stream in (False, True):
                emulator.fault(fault, "first-router")
                assert life.ask_model("backed", stream=stream)[0] == 200
                calls += 1
        emulator.fault("content-filter")
        assert life.ask_model(ROUTER)[0] == 400
        ledgers.wait_until_stored(life)
        entries = ledgers.adds_up(ledgers.rows(tmp_path), calls + 1)
        ledgers.agrees(entries, emulator)
        refused = next(each for each in entries if each.row.outcome == "failed")
        assert (refused.status, refused.total, refused.row.receipt) == ("unbilled", 0, None)
        emulator.reset()
        for fault in billed:
            emulator.fault(fault, "first-router")
            assert life.ask_model("backed")[0] == 200
    new = ledgers.adds_up(ledgers.rows(tmp_path), calls + 4)[:3]
    # A model was at work on the first attempt of each, and is paid: two charges, one row. Which
    # model the router had chosen was never said.
    assert emulator.meter()["total"]["calls"] == 6
    for each in new:
        receipt = each.row.receipt
        assert receipt is not None
        assert [charge.deployment for charge in receipt.charges] == [
            attempt.deployment for attempt in each.row.attempts
        ]
        assert [charge.status for charge in receipt.charges] == ["unpriced", "priced"]
        assert each.total is None
        assert each.spend > receipt.charge.total  # type: ignore[operator]
        assert each.row.fallbacks == 1


def test_sigterm_under_load(emulator: Emulator, tmp_path: Path) -> None:
    seen: list[str] = []
    once = threading.Lock()
    with lives.started(tmp_path, config(emulator)) as life:

        def ask(number: int) -> None:
            while True:
                try:
                    _, _, headers = life.ask_model("nano", stream=bool(number % 2))
                except OSError:
                    return
                if "x-faregate-call-id" not in headers:
                    return  # it is stopping
                seen.append(headers["x-faregate-call-id"])
                if len(seen) >= 60 and once.acquire(blocking=False):
                    life.signal(signal.SIGTERM)

        ledgers.at_once(6, ask)
        assert life.stopped() == 0
    entries = ledgers.adds_up(ledgers.rows(tmp_path), len(seen))
    assert {each.row.call_id for each in entries} == set(seen)
    assert {each.row.outcome for each in entries} == {"completed"}
    ledgers.agrees(entries, emulator)
    ledgers.no_journal_is_left(tmp_path)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_two_workers(emulator: Emulator, tmp_path: Path, kind: str) -> None:
    schema = own_schema()
    if kind == "postgres" and not asyncio.run(server_answers()):
        pytest.skip("no PostgreSQL answers at FAREGATE_TEST_POSTGRES or 127.0.0.1:5432")
    loop = asyncio.new_event_loop()
    url = loop.run_until_complete(schema.__aenter__()) if kind == "postgres" else ""
    general: dict[str, Any] = {"database_url": url} if url else {}
    try:
        with lives.started(tmp_path, config(emulator, **general), "--num_workers", "2") as life:
            seen = _many(life)
            # Whichever worker is asked: the call is the other one's as often as not.
            for call_id in seen[:6]:
                for _ in range(6):
                    assert wire.soon(lambda: _receipt(life, call_id))  # noqa: B023
        entries = ledgers.adds_up(ledgers.rows(tmp_path, url), len(seen))
        assert {each.row.call_id for each in entries} == set(seen)
        ledgers.agrees(entries, emulator)
        ledgers.no_journal_is_left(tmp_path)
    finally:
        if url:
            loop.run_until_complete(schema.__aexit__(None, None, None))
        loop.close()


def _receipt(life: Life, call_id: str) -> bool:
    status, _ = life.get(f"/v1/receipts/{call_id}", **life.bearer)
    return status == 200


def _many(life: Life) -> list[str]:
    """Ids of calls on many connections, so that both workers have some."""
    seen: list[str] = []

    def ask(_: int) -> None:
        for _ in range(5):
            status, _, headers = life.ask_model("nano")
            assert status == 200
            seen.append(headers["x-faregate-call-id"])

    ledgers.at_once(8, ask)
    return seen


def test_killed_under_load() -> None:
    found = kills.prove(5, least=10, most=80)
    assert found.wrong == []
    assert found.answered >= 50
    assert found.rows >= found.answered
    assert any(re.match("killed with SIGKILL under load: 5 times", x) for x in proof.report(found))
