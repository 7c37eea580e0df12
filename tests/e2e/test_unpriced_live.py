"""A served model without a price: a state that is kept, counted, acted on and filled later."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import lives, wire
from tests.e2e.lives import PROMPT, Life, entry
from tests.e2e.processes import Emulator

ROUTER = "azure-model-router"
MYSTERY, KNOWN = "gpt-9-mystery", "gpt-4.1-nano-2025-04-14"
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}


def config(emulator: Emulator, **general: Any) -> str:
    def routed(name: str, **params: Any) -> dict[str, Any]:
        return entry(name, f"model_router/{ROUTER}", emulator.url, id=name, max_retries=0, **params)

    return lives.config(
        routed("careful", on_unpriced="refuse_next"),
        routed("worst", on_unpriced="worst_case"),
        routed("routed"),
        general=general,
    )


@pytest.fixture
def life(emulator: Emulator, tmp_path: Path) -> Iterator[Life]:
    general = {"store_prompts_in_spend_logs": True, "redact_prompts": [r"\d+ tides"]}
    with lives.started(tmp_path, config(emulator, **general)) as running:
        wire.soon(lambda: running.get("/health/readiness")[1]["ledger"]["database"] == "up")
        yield running


def served(life: Life, emulator: Emulator, model: str, by: str) -> tuple[int, Any, dict[str, str]]:
    emulator.script(by, USAGE, ROUTER)
    return life.ask_model(model)


def add_price(life: Life) -> dict[str, Any]:
    """1 USD a million read, 2 USD said."""
    body = {
        "prices": [
            {"provider": "azure", "model": MYSTERY, "unit": unit, "usd_per_million": price}
            for unit, price in (("input", "1"), ("output", "2"))
        ]
    }
    status, found, _ = life.ask("POST", "/api/prices", body, headers=life.bearer)
    assert status == 201, found
    added: dict[str, Any] = found
    return added


def row(life: Life, call_id: str) -> dict[str, Any]:
    """The call as the admin API has it, once it is in the database."""

    def look() -> dict[str, Any] | None:
        status, found, _ = life.ask("GET", f"/api/calls/{call_id}", headers=life.bearer)
        return found if status == 200 else None

    found: dict[str, Any] = wire.soon(look)
    return found


def test_a_price_learnt_later_fills_the_row_and_opens_the_deployment(
    life: Life, emulator: Emulator
) -> None:
    status, _, headers = served(life, emulator, "careful", MYSTERY)
    assert status == 200
    assert headers["x-faregate-cost-status"] == "unpriced"
    assert "x-faregate-cost" not in headers
    before = row(life, headers["x-faregate-call-id"])
    assert before["receipt"]["status"] == "unpriced"
    status, refused, told = life.ask_model("careful")
    assert (status, refused["error"]["code"]) == (429, "unpriced_model")
    assert told["x-should-retry"] == "false"
    assert life.ask_model("routed")[0] == 200, "other deployments go on"
    added = add_price(life)
    assert added["fill"]["filled"] == 1
    after = row(life, headers["x-faregate-call-id"])
    # 1,000 × (1 + 0.14) and 100 × 2 USD a million
    assert (after["receipt"]["status"], after["receipt"]["total"]) == ("priced", "0.00134")
    assert after["adjustments"][0]["before"]["status"] == "unpriced"
    assert life.ask_model("careful")[0] == 200


def test_the_worst_case_stands_in_for_a_price_that_is_missing(
    life: Life, emulator: Emulator
) -> None:
    """A budget counts what the dearest model would have cost, until the price is there."""
    wanted = {"name": "one", "budgets": [{"limit": "100", "window": "1mo"}]}
    status, made, _ = life.ask("POST", "/api/keys", wanted, headers=life.bearer)
    assert status == 201, made
    bearer = {"authorization": f"Bearer {made['secret']}"}
    emulator.script(MYSTERY, USAGE, ROUTER)
    body = {"model": "worst", "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 100}
    status, _, headers = life.ask("POST", "/v1/chat/completions", body, headers=bearer)
    assert status == 200
    row(life, headers["x-faregate-call-id"])

    def spent() -> float:
        _, me, _ = life.ask("GET", "/api/me", headers=bearer)
        return float(me["budgets"][0]["standing"]["spent"])

    assert spent() > 0.00134, "the dearest model's price, not what little is known"


def test_a_restart_forgets_no_missing_price(emulator: Emulator, tmp_path: Path) -> None:
    """Neither what stands in for one in a budget nor which deployment waits for one."""
    body = {"model": "worst", "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 100}
    with lives.started(tmp_path, config(emulator)) as life:
        wire.soon(lambda: life.get("/health/readiness")[1]["ledger"]["database"] == "up")
        wanted = {"budgets": [{"limit": "100", "window": "1mo"}], "tags": ["t"]}
        _, made, _ = life.ask("POST", "/api/keys", wanted, headers=life.bearer)
        bearer = {"authorization": f"Bearer {made['secret']}"}
        for window in ("1mo", "rolling 1h"):
            tagged = {"scope": "tag", "scope_id": "t", "limit": "100", "window": window}
            assert life.ask("POST", "/api/budgets", tagged, headers=life.bearer)[0] == 201
        emulator.script(MYSTERY, USAGE, ROUTER)
        _, _, headers = life.ask("POST", "/v1/chat/completions", body, headers=bearer)
        row(life, headers["x-faregate-call-id"])
        _, _, headers = served(life, emulator, "careful", MYSTERY)
        row(life, headers["x-faregate-call-id"])
    with lives.started(tmp_path, config(emulator)) as life:
        wire.soon(lambda: life.ask_model("careful")[0] == 429)
        _, me, _ = life.ask("GET", "/api/me", headers=bearer)
        _, found, _ = life.ask("GET", "/api/budgets", headers=life.bearer)
        spent = [each["standing"]["spent"] for each in (*me["budgets"], *found["data"])]
        assert len(spent) == 4
        assert all(float(each) > 0.00134 for each in spent)
        add_price(life)
        assert life.ask_model("careful")[0] == 200
        _, me, _ = life.ask("GET", "/api/me", headers=bearer)
        assert me["budgets"][0]["standing"]["spent"] == "0.00134"


def test_prompts_are_kept_where_that_is_asked_for_and_masked(life: Life) -> None:
    _, _, headers = life.ask_model("routed")
    call_id = headers["x-faregate-call-id"]
    row(life, call_id)

    def kept() -> dict[str, Any] | None:
        status, found, _ = life.ask("GET", f"/api/calls/{call_id}/content", headers=life.bearer)
        return found if status == 200 else None

    found = wire.soon(kept)
    assert "Zanzibar counts [redacted]" in found["prompt"]
    assert "choices" in found["answer"]


def test_a_database_of_a_newer_version_is_refused(emulator: Emulator, tmp_path: Path) -> None:
    with lives.started(tmp_path, config(emulator)) as running:
        wire.soon(lambda: running.get("/health/readiness")[1]["ledger"]["database"] == "up")
    with closing(sqlite3.connect(tmp_path / "state" / "ledger.sqlite3")) as database, database:
        database.execute("UPDATE schema_version SET version_num = 'r9999'")
    with lives.started(tmp_path, config(emulator)) as running:
        wire.soon(lambda: running.get("/health/readiness")[0] == 503)
        status, found, _ = running.ask_model("routed")
        assert (status, found["error"]["code"]) == (503, "ledger_unavailable")
        assert "newer" in found["error"]["message"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://nobody:wrong-hunter2@127.0.0.1:5432/no_such_database", "no_such_database"),
        ("sqlite:////dev/null/ledger.sqlite3", "ledger.sqlite3"),
    ],
)
def test_a_database_that_cannot_be_is_named_and_its_password_is_not(
    emulator: Emulator, tmp_path: Path, url: str, said: str
) -> None:
    with lives.started(tmp_path, config(emulator, database_url=url)) as running:
        wire.soon(lambda: "ledger: " in running.printed())
        assert running.get("/health/readiness")[1]["ledger"]["database"] == "down"
        shown = running.printed() + str(running.ask_model("routed"))
    assert said in shown
    assert "hunter2" not in shown
