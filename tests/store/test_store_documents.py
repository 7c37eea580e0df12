"""Entities: versioned documents, and an audit log that only grows."""

import asyncio

import pytest

from faregate.store.errors import VersionConflictError
from faregate.store.protocol import Store
from tests.store.ledgers import NOON


async def test_versions(store: Store) -> None:
    made = await store.put("key", "k1", {"name": "é\x00", "n": 2**70}, actor="ada", at=NOON)
    assert (made.version, made.document, made.changed_at) == (
        1,
        {"name": "é\x00", "n": 2**70},
        NOON,
    )
    assert await store.get("key", "k1") == made
    changed = await store.put("key", "k1", {}, actor="ada", at=NOON, expected_version=1)
    assert (changed.version, changed.document) == (2, {})
    assert await store.get("team", "k1") is None
    await store.put("key", "k0", {"a": [1, None]}, actor="bob", at=NOON, expected_version=0)
    assert [each.id for each in await store.entities("key")] == ["k0", "k1"]
    assert [each.id for each in await store.entities("key", ["k1", "k9"])] == ["k1"]
    assert await store.entities("key", []) == []
    assert await store.entities("team") == []


async def test_a_deleted_entity_is_gone_and_its_versions_go_on(store: Store) -> None:
    await store.put("key", "k", {"a": 1}, actor="ada", at=NOON)
    gone = await store.put("key", "k", None, actor="ada", at=NOON, expected_version=1)
    assert (gone.version, gone.document) == (2, None)
    assert await store.get("key", "k") is None
    assert await store.entities("key") == []
    again = await store.put("key", "k", {"a": 2}, actor="ada", at=NOON, expected_version=0)
    assert again.version == 3


@pytest.mark.parametrize("expected", [0, 1, 3])
async def test_a_writer_who_read_something_else_changes_nothing(
    store: Store, expected: int
) -> None:
    for n in range(2):
        await store.put("key", "k", {"n": n}, actor="ada", at=NOON)
    with pytest.raises(VersionConflictError, match="is at version 2"):
        await store.put("key", "k", {}, actor="bob", at=NOON, expected_version=expected)
    with pytest.raises(VersionConflictError, match="does not exist"):
        await store.put("key", "other", {}, actor="bob", at=NOON, expected_version=4)
    found = await store.get("key", "k")
    assert found is not None
    assert found.document == {"n": 1}
    assert len(await store.changes()) == 2


async def test_of_writers_at_the_same_time_one_wins(store: Store) -> None:
    await store.put("budget", "b", {"n": 0}, actor="ada", at=NOON)
    tries = [
        store.put("budget", "b", {"n": n}, actor="ada", at=NOON, expected_version=1)
        for n in range(5)
    ]
    done = await asyncio.gather(*tries, return_exceptions=True)
    lost = [each for each in done if isinstance(each, VersionConflictError)]
    assert len(lost) == 4
    assert [each.version for each in await store.changes()] == [1, 2]


async def test_changes_follow_one_another_without_a_gap(store: Store) -> None:
    await asyncio.gather(
        *(store.put("key", f"k{n}", {"n": n}, actor="ada", at=NOON) for n in range(12))
    )
    found = await store.changes()
    assert [each.sequence for each in found] == list(range(1, 13))
    assert await store.changes(10) == found[10:]
    assert await store.changes(3, limit=2) == found[3:5]
    assert await store.changes(12) == []


async def test_the_audit_log_says_who_changed_what(store: Store) -> None:
    await store.put("key", "k", {"a": 1}, actor="ada", at=NOON)
    await store.put("key", "k", {"a": 2}, actor="bob", at=NOON + 1)
    await store.put("key", "k", None, actor="eve", at=NOON + 2)
    page = await store.audit(limit=2)
    last, middle = page.changes
    assert (last.actor, last.version, last.before, last.after) == ("eve", 3, {"a": 2}, None)
    assert (middle.actor, middle.at, middle.before, middle.after) == (
        "bob",
        NOON + 1,
        {"a": 1},
        {"a": 2},
    )
    await store.put("key", "k2", {}, actor="ada", at=NOON)
    rest = await store.audit(cursor=page.cursor, limit=2)
    assert [(each.sequence, each.before) for each in rest.changes] == [(1, None)]
    assert rest.cursor is None
    with pytest.raises(ValueError, match="cursor"):
        await store.audit(cursor="1; DROP")


@pytest.mark.parametrize(
    ("kind", "identity", "actor"),
    [("", "i", "a"), ("k", "", "a"), ("k", "i", ""), ("k", "x" * 257, "a"), ("k", "a\x00", "a")],
)
async def test_names_are_keys(store: Store, kind: str, identity: str, actor: str) -> None:
    with pytest.raises(ValueError, match="1 to 256"):
        await store.put(kind, identity, {}, actor=actor, at=NOON)
