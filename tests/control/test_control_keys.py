"""Keys as the admin API and the command line make them."""

import asyncio

import pytest
from msgspec.structs import replace

from faregate.control import keys, teams, users
from faregate.control.budgets import BudgetFields
from faregate.control.errors import ConflictError, FieldError, UnknownEntityError
from faregate.control.keys import KeyFields
from faregate.control.limits import LimitFields
from faregate.core.keys import find_key, index_keys
from faregate.store.errors import VersionConflictError
from tests.control.desks import NOW, a_desk


async def test_a_key_is_found_by_what_was_shown_once() -> None:
    desk = await a_desk()
    issued = await keys.make(desk, KeyFields(name="Search prod"))
    key = issued.kept.entity
    assert find_key(index_keys([key]), issued.secret, NOW) == key
    assert issued.secret not in repr(issued)
    assert issued.secret not in str(await desk.store.entities("key"))
    found = await keys.find(desk, issued.secret)
    assert found is not None
    assert found.id == issued.kept.id
    assert await keys.find(desk, issued.secret[:-1]) is None


async def test_two_keys_of_one_name_have_two_ids() -> None:
    desk = await a_desk()
    made = [await keys.make(desk, KeyFields(name="prod")) for _ in range(5)]
    ids = {each.kept.id for each in made}
    assert len(ids) == len({each.secret for each in made}) == 5
    assert all(each.startswith("prod-") and len(each) == 9 for each in ids)


async def test_an_id_is_never_used_twice() -> None:
    """The ledger has the calls of a key that was deleted: nobody else may be taken for it."""
    desk = await a_desk()
    fixed = replace(desk, entropy=lambda size: b"\x07" * size)
    first = await keys.make(fixed, KeyFields(name="prod"), secret="a-secret-of-one's-own-1234")
    await keys.delete(desk, first.kept.id)
    with pytest.raises(ConflictError, match="no free id"):
        await keys.make(fixed, KeyFields(name="prod"), secret="another-secret-of-ours-1234")
    assert await keys.every(desk) == []
    second = await keys.make(desk, KeyFields(name="prod"))
    assert second.kept.id != first.kept.id


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("", "key-"),
        ("Ünïcode ★", "n-code-"),
        ("★★★", "key-"),
        ("a" * 200, "a" * 40 + "-"),
        ("--x--", "x-"),
        ("../../etc", "etc-"),
    ],
)
async def test_ids_are_fit_for_a_path(name: str, begins: str) -> None:
    issued = await keys.make(await a_desk(), KeyFields(name=name))
    assert issued.kept.id.startswith(begins)
    assert issued.kept.id.replace("-", "").isalnum()
    assert issued.kept.id.isascii()


async def test_nothing_is_written_for_a_key_that_is_wrong() -> None:
    desk = await a_desk()
    for wanted, field in (
        (KeyFields(models=["gpt-5-minni"]), "models"),
        (KeyFields(role="boss"), "role"),
        (KeyFields(budgets=[BudgetFields(limit="1"), BudgetFields(limit="2")]), "budgets.1.window"),
        (KeyFields(limits=[LimitFields(measure="cups", limit=1)]), "limits.0.measure"),
        (KeyFields(expires=NOW - 1), "expires"),
        (KeyFields(expires="0d"), "expires"),
        (KeyFields(expires=1e300), "expires"),
        (KeyFields(team="none"), "team"),
        (KeyFields(team="x" * 500), "team"),
        (KeyFields(models=["x"] * 1), "models"),
        (KeyFields(tags=[""]), "tags"),
        (KeyFields(metadata={"x": float("nan")}), "metadata"),
    ):
        with pytest.raises(FieldError) as caught:
            await keys.make(desk, wanted)
        assert caught.value.field == field
        assert str(caught.value).startswith(f"{field}: ")
    assert await desk.store.changes() == []


async def test_expiry_is_a_span_an_instant_or_unix_seconds() -> None:
    desk = await a_desk()
    for said, at in (
        ("30d", NOW + 30 * 86_400),
        ("12h", NOW + 12 * 3600),
        ("2026-12-01", 1_796_083_200.0),
        ("2026-12-01T01:00:00+01:00", 1_796_083_200.0),
        (NOW + 5, NOW + 5),
        (None, None),
    ):
        issued = await keys.make(desk, KeyFields(expires=said))
        assert issued.kept.entity.expires_at == at


async def test_models_are_not_checked_where_none_are_known() -> None:
    desk = replace(await a_desk(), models=None)
    issued = await keys.make(desk, KeyFields(models=["anything"]))
    assert issued.kept.entity.models == ("anything",)


