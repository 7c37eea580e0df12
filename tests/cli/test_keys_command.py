"""``faregate keys`` as a person and a script use it."""

import asyncio
import re
import time
from typing import Any

import pytest
from msgspec.structs import replace

from faregate.core.keys import check_key, hash_key
from faregate.money import format_usd
from faregate.store.places import store_at
from tests.cli.conftest import Place
from tests.store.ledgers import a_charge, a_receipt, a_row, own_schema


def stored(place: Place, identity: str) -> dict[str, Any]:
    """A key as the database has it."""
    found = place.at_store(lambda store: store.get("key", identity))
    assert found is not None
    assert found.document is not None
    return found.document


def only(place: Place) -> dict[str, Any]:
    """The only key there is."""
    (found,) = place.json("keys", "list")["data"]
    assert isinstance(found, dict)
    return found


def test_make_prints_the_key_once_and_nothing_else_on_the_standard_output(place: Place) -> None:
    done = place.run("keys", "make", "--name", "Search, production")
    secret = done.stdout.strip()
    assert check_key(secret) == secret
    found = only(place)
    assert re.fullmatch(r"search-production-[a-z2-7]{4}", found["id"])
    assert found["id"] in done.stderr
    assert secret not in done.stderr
    assert stored(place, found["id"])["hash"] == hash_key(secret)
    for words in (("keys", "list"), ("keys", "show", found["id"]), ("audit",)):
        for told in (place.says(*words), place.says(*words, "--json")):
            assert secret not in told
            assert hash_key(secret) not in told
            assert found["id"] in told
    assert found["shown"] == f"sk-fg-…{secret[-4:]}"


def test_make_with_everything(place: Place) -> None:
    user = place.says("users", "make", "--name", "Ada").strip()
    team = place.says("teams", "make", "--id", "search").strip()
    made = place.json(
        *("keys", "make", "--name", "all", "--team", team, "--user", user, "--role", "viewer"),
        *("--model", "nano", "--model", "gpt-*", "--tag", "blue", "--expires", "30d"),
        *("--metadata", "owner=ada", "--metadata", "note=a=b"),
        *("--budget", "10/1mo", "--budget", "$0.50/rolling 24h", "--budget", "100"),
        *("--soft-limit", "8/1mo", "--zone", "Europe/Berlin"),
        *("--rpm", "60", "--tpm", "1000", "--parallel", "4", "--limit", "requests=9/day@nano"),
    )
    check_key(made["secret"])
    key = made["key"]
    assert (key["team"], key["user"], key["role"], key["state"]) == (
        "search",
        user,
        "viewer",
        "active",
    )
    assert (key["models"], key["tags"]) == (["nano", "gpt-*"], ["blue"])
    assert key["metadata"] == {"owner": "ada", "note": "a=b"}
    assert [(b["limit"], b["window"], b["soft_limit"], b["zone"]) for b in key["budgets"]] == [
        ("10", "1mo", "8", "Europe/Berlin"),
        ("0.5", "rolling 1d", None, "Europe/Berlin"),
        ("100", "total", None, "Europe/Berlin"),
    ]
    assert [(x["measure"], x["limit"], x["per"], x["model"]) for x in key["limits"]] == [
        ("requests", 9, "day", "nano"),
        ("requests", 60, "minute", ""),
        ("tokens", 1000, "minute", ""),
        ("parallel", 4, None, ""),
    ]
    left = stored(place, key["id"])["expires_at"] - time.time()
    assert 29.9 * 86_400 < left <= 30 * 86_400


def test_window_is_that_of_a_budget_without_one(place: Place) -> None:
    made = place.json("keys", "make", "--budget", "10", "--window", "1mo", "--budget", "1/day")
    windows = [(each["limit"], each["window"]) for each in made["key"]["budgets"]]
    assert windows == [("10", "1mo"), ("1", "1d")]


