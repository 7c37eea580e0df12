"""``faregate spend`` and ``faregate log``, run by a person while the gateway serves."""

import csv
import io
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result

from faregate.cli import main
from faregate.money import format_usd, parse_usd
from tests.e2e import ledgers, lives
from tests.e2e.lives import Life, entry
from tests.e2e.processes import Emulator

ROUTER = "azure-model-router"
SERVED = "gpt-5-nano-2025-08-07"
USAGE = {"prompt_tokens": 1_000, "completion_tokens": 20, "total_tokens": 1_020}


def command(directory: Path, *words: str) -> Result:
    """A command in this process; what a process of its own costs is paid in one test."""
    return CliRunner().invoke(main, list(words), env=lives.variables(directory))


class Filled(NamedTuple):
    """A ledger with a few calls: who asked, and what they were told."""

    directory: Path
    life: Life
    receipts: list[dict[str, Any]]

    def run(self, *words: str, code: int = 0) -> str:
        """What a command prints; what it complains of where it fails."""
        done = command(self.directory, *words, "--config", str(self.life.config))
        assert done.exit_code == code, done.stderr
        lives.check_no_secrets(done.stdout + done.stderr)
        return done.stderr if code else done.stdout

    def json(self, *words: str) -> Any:
        """The same as JSON."""
        return json.loads(self.run(*words, "--json"))


