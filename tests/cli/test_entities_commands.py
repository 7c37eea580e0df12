"""``faregate teams``, ``users``, ``budgets``, ``limits`` and ``audit``."""

import json
import time
from typing import Any

import pytest
from msgspec.structs import replace

from tests.cli.conftest import Place
from tests.store.ledgers import a_charge, a_receipt, a_row


def test_teams(place: Place) -> None:
    ada = place.says("users", "make", "--name", "Ada").strip()
    bob = place.says("users", "make", "--id", "bob").strip()
    team = place.says(
        *("teams", "make", "--name", "Search", "--member", ada, "--model", "nano"),
        *("--budget", "100/1mo", "--rpm", "600"),
    ).strip()
    assert team.startswith("search-")
    found = place.json("teams", "update", team, "--add-member", bob, "--remove-member", ada)
    assert found["members"] == ["bob"]
    assert [each["limit"] for each in found["budgets"]] == ["100"]
    assert place.json("teams", "list", "--member", "bob")["data"][0]["id"] == team
    assert place.json("teams", "list", "--member", ada)["data"] == []
    said = place.complains("teams", "update", team, "--remove-member", ada)
    assert f"{ada!r} is no member of {team}" in said
    assert "--member: there is no user 'eve'" in place.complains("teams", "make", "--member", "eve")
    place.run("teams", "block", team)
    assert "blocked" in place.says("teams", "show", team).splitlines()[0]
    place.run("teams", "unblock", team)
    place.run("keys", "make", "--name", "one", "--team", team)
    said = place.complains("teams", "delete", team, "--yes", code=1)
    assert f"belong to team {team!r}; delete them or give them another team first" in said


def test_users(place: Place) -> None:
    ada = place.says("users", "make", "--name", "Ada", "--budget", "5/week", "--json")
    identity = json.loads(ada)["id"]
    assert json.loads(ada)["budgets"][0]["id"] == f"user/{identity}/1w"
    found = place.json("users", "update", identity, "--budget", "6/1w", "--model", "nano")
    assert (found["budgets"][0]["limit"], found["models"]) == ("6", ["nano"])
    place.says("users", "update", identity, "--email", "ada@example.com")
    assert "ada@example.com" in place.says("users", "list", "--search", "ada@")
    assert "ada@example.com" in place.says("users", "show", identity)
    assert place.json("users", "update", identity, "--email", "")["email"] == ""
    assert "is no e-mail address" in place.complains("users", "update", identity, "--email", "ada")
    assert "There are no users like that." in place.says("users", "list", "--search", "zoe")
    place.run("users", "delete", identity, "--yes")
    assert place.json("users", "list")["data"] == []
    assert "there is a user" not in place.says("users", "make", "--id", "ada")
    said = place.complains("users", "make", "--id", "ada", code=1)
    assert "there is a user 'ada' already" in said
    assert "the id of a user has" in place.complains("users", "make", "--id", "a/b")


def test_a_models_budget_pays_for_calls_under_its_aliases(place: Place) -> None:
    more = "router_settings: {model_group_alias: {tiny: nano, other: gpt-4o}}\n"
    config = place.configure(more)
    place.says("budgets", "make", "10/1mo", "--model", "nano", "--id", "n", *config)
    place.says("budgets", "make", "10/1mo", "--model", "tiny", "--id", "t", *config)
    for number, name in enumerate(("nano", "tiny", "tiny", "other"), 1):
        row = a_row(number, time.time(), requested_model=name)
        place.append(replace(row, receipt=a_receipt(a_charge(10**12), of=row.call_id)))

    def spent(*where: str) -> dict[str, str]:
        found = place.json("budgets", "list", *where)["data"]
        return {each["id"]: each["standing"]["spent"] for each in found}

    assert spent(*config) == {"n": "3", "t": "2"}
    assert spent() == {"n": "1", "t": "2"}
    assert "--config says which aliases there are" in place.complains("budgets", "list", code=0)
    assert place.run("budgets", "list", *config).stderr == ""


def test_budgets_that_stand_alone(place: Place) -> None:
    batch = place.says("budgets", "make", "100/1mo", "--tag", "batch", "--soft-limit", "80").strip()
    place.says("budgets", "make", "1000", "--everything", "--id", "all")
    place.says("keys", "make", "--name", "one", "--budget", "3/day")
    row = a_row(1, time.time(), tags=("batch",))
    receipt = a_receipt(a_charge(40 * 10**12 + 1), of=row.call_id)
    place.append(replace(row, receipt=receipt))
    found = {each["id"]: each for each in place.json("budgets", "list")["data"]}
    assert set(found) == {batch, "all"}
    assert found[batch]["standing"]["spent"] == "40.000000000001"
    assert found[batch]["soft_limit"] == "80"
    assert found["all"]["standing"]["left"] == "959.999999999999"
    every = place.json("budgets", "list", "--all")["data"]
    assert [each["scope"] for each in every if each["carried"]] == ["key"]
    assert "$40.000000000001" in place.says("budgets", "show", batch)
    changed = place.json(
        *("budgets", "update", batch, "--limit", "50", "--window", "total", "--soft-limit", "none"),
        *("--reserve", "estimate"),
    )
    assert (changed["limit"], changed["window"], changed["soft_limit"]) == ("50", "total", None)
    assert changed["reserve"] == "estimate"
    assert changed["standing"]["left"] == "9.999999999999"
    assert "nothing is to be changed" in place.complains("budgets", "update", batch)
    asked = place.run("budgets", "delete", batch, stdin="n\n", code=1)
    assert f"Delete the budget {batch}, $50.00/total for tag batch?" in asked.stdout
    place.run("budgets", "delete", batch, "--yes")
    assert [each["id"] for each in place.json("budgets", "list")["data"]] == ["all"]