def test_a_key_of_ones_own_comes_from_the_standard_input(place: Place) -> None:
    brought = "sk-litellm-0123456789abcdef"
    done = place.run("keys", "make", "--name", "old", "--secret-stdin", stdin=f"{brought}\n")
    assert done.stdout.strip() == brought
    assert stored(place, only(place)["id"])["hash"] == hash_key(brought)
    again = place.run("keys", "make", "--secret-stdin", stdin=brought, code=1)
    assert "is that of the key" in again.stderr
    assert brought not in again.stderr
    for given, said in ((b"", "there is no key"), (b"short", "20 to 256"), (b"\xff" * 30, "20 to")):
        done = place.run("keys", "make", "--secret-stdin", stdin=given, code=2)
        assert said in done.stderr


def test_the_master_key_is_no_other_key(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    master = "sk-fg-Vv3kZ8qLr1Xc7TnB5mYw2HsD"
    monkeypatch.setenv("FAREGATE_MASTER_KEY", master)
    done = place.run("keys", "make", "--secret-stdin", stdin=master, code=2)
    assert "master key" in done.stderr
    assert master not in done.stderr


def test_update_changes_what_is_said_and_nothing_else(place: Place) -> None:
    made = place.json(
        *("keys", "make", "--name", "one", "--model", "nano", "--tag", "a", "--metadata", "x=1"),
        *("--budget", "10/1mo", "--soft-limit", "8/1mo", "--budget", "1/day"),
        *("--rpm", "60", "--parallel", "4"),
    )
    identity = made["key"]["id"]
    found = place.json(
        *("keys", "update", identity, "--budget", "20/1mo", "--rpm", "90", "--metadata", "y=2"),
        *("--remove-budget", "day", "--name", "two"),
    )
    assert [(b["limit"], b["window"], b["soft_limit"]) for b in found["budgets"]] == [
        ("20", "1mo", "8")
    ]
    assert {(x["measure"], x["limit"]) for x in found["limits"]} == {
        ("requests", 90),
        ("parallel", 4),
    }
    assert found["metadata"] == {"x": "1", "y": "2"}
    assert (found["name"], found["models"], found["tags"]) == ("two", ["nano"], ["a"])
    # What was spent on a budget is kept under its id, so that must stay.
    assert found["budgets"][0]["id"] == made["key"]["budgets"][0]["id"]
    found = place.json(
        *("keys", "update", identity, "--model", "", "--tag", "b", "--metadata", "x="),
        *("--remove-limit", "parallel", "--soft-limit", "none", "--expires", "2099-12-31"),
    )
    assert (found["models"], found["tags"], found["metadata"]) == ([], ["b"], {"y": "2"})
    assert [x["measure"] for x in found["limits"]] == ["requests"]
    assert found["budgets"][0]["soft_limit"] is None
    assert found["expires_at"] == "2099-12-31T00:00:00.000000Z"
    assert place.json("keys", "update", identity, "--expires", "never")["expires_at"] is None


def test_show_tells_what_was_spent_and_when_it_resets(place: Place) -> None:
    made = place.json(
        "keys", "make", "--name", "one", "--budget", "10/1mo", "--budget", "5/rolling 1h"
    )
    identity = made["key"]["id"]
    tagged = place.says("budgets", "make", "3/total", "--key", identity).strip()
    for number in (1, 2):
        row = a_row(number, time.time(), key=identity)
        receipt = a_receipt(a_charge(2_500_000_000_043), of=row.call_id)
        place.append(replace(row, receipt=receipt))
    found = {each["window"]: each for each in place.json("keys", "show", identity)["budgets"]}
    spent = format_usd(2 * 2_500_000_000_043)
    assert found["1mo"]["standing"]["spent"] == spent == "5.000000000086"
    assert found["1mo"]["standing"]["left"] == "4.999999999914"
    assert found["1mo"]["standing"]["resets_at"].endswith("-01T00:00:00.000000Z")
    assert found["rolling 1h"]["standing"]["left"] == "0"
    assert found["total"]["standing"]["resets_at"] is None
    assert (found["total"]["id"], found["total"]["carried"]) == (tagged, False)
    text = place.says("keys", "show", identity)
    assert re.search(rf"^carried +1mo +\$10\.00 +\${re.escape(spent)}", text, re.MULTILINE)
    assert re.search(rf"^{tagged} +total .* never$", text, re.MULTILINE)


def test_list_narrows(place: Place) -> None:
    for team in ("red", "blue"):
        place.run("teams", "make", "--id", team)
    place.run("keys", "make", "--name", "first", "--team", "red", "--tag", "night")
    place.run("keys", "make", "--name", "second", "--team", "blue")
    place.run("keys", "make", "--name", "third")

    def names(*words: str) -> list[str]:
        return [each["name"] for each in place.json("keys", "list", *words)["data"]]

    assert names() == ["first", "second", "third"]
    assert names("--team", "red") == ["first"]
    assert names("--team", "") == ["third"]
    assert names("--search", "NIGHT") == ["first"]
    assert names("--user", "nobody") == []
    assert "no keys like that" in place.says("keys", "list", "--user", "nobody")
    head = place.says("keys", "list").splitlines()[0]
    assert "team" in head
    assert "budgets" not in head


def test_block_and_unblock(place: Place) -> None:
    identity = place.json("keys", "make")["key"]["id"]
    assert place.says("keys", "block", identity) == f"key {identity} is blocked\n"
    assert only(place)["state"] == "blocked"
    place.run("keys", "unblock", identity)
    assert only(place)["state"] == "active"


def test_rotate_makes_another_secret_of_the_same_key(place: Place) -> None:
    made = place.json("keys", "make", "--name", "one", "--budget", "1/1mo")
    identity = made["key"]["id"]
    done = place.run("keys", "rotate", identity, "--overlap", "24h")
    fresh = done.stdout.strip()
    assert check_key(fresh) != made["secret"]
    kept = stored(place, identity)
    assert (kept["hash"], kept["previous_hash"]) == (hash_key(fresh), hash_key(made["secret"]))
    assert kept["previous_until"] > time.time() + 86_000
    assert "the key before is good until" in place.says("keys", "show", identity)
    place.run("keys", "rotate", identity)
    assert stored(place, identity)["previous_hash"] == ""
    assert [each["id"] for each in only(place)["budgets"]] == [f"key/{identity}/1mo"]
    assert "--overlap: 'soon' is no span" in place.complains(
        "keys", "rotate", identity, "--overlap", "soon"
    )


def test_delete_asks_first(place: Place) -> None:
    identity = place.json("keys", "make", "--name", "one")["key"]["id"]
    place.says("budgets", "make", "3", "--key", identity)
    assert (
        f"Delete the key {identity} (one)?"
        in place.run("keys", "delete", identity, stdin="n\n", code=1).stdout
    )
    assert only(place)["id"] == identity
    assert place.run("keys", "delete", identity, stdin="y\n").stdout.endswith("is deleted\n")
    assert place.json("keys", "list")["data"] == []
    assert place.json("budgets", "list")["data"] == []
    assert "there is no key" in place.complains("keys", "delete", identity, "--yes", code=1)


def test_models_are_checked_against_the_configuration(place: Place) -> None:
    config = place.configure()
    said = place.complains("keys", "make", "--model", "nan", *config)
    assert "--model: no model fits 'nan' (did you mean 'nano'?)" in said
    assert place.run(
        "keys", "make", "--model", "nano", "--model", "gpt-5", *config
    ).stderr.startswith("made the key")
    said = place.run("keys", "make", "--model", "anything").stderr
    assert "warning: 'anything' was not checked" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--budget", "ten"), "'ten' is not an amount in USD"),
        (("--budget", "-1/1mo"), "is negative"),
        (("--budget", "1/3 fortnights"), "is no window"),
        (("--budget", "1/0d"), "has no length"),
        (("--budget", "1e40"), "is more than"),
        (("--budget", "1/1mo", "--budget", "2/month"), "--budget: there are two for 1mo"),
        (("--budget", "1/1mo", "--soft-limit", "2"), "--soft-limit: is above the limit"),
        (("--budget", "1/1mo", "--budget", "1/day", "--soft-limit", "1"), "of which budget?"),
        (("--soft-limit", "1"), "of which budget?"),
        (("--budget", "1/1mo", "--zone", "Mars/Base"), "--zone: 'Mars/Base' is no time zone"),
        (("--budget", "1/1mo", "--zone", "localtime"), "--zone: 'localtime' is another zone on"),
        (("--budget", "\u0661\u0660"), "'\u0661\u0660' is not an amount in USD"),
        (("--limit", "requests=\u0661\u0660"), "is no limit"),
        (("--rpm", "\u0661\u0660"), "'\u0661\u0660' is not a whole number in the digits 0 to 9"),
        (("--window", "1mo"), "--window is that of a --budget"),
        (("--limit", "requests"), "is no limit"),
        (("--limit", "sheep=3"), "requests, tokens, parallel are counted"),
        (("--limit", "requests=3/year"), "per minute, hour, day"),
        (("--limit", "parallel=3/day"), "--limit: calls at once have no window"),
        (("--rpm", "3", "--limit", "requests=4/minute"), "limited twice"),
        (("--expires", "2020-01-01"), "--expires: 2020-01-01T00:00:00+00:00 is not to come"),
        (("--expires", "later"), "--expires: 'later' is no instant"),
        (("--team", "nobody"), "--team: there is no team 'nobody'"),
        (("--user", "nobody"), "--user: there is no user 'nobody'"),
        (("--role", "king"), "'king' is not one of"),
        (("--metadata", "owner"), "is no NAME=TEXT"),
        (("--tag", "a,b"), "--tag: 'a,b': a tag has"),
        (("--name", "x" * 300), "--name: a name is at most"),
    ],
)
def test_nonsense_is_refused_and_nothing_is_made(
    place: Place, words: tuple[str, ...], said: str
) -> None:
    assert said in place.complains("keys", "make", *words)
    assert place.json("keys", "list")["data"] == []