@pytest.fixture(scope="module")
def filled(resource: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    resource.reset()
    directory = tmp_path_factory.mktemp("commands")
    config = lives.config(
        entry(ROUTER, f"model_router/{ROUTER}", resource.url, max_retries=0, id="router"),
        entry("nano", "gpt-4.1-nano", resource.url, max_retries=0, id="nano"),
        router={"disable_cooldowns": True},
    )
    with lives.started(directory, config) as life:
        ids = []
        for _ in range(3):
            resource.script(SERVED, USAGE, ROUTER)
            ids.append(life.ask_model(ROUTER)[2]["x-faregate-call-id"])
        ids.append(life.ask_model("nano", stream=True)[2]["x-faregate-call-id"])
        resource.fault("serve;model==gpt-9-\x1b[31mmystery")
        ids.append(life.ask_model(ROUTER)[2]["x-faregate-call-id"])
        resource.fault("500")
        assert life.ask_model("nano")[0] == 500
        ledgers.wait_until_stored(life)
        yield Filled(directory, life, [life.receipt(each) for each in ids])


def test_spend_is_the_sum_of_the_receipts(filled: Filled) -> None:
    found = filled.json("spend", "--by", "model,served_model", "--since", "7d")
    known = sum(parse_usd(line["amount"]) for r in filled.receipts for line in _lines(r))
    assert found["total"]["spend_usd"] == format_usd(known)
    assert found["total"]["calls"] == 6
    assert (found["total"]["failed"], found["total"]["unpriced"]) == (1, 1)
    assert found["total"]["spend_is_minimum"] is True
    groups = {(each["model"], each["served_model"]): each for each in found["groups"]}
    routed = groups[ROUTER, SERVED]
    one = parse_usd(filled.receipts[0]["total"])
    assert routed["spend_usd"] == format_usd(sum([one, one, one]))
    assert routed["tokens"] == {"input": 3_000, "output": 60}
    assert routed["router_fee_usd"] == "0.00042"
    assert sum(parse_usd(each["spend_usd"]) for each in groups.values()) == known
    # Beside the gateway, by the data directory of the environment, as a person would.
    done = lives.run("spend", "--json", env=lives.variables(filled.directory))
    assert json.loads(done.stdout)["total"] == found["total"]


def _lines(receipt: dict[str, Any]) -> list[dict[str, Any]]:
    return [line for charge in receipt["charges"] for line in charge["lines"]]


def test_spend_as_a_table(filled: Filled) -> None:
    text = filled.run("spend", "--by", "model,deployment,key,day")
    lines = text.splitlines()
    columns = "model deployment key day calls failed tokens in tokens out router fee spend"
    assert " ".join(lines[0].split()) == columns
    total = next(line for line in lines if line.startswith("total"))
    assert "≥ $" in total
    # The points of all amounts stand under one another.
    assert len({line.rindex(".") for line in lines if "$0." in line and "call" not in line}) == 1
    assert re.search(
        r"^1 call unpriced: at least \$0\.\d+; 'faregate log --status", text, re.MULTILINE
    )
    assert "No call is in the ledger" in filled.run("spend", "--until", "2020-01-01")


def test_spend_as_csv(filled: Filled) -> None:
    rows = list(csv.DictReader(io.StringIO(filled.run("spend", "--by", "served_model", "--csv"))))
    by_model = {row["served_model"]: row for row in rows}
    assert by_model[SERVED]["calls"] == "3"
    assert by_model[SERVED]["input_tokens"] == "3000"
    narrowed = filled.run("spend", "--by", "", "--model", "nano", "--csv")
    assert next(csv.DictReader(io.StringIO(narrowed)))["calls"] == "2"


def test_names_from_outside_steer_nothing(filled: Filled) -> None:
    """Neither a terminal nor a spreadsheet takes a model's name for a command."""
    for words in (("spend",), ("log",), ("log", filled.receipts[-1]["call_id"])):
        text = filled.run(*words)
        assert "mystery" in text
        assert "\x1b" not in text
    for words in (("spend", "--csv"), ("log", "--csv")):
        assert ",'=gpt-9-" in filled.run(*words)


def test_log_narrows_and_turns_pages(filled: Filled) -> None:
    everything = [each["call_id"] for each in filled.json("log")["calls"]]
    assert len(everything) == 6
    assert everything[1:] == [each["call_id"] for each in reversed(filled.receipts)]
    first = filled.json("log", "--limit", "4")
    rest = filled.json("log", "--limit", "4", "--cursor", first["cursor"])
    assert [each["call_id"] for each in first["calls"] + rest["calls"]] == everything
    assert rest["cursor"] is None
    for words, count in (
        (("--model", "nano"), 2),
        (("--served-model", SERVED), 3),
        (("--deployment", "router", "--status", "priced"), 3),
        (("--status", "unpriced", "--status", "unbilled"), 2),
        (("--outcome", "failed"), 1),
        (("--key", "master", "--since", "1h"), 6),
        (("--key", "somebody"), 0),
        (("--until", "2026-01-01T12:00"), 0),
    ):
        assert len(filled.json("log", *words)["calls"]) == count, words
    costs = [each["spend_usd"] for each in filled.json("log", "--min-cost", "0.0001")["calls"]]
    assert costs
    assert all(parse_usd(each) >= parse_usd("0.0001") for each in costs)


def test_one_call_is_told_in_full(filled: Filled) -> None:
    receipt = filled.receipts[0]
    text = filled.run("log", receipt["call_id"])
    assert text.startswith(f"{receipt['call_id']}  completed  priced  ${receipt['total']}")
    for line in receipt["charges"][0]["lines"]:
        assert line["price_id"] in text
    assert re.search(r"^router +azure_ai +200 +ok", text, re.MULTILINE)
    found = filled.json("log", receipt["call_id"])
    assert found["charges"] == receipt["charges"]
    assert found["adjustments"] == []
    assert "no call call_nobody is in the ledger" in filled.run("log", "call_nobody", code=1)


def test_nothing_is_made_and_nothing_is_changed(tmp_path: Path) -> None:
    def run(*words: str) -> str:
        done = command(tmp_path, *words)
        assert done.exit_code == 1
        return done.stderr

    assert "there is no ledger at" in run("spend")
    assert not (tmp_path / "state").exists()
    place = tmp_path / "state" / "ledger.sqlite3"
    place.parent.mkdir()
    place.write_bytes(b"")
    assert "holds no ledger yet" in run("log")
    place.write_bytes(b"no database at all, but long enough to have a header" * 40)
    assert "is no SQLite database" in run("log")
    place.unlink()
    with closing(sqlite3.connect(place)) as other:
        other.execute("CREATE TABLE schema_version (version_num VARCHAR(32))")
        other.execute("INSERT INTO schema_version VALUES ('r9999')")
        other.commit()
    assert "written by a newer Faregate" in run("spend")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://me:Zanzibar@127.0.0.1:1/faregate", "127.0.0.1:1/faregate"),
        ("postgresql://me:Zanzibar@127.0.0.1:5432/no_such_database", "127.0.0.1:5432"),
        ("postgresql://me:Zan/zi@bar@127.0.0.1:x/faregate", "percent-encoded"),
        ("mysql://me:Zanzibar@127.0.0.1/faregate", "SQLite or PostgreSQL"),
    ],
)
def test_a_wrong_address_is_named_without_its_password(tmp_path: Path, url: str, said: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(lives.config(general={"database_url": url}), "utf-8")
    done = command(tmp_path, "spend", "--config", str(path))
    assert done.exit_code == 1
    assert said in done.stderr
    lives.check_no_secrets(done.stdout + done.stderr)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("spend", "--by", "colour"), "'colour' is none of key, team"),
        (("spend", "--since", "12h"), "whole days"),
        (("spend", "--since", "2026-13-01"), "whole days"),
        (("log", "--since", "yesterday"), "write 7d, 12h"),
        (("log", "--min-cost", "cheap"), "is not an amount in USD"),
        (("log", "--limit", "0"), "limit"),
        (("log", "--config", "a.yaml", "--data-dir", "b"), "give one"),
    ],
)
def test_nonsense_is_refused(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = command(tmp_path, *words)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())