def test_the_budget_of_the_configuration_is_listed(place: Place) -> None:
    more = "litellm_settings: {max_budget: 7, budget_duration: 30d}\n"
    found = place.json("budgets", "list", "--all", *place.configure(more))["data"]
    assert [(each["id"], each["limit"], each["window"]) for each in found] == [
        ("config/everything", "7", "1mo")
    ]


def test_budgets_are_for_something_there_is(place: Place) -> None:
    config = place.configure()
    for words, said in (
        ((), "say what it is for: one of --key, --team"),
        (("--tag", "a", "--everything"), "say what it is for"),
        (("--key", "nobody"), "there is no key 'nobody'"),
        (("--model", "nanu"), "no model fits 'nanu' (did you mean 'nano'?)"),
        (("--deployment", "nano-us"), "there is no deployment 'nano-us'; did you mean 'nano-eu'?"),
    ):
        assert said in place.complains("budgets", "make", "1", *words, *config)
    place.run("budgets", "make", "1", "--deployment", "nano-eu", *config)
    said = place.run("budgets", "make", "1", "--deployment", "anything").stderr
    assert "the deployment 'anything' was not checked" in said


def test_limits_that_stand_alone(place: Place) -> None:
    identity = place.says("limits", "make", "requests=1_000/day", "--model", "nano").strip()
    found = place.json("limits", "list")["data"]
    assert [(x["id"], x["limit"], x["per"], x["scope_id"]) for x in found] == [
        (identity, 1000, "day", "nano")
    ]
    assert place.json("limits", "update", identity, "50")["limit"] == 50
    said = place.complains("limits", "make", "requests=3/day", "--model", "nano", code=1)
    assert f"the limit {identity!r} is for the same" in said
    place.run("keys", "make", "--parallel", "2")
    every = place.json("limits", "list", "--all")["data"]
    assert [(x["measure"], x["per"]) for x in every if x["carried"]] == [("parallel", None)]
    assert "50 requests/day" in place.says("limits", "show", identity)
    place.run("limits", "delete", identity, "--yes")
    assert "No limit stands alone" in place.says("limits", "list")


def test_the_audit_log_tells_who_changed_what(place: Place) -> None:
    key = place.json("keys", "make", "--name", "one", "--budget", "10/1mo")["key"]["id"]
    place.run("keys", "update", key, "--budget", "20/1mo")
    place.run("keys", "rotate", key)
    place.run("budgets", "make", "5/day", "--tag", "batch", "--id", "b")
    place.run("keys", "delete", key, "--yes")
    text = place.says("audit")
    lines = text.splitlines()[2:]
    assert [line.split()[3:5] for line in lines] == [
        ["key", key],
        ["budget", "b"],
        ["key", key],
        ["key", key],
        ["key", key],
    ]
    assert all(line.split()[2].startswith("cli:") for line in lines)
    assert lines[0].endswith("deleted")
    assert "limit $5.00, window 1d" in lines[1]
    assert "for tag batch" in lines[1]
    assert lines[2].endswith("changed: secret replaced")
    assert lines[3].endswith("changed: budgets $10.00/1mo → $20.00/1mo")
    assert "made: name one, budgets $10.00/1mo" in lines[4]
    found = place.json("audit", "--kind", "key", "--limit", "2")
    assert [each["action"] for each in found["data"]] == ["delete", "update"]
    assert found["data"][1]["changed"] == ["secret", "shown"]
    assert found["data"][1]["after"]["budgets"][0]["limit"] == "20"
    rest = place.json("audit", "--id", key, "--cursor", found["next"])
    assert [each["action"] for each in rest["data"]] == ["update", "create"]
    assert rest["next"] is None
    assert "Nothing like that" in place.says("audit", "--actor", "nobody")
    assert "hash" not in text + json.dumps([found, rest])


@pytest.mark.parametrize("noun", ["teams", "users"])
def test_nobody_is_changed_by_half(place: Place, noun: str) -> None:
    """A change that is wrong in one thing changes nothing."""
    identity = place.says(noun, "make", "--name", "one", "--rpm", "3").strip()
    before: Any = place.json(noun, "show", identity)
    place.complains(noun, "update", identity, "--name", "two", "--budget", "1/1mo", "--zone", "X/Y")
    assert place.json(noun, "show", identity) == before