def test_changes_of_what_is_not_there(place: Place) -> None:
    identity = place.json("keys", "make", "--budget", "1/1mo")["key"]["id"]
    assert "there is no key 'nobody'" in place.complains("keys", "show", "nobody", code=1)
    assert "nothing is to be changed" in place.complains("keys", "update", identity)
    said = place.complains("keys", "update", identity, "--remove-budget", "day")
    assert "there is no budget for 1d; there are budgets for 1mo" in said
    said = place.complains("keys", "update", identity, "--remove-limit", "tokens/day")
    assert "there is no limit of tokens/day" in said


def test_the_same_in_postgresql(place: Place) -> None:
    def work(url: str) -> None:
        config = place.configure(database_url=url)
        made = place.json("keys", "make", "--name", "one", "--budget", "10/1mo", *config)
        identity = made["key"]["id"]
        found = place.json("keys", "update", identity, "--budget", "20/1mo", *config)
        assert found["budgets"][0]["standing"]["left"] == "20"
        assert len(place.json("audit", *config)["data"]) == 2
        place.run("keys", "delete", identity, "--yes", *config)
        assert place.json("keys", "list", *config)["data"] == []

    async def run() -> None:
        async with own_schema() as url:
            store = store_at(url, place.directory)
            await store.open()
            await store.close()
            await asyncio.to_thread(work, url)

    asyncio.run(run())


def test_a_configuration_without_a_ledger_is_told_so(place: Place) -> None:
    config = place.configure(ledger=False)
    assert "keeps no ledger" in place.complains("keys", "list", *config, code=1)


def test_without_a_ledger_nothing_is_made(tmp_path: Any) -> None:
    place = Place(tmp_path / "elsewhere")
    assert "there is no ledger at" in place.complains("keys", "make", code=1)
    assert not place.directory.exists()
