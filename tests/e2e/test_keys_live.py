"""Keys made on the command line while the gateway runs: in force at once, held to their budgets."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from faregate.cli import main
from faregate.money import format_usd, parse_usd
from tests.e2e import ledgers, lives, wire
from tests.e2e.lives import Life, entry
from tests.e2e.processes import Emulator

USAGE = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
SERVED = "gpt-4.1-nano-2025-04-14"
WITHIN = 5.0
"""Patience, in seconds, on a machine where others are at work; a promise it is not."""


class Office:
    """A gateway, and somebody at a terminal beside it."""

    def __init__(self, life: Life, directory: Path) -> None:
        self.life = life
        self._environment = lives.variables(directory)
        self._config = ("--config", str(life.config))

    def run(self, *words: str) -> str:
        """A command, in this process; what one of its own costs is paid in one test."""
        done = CliRunner().invoke(main, [*words, *self._config], env=self._environment)
        assert done.exit_code == 0, done.output
        return done.stdout

    def run_alone(self, *words: str) -> str:
        """A command in a process of its own, as a person's is."""
        done = lives.run(*words, *self._config, env=self._environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *words: str) -> Any:
        """The same as JSON."""
        return json.loads(self.run(*words, "--json"))

    def ask(self, secret: str, **more: Any) -> tuple[int, Any, dict[str, str]]:
        """A call with a key."""
        body = {
            "model": "nano",
            "messages": [{"role": "user", "content": lives.PROMPT}],
            "max_tokens": 50,
            **more,
        }
        bearer = {"authorization": f"Bearer {secret}"}
        return self.life.ask("POST", "/v1/chat/completions", body, bearer)

    def until(self, status: int, secret: str, **more: Any) -> tuple[Any, dict[str, str]]:
        """The first answer with this status."""

        def look() -> tuple[Any, dict[str, str]] | None:
            found, answer, headers = self.ask(secret, **more)
            return (answer, headers) if found == status else None

        return wire.soon(look, seconds=WITHIN)


