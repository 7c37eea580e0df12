"""Keys: made, hashed, shown, found, rotated, and asked what they may do."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faregate.core.keys import (
    ENTROPY,
    Key,
    Team,
    User,
    authorise,
    check_key,
    check_models,
    check_name,
    find_key,
    hash_key,
    index_keys,
    make_key,
    may_call,
    redact,
    rotated,
)
from faregate.errors import ConfigError

SECRET = make_key(bytes(range(32)))
OTHER = make_key(b"\xff" * 32)


def key(**facts: Any) -> Key:
    return Key(id="k1", hash=hash_key(SECRET), shown=redact(SECRET), **facts)


def test_a_key_has_one_form() -> None:
    assert re.fullmatch(r"sk-fg-[0-9A-Za-z]{49}", SECRET)
    assert make_key(bytes(32)).startswith("sk-fg-" + "0" * 43)
    assert len(OTHER) == len(SECRET)
    assert hash_key(SECRET) == hash_key(SECRET) != hash_key(OTHER)


@given(st.binary(min_size=ENTROPY, max_size=ENTROPY))
def test_every_key_made_is_one(entropy: bytes) -> None:
    made = make_key(entropy)
    assert check_key(made) == made
    assert make_key(entropy) == made
    assert made[6:-4] not in redact(made)


@given(st.binary(min_size=ENTROPY, max_size=ENTROPY), st.integers(6, 54), st.sampled_from("0aZ-"))
def test_a_mistyped_key_is_told_from_an_unknown_one(entropy: bytes, at: int, wrong: str) -> None:
    made = make_key(entropy)
    mistyped = made[:at] + wrong + made[at + 1 :]
    if mistyped == made:
        return
    with pytest.raises(ConfigError, match="its checksum is wrong") as caught:
        check_key(mistyped)
    assert mistyped not in str(caught.value)
    with pytest.raises(ConfigError, match="cut short"):
        check_key(made[:at])


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_needs_its_entropy(size: int) -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        make_key(bytes(size))


@pytest.mark.parametrize("own", ["sk-1234", "", "x" * 257, "a blank in the middle of it", "é" * 30])
def test_keys_brought_along_must_be_usable(own: str) -> None:
    with pytest.raises(ConfigError, match="20 to 256 printable") as caught:
        check_key(own)
    assert not own or own not in str(caught.value)
    assert check_key("sk-a-key-of-my-own-0123") == "sk-a-key-of-my-own-0123"


def test_what_is_shown() -> None:
    assert redact(SECRET) == f"sk-fg-…{SECRET[-4:]}"
    assert redact("sk-a-key-of-my-own-0123") == "sk-…0123"
    assert redact("a-key-without-a-prefix") == "…efix"
    assert redact("sk-1234") == "…"
    assert redact("") == "…"
    assert SECRET not in repr(key())


def test_keys_are_found_by_what_is_presented() -> None:
    index = index_keys([key()])
    assert find_key(index, SECRET, 0.0) == key()
    assert find_key(index, OTHER, 0.0) is None
    assert find_key(index, hash_key(SECRET), 0.0) is None
    assert find_key(index, "\udcff", 0.0) is None


def test_a_rotated_key_is_good_for_its_overlap() -> None:
    fresh = rotated(key(name="ci"), OTHER, now=1000.0, overlap=60.0)
    index = index_keys([fresh])
    assert (fresh.name, fresh.updated_at, fresh.shown) == ("ci", 1000.0, redact(OTHER))
    assert find_key(index, OTHER, 2000.0) is fresh
    assert find_key(index, SECRET, 1059.9) is fresh
    assert find_key(index, SECRET, 1060.0) is None
    at_once = index_keys([rotated(key(), OTHER, now=1000.0, overlap=0.0)])
    assert find_key(at_once, SECRET, 1000.0) is None
    with pytest.raises(ConfigError, match="overlap of -1"):
        rotated(key(), OTHER, now=0.0, overlap=-1)


def test_a_current_key_wins_over_a_previous_one() -> None:
    old = rotated(key(), OTHER, now=0.0, overlap=60.0)
    anew = Key(id="k2", hash=hash_key(SECRET), shown="")
    for order in ([old, anew], [anew, old]):
        found = find_key(index_keys(order), SECRET, 30.0)
        assert found is not None
        assert found.id == "k2"


@pytest.mark.parametrize(
    ("pattern", "model", "covered"),
    [
        ("gpt-5", "gpt-5", True),
        ("gpt-5", "gpt-5-mini", False),
        ("gpt-5*", "gpt-5-mini", True),
        ("*", "anything/at/all", True),
        ("all-proxy-models", "x", True),
        ("openai/*", "openai/gpt-5", True),
        ("openai/*", "azure/gpt-5", False),
        ("*-mini", "gpt-5-mini", True),
        ("a*b*c", "a-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("ab*ba", "aba", False),
        ("a*bc*c", "abc", False),
        ("gpt-[45]", "gpt-4", False),
        ("gpt-?", "gpt-4", False),
        (".*", "gpt-4", False),
    ],
)
def test_patterns(pattern: str, model: str, covered: bool) -> None:
    assert may_call((pattern,), model) is covered
    assert may_call(("nothing", pattern), model) is covered
    assert may_call((), model)


@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_patterns_are_those_of_a_regular_expression(pattern: str, model: str) -> None:
    expected = re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), model) is not None
    assert may_call((pattern,), model) is expected


def test_who_may_call_what() -> None:
    assert authorise(key(), "gpt-5", 0.0) is None
    team = Team(id="t1", name="Search", models=("gpt-5*",))
    user = User(id="u1")
    assert authorise(key(models=("*",)), "gpt-5", 0.0, team, user) is None


@pytest.mark.parametrize(
    ("facts", "team", "user", "why", "said"),
    [
        ({"blocked": True, "name": "ci"}, None, None, "blocked", "key ci is blocked"),
        ({"expires_at": 99.0}, None, None, "expired", "has expired"),
        ({"expires_at": 100.0}, None, None, "expired", "has expired"),
        (
            {"models": ("gpt-4.1", "o4*")},
            None,
            None,
            "model_not_allowed",
            "may not call 'gpt-5'; it may call gpt-4.1, o4*",
        ),
        ({}, Team(id="t", blocked=True), None, "blocked", "team t, which the key belongs to"),
        ({}, Team(id="t", models=("x",)), None, "model_not_allowed", "team t may not call 'gpt-5'"),
        ({}, None, User(id="u", blocked=True), "blocked", "user u, which"),
        ({}, None, User(id="u", models=("x",)), "model_not_allowed", "user u may not call"),
    ],
)
def test_refusals_say_why(
    facts: dict[str, object], team: Team | None, user: User | None, why: str, said: str
) -> None:
    refusal = authorise(key(**facts), "gpt-5", 100.0, team, user)
    assert refusal is not None
    assert refusal.why == why
    assert said in refusal.message
    assert SECRET not in refusal.message


def test_a_long_list_is_cut() -> None:
    refusal = authorise(key(models=tuple(f"m{i}" for i in range(50))), "x" * 999, 0.0)
    assert refusal is not None
    assert refusal.message.endswith("m19 and 30 more")
    assert len(refusal.message) < 500


def test_unknown_models_are_named_with_the_nearest() -> None:
    known = ("gpt-5", "azure/*", "o4-mini")
    check_models(("gpt-5", "gpt*", "*", "azure/anything", "all-proxy-models"), known)
    with pytest.raises(ConfigError, match=r"no model fits 'gpt-55' \(did you mean 'gpt-5'\?\)"):
        check_models(("gpt-5", "gpt-55"), known)
    with pytest.raises(ConfigError, match=r"no model fits 'zz\*'; the models are azure/\*, gpt-5"):
        check_models(("zz*",), known)


def test_names_can_be_shown() -> None:
    check_name("the name of a key", "CI of søren")
    for wrong in ("x" * 201, "a\nb"):
        with pytest.raises(ConfigError, match="the name of a key is at most 200"):
            check_name("the name of a key", wrong)