async def test_a_model_that_left_the_configuration_does_not_bar_other_changes() -> None:
    desk = await a_desk()
    issued = await keys.make(desk, KeyFields(models=["router"]))
    later = replace(desk, models=("gpt-5-mini",))
    changed = await keys.update(later, issued.kept.id, KeyFields(tags=["x"]))
    assert changed.entity.models == ("router",)
    with pytest.raises(FieldError, match="no model fits 'router'"):
        await keys.update(later, issued.kept.id, KeyFields(models=["router"]))


async def test_changes_at_the_same_time_are_all_kept() -> None:
    desk = await a_desk()
    identity = (await keys.make(desk, KeyFields())).kept.id
    await asyncio.gather(
        keys.update(desk, identity, KeyFields(name="n")),
        keys.update(desk, identity, KeyFields(tags=["t"])),
        keys.update(desk, identity, KeyFields(metadata={"m": 1})),
    )
    found = (await keys.get(desk, identity)).entity
    assert (found.name, found.tags, found.metadata) == ("n", ("t",), {"m": 1})


async def test_a_stated_version_must_be_the_one_that_is_there() -> None:
    desk = await a_desk()
    identity = (await keys.make(desk, KeyFields())).kept.id
    await keys.update(desk, identity, KeyFields(name="n"), 1)
    with pytest.raises(VersionConflictError, match="at version 2, not 1"):
        await keys.update(desk, identity, KeyFields(name="o"), 1)
    with pytest.raises(VersionConflictError):
        await keys.rotate(desk, identity, version=1)
    with pytest.raises(VersionConflictError):
        await keys.delete(desk, identity, 1)
    await keys.delete(desk, identity, 2)
    with pytest.raises(UnknownEntityError, match="there is no key"):
        await keys.get(desk, identity)


async def test_the_audit_log_has_who_and_when() -> None:
    desk = await a_desk(actor="ada-x7k2")
    issued = await keys.make(desk, KeyFields())
    await keys.block(replace(desk, actor="bob-aaaa", now=NOW + 1), issued.kept.id)
    made, blocked = await desk.store.changes()
    assert (made.actor, made.at, made.before) == ("ada-x7k2", NOW, None)
    assert (blocked.actor, blocked.at, blocked.version) == ("bob-aaaa", NOW + 1, 2)
    assert blocked.after is not None
    assert blocked.after["blocked"] is True


async def test_a_rotated_key_is_good_until_the_overlap_ends() -> None:
    desk = await a_desk()
    old = await keys.make(desk, KeyFields())
    new = await keys.rotate(desk, old.kept.id, overlap="1h")
    index = index_keys([new.kept.entity])
    assert find_key(index, old.secret, NOW + 3599) is not None
    assert find_key(index, old.secret, NOW + 3600) is None
    assert find_key(index, new.secret, NOW + 10**9) is not None
    found = await keys.find(desk, old.secret)
    assert found is not None
    with pytest.raises(ConflictError, match="choose another"):
        await keys.make(desk, KeyFields(), secret=old.secret)


async def test_budget_ids_stay_when_the_key_changes() -> None:
    desk = await a_desk()
    budgets = [BudgetFields(limit="1", window="1mo"), BudgetFields(limit="5", window="rolling 7d")]
    kept = (await keys.make(desk, KeyFields(budgets=budgets))).kept
    ids = [each.id for each in kept.entity.budgets]
    assert ids == [f"key/{kept.id}/1mo", f"key/{kept.id}/rolling-1w"]
    more = [BudgetFields(limit="9", window="monthly"), budgets[1]]
    changed = await keys.update(desk, kept.id, KeyFields(budgets=more))
    assert [each.id for each in changed.entity.budgets] == ids
    assert changed.entity.budgets[0].limit == 9 * 10**12


async def test_team_and_user_hold_their_keys() -> None:
    desk = await a_desk()
    await users.make(desk, users.UserFields(), identity="ada@example.com")
    await teams.make(desk, teams.TeamFields(members=["ada@example.com"]), identity="red")
    issued = await keys.make(desk, KeyFields(team="red", user="ada@example.com"))
    with pytest.raises(ConflictError, match=issued.kept.id):
        await teams.delete(desk, "red")
    with pytest.raises(ConflictError, match=issued.kept.id):
        await users.delete(desk, "ada@example.com")
    moved = await keys.update(desk, issued.kept.id, KeyFields(team="", user=""))
    assert (moved.entity.team, moved.entity.user) == ("", "")
    await users.delete(desk, "ada@example.com")
    assert (await teams.get(desk, "red")).entity.members == ()
    await teams.delete(desk, "red")
    # An id that was chosen may be chosen again: whoever does so means the same team.
    await teams.make(desk, teams.TeamFields(), identity="red")