@pytest.fixture(scope="module")
def office(resource: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    resource.reset()
    directory = tmp_path_factory.mktemp("office")
    config = lives.config(
        entry("nano", "gpt-4.1-nano", resource.url, max_retries=0, id="nano"),
        entry("guarded", "gpt-4.1-nano", resource.url, max_retries=0, id="guarded",
              on_unpriced="refuse_next"),
        entry("mini", "gpt-4.1-mini", resource.url, max_retries=0, id="mini"),
        router={"disable_cooldowns": True},
    )  # fmt: skip
    with lives.started(directory, config) as life:
        yield Office(life, directory)


def test_a_key_works_at_once_and_is_refused_at_its_budget(
    office: Office, resource: Emulator
) -> None:
    resource.reset()
    made = office.run_alone("keys", "make", "--name", "tight", "--budget", "0.0005/1mo")
    secret = made.strip()
    _, headers = office.until(200, secret)
    spent = [headers["x-faregate-cost"]]
    status = 200
    while status == 200:
        status, answer, headers = office.ask(secret)
        if status == 200:
            spent.append(headers["x-faregate-cost"])
        assert len(spent) < 500
    assert status == 429
    assert answer["error"]["code"] == "budget_exceeded"
    assert headers["x-should-retry"] == "false"
    (key,) = office.json("keys", "list", "--search", "tight")["data"]
    total = sum(map(parse_usd, spent))
    assert total <= parse_usd("0.0005")
    left = format_usd(parse_usd("0.0005") - total, places=2)
    said = answer["error"]["message"]
    assert said.startswith(f"the budget of key {key['id']} (1mo) has ${left} left of $0.0005")
    assert re.search(r"it resets at 20\d\d-\d\d-01T00:00:00Z$", said)
    ledgers.wait_until_stored(office.life)
    (budget,) = office.json("keys", "show", key["id"])["budgets"]
    assert budget["standing"]["spent"] == format_usd(total)
    (group,) = office.json("spend", "--by", "key", "--key", key["id"])["groups"]
    assert (group["spend_usd"], group["calls"]) == (format_usd(total), len(spent))
    # More budget, and it goes on from what was spent.
    office.run("keys", "update", key["id"], "--budget", "0.0008/1mo")
    office.until(200, secret)
    for each in (secret, key["shown"]):
        assert each not in office.life.printed()


def test_blocked_is_unauthorised_until_it_is_unblocked(office: Office) -> None:
    made = office.json("keys", "make", "--name", "blocked")
    secret, identity = made["secret"], made["key"]["id"]
    office.until(200, secret)
    office.run("keys", "block", identity)
    answer, _ = office.until(401, secret)
    assert answer["error"]["code"] == "key_blocked"
    office.run("keys", "unblock", identity)
    office.until(200, secret)
    office.run("keys", "delete", identity, "--yes")
    answer, _ = office.until(401, secret)
    assert answer["error"]["code"] == "invalid_api_key"


def test_a_rotated_key_and_the_one_before_both_work(office: Office) -> None:
    made = office.json("keys", "make", "--name", "rotated")
    identity = made["key"]["id"]
    office.until(200, made["secret"])
    second = office.run("keys", "rotate", identity, "--overlap", "1h").strip()
    office.until(200, second)
    assert office.ask(made["secret"])[0] == 200
    third = office.run("keys", "rotate", identity).strip()
    office.until(200, third)
    office.until(401, second)
    assert office.ask(made["secret"])[0] == 401


def test_models_limits_teams_and_tags_are_kept(office: Office) -> None:
    team = office.run("teams", "make", "--name", "Search", "--rpm", "2").strip()
    secret = office.run(
        "keys", "make", "--name", "narrow", "--team", team, "--model", "nano"
    ).strip()
    office.until(200, secret)
    status, answer, _ = office.ask(secret, model="mini")
    assert (status, answer["error"]["code"]) == (403, "model_not_allowed")
    office.until(429, secret)
    _, answer, headers = office.ask(secret)
    assert answer["error"]["code"] == "rate_limit_exceeded"
    assert headers["x-ratelimit-limit-requests"] == "2"
    office.run("teams", "block", team)
    answer, _ = office.until(401, secret)
    assert "team Search, which the key belongs to" in answer["error"]["message"]
    other = office.run("keys", "make", "--name", "tagged", "--tag", "night").strip()
    office.until(200, other)
    budget = office.run("budgets", "make", "0", "--tag", "night").strip()
    answer, _ = office.until(429, other)
    assert "the budget of tag night (total)" in answer["error"]["message"]
    office.run("budgets", "delete", budget, "--yes")
    office.until(200, other)


def test_an_added_price_is_charged_from_the_next_call_on_and_to_those_that_waited(
    office: Office, resource: Emulator
) -> None:
    resource.reset()
    made = office.json("keys", "make", "--name", "late", "--budget", "0.002/1mo")
    secret, identity = made["secret"], made["key"]["id"]
    office.until(200, secret)
    resource.script("gpt-9-mystery", USAGE, "gpt-4.1-nano")
    status, _, headers = office.ask(secret, model="guarded")
    assert (status, headers["x-faregate-cost-status"]) == (200, "unpriced")
    answer, _ = office.until(429, secret, model="guarded")
    assert answer["error"]["code"] == "unpriced_model"
    ledgers.wait_until_stored(office.life)
    before = office.json("spend", "--by", "", "--key", identity)["total"]["spend_usd"]
    added = office.json(
        "prices", "add", "azure_ai", "gpt-9-mystery", "--input", "1", "--output", "2"
    )
    assert added["fill"] == {"filled": 1, "waiting": 0, "usd": "0.0002", "asked": True}
    after = office.json("spend", "--by", "", "--key", identity)["total"]["spend_usd"]
    assert parse_usd(after) - parse_usd(before) == parse_usd("0.0002")
    # The deployment takes calls again, at the new price, and the budget knows what the first cost.
    resource.script("gpt-9-mystery", USAGE, "gpt-4.1-nano")
    _, headers = office.until(200, secret, model="guarded")
    assert headers["x-faregate-cost"] == "0.0002"
    office.run("keys", "update", identity, "--budget", "0.0003/1mo")

    spent = [after, "0.0002"]

    def told() -> str | None:
        status, answer, headers = office.ask(secret)
        if status == 200:  # the smaller budget is not known yet
            spent.append(headers["x-faregate-cost"])
            return None
        return str(answer["error"]["message"])

    said = wire.soon(told, seconds=WITHIN)
    assert f"(${format_usd(sum(map(parse_usd, spent)), places=2)} spent" in said
