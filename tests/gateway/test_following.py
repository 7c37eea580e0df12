"""The directory follows the database: every change, in order, also over a start without it."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from faregate.core.budget import Budget
from faregate.core.directory import Directory
from faregate.core.entities import to_document
from faregate.core.keys import Key, Team, hash_key, make_key, redact
from faregate.core.windows import parse_window
from faregate.errors import ConfigError
from faregate.gateway.following import COPY, Follower, zone_of
from faregate.store.errors import LedgerUnavailableError
from faregate.store.memory import MemoryStore

SECRET = make_key(bytes(range(32)))


class Told:
    """What a follower tells."""

    def __init__(self) -> None:
        self.directories: list[Directory] = []
        self.others: list[str] = []

    def directory(self, found: Directory) -> None:
        self.directories.append(found)

    async def other(self, kind: str) -> None:
        self.others.append(kind)

    @property
    def last(self) -> Directory:
        return self.directories[-1]


def follower(told: Told, home: Path | None = None) -> Follower:
    return Follower(home, tuple, told.directory, told.other)


def a_key(identity: str = "k1", **more: Any) -> Key:
    return Key(id=identity, hash=hash_key(SECRET), shown=redact(SECRET), **more)


async def put(store: MemoryStore, kind: str, identity: str, entity: Any) -> None:
    document = entity if entity is None or isinstance(entity, dict) else to_document(entity)
    await store.put(kind, identity, document, actor="test", at=1.0)


@pytest.fixture
async def store() -> MemoryStore:
    found = MemoryStore()
    await found.open()
    return found


async def test_what_is_there_and_what_changes(store: MemoryStore) -> None:
    told = Told()
    await put(store, "key", "k1", a_key(team="t1"))
    following = follower(told)
    following.start(store)
    try:
        await following.applied()
        assert following.fresh
        holder = told.last.holder(SECRET, 1.0)
        assert holder is not None
        assert (holder.id, holder.team) == ("k1", None)
        await put(store, "team", "t1", Team(id="t1", blocked=True))
        await following.applied()
        holder = told.last.holder(SECRET, 1.0)
        assert holder is not None
        assert holder.barred(1.0) is not None
        await put(store, "key", "k1", None)
        await following.applied()
        assert told.last.holder(SECRET, 1.0) is None
    finally:
        await following.stop()


async def test_other_things_are_told_by_their_kind(store: MemoryStore) -> None:
    told = Told()
    following = follower(told)
    following.start(store)
    try:
        await following.applied()
        before = len(told.directories)
        told.others.clear()
        await put(store, "price", "added/x", {"a": 1})
        await put(store, "repriced", "y", {"a": 1})
        await following.applied()
        assert told.others == ["price", "repriced"]
        assert len(told.directories) == before
    finally:
        await following.stop()


async def test_an_entity_that_cannot_be_read_takes_no_other_down(store: MemoryStore) -> None:
    told = Told()
    await put(store, "key", "bad", {"id": 3})
    await put(store, "key", "k1", a_key())
    bad = Budget(id="b", scope="tag", limit=5, window=parse_window("1d"))
    await put(store, "budget", "b", bad)
    following = follower(told)
    following.start(store)
    try:
        await following.applied()
        assert list(told.last.keys) == ["k1"]
        assert told.last.problems == ["budget 'b': scope tag needs the id of a tag"]
    finally:
        await following.stop()


async def test_a_start_without_the_database_has_the_last_keys(
    store: MemoryStore, tmp_path: Path
) -> None:
    await put(store, "key", "k1", a_key())
    first = follower(Told(), tmp_path)
    first.start(store)
    await first.applied()
    await first.stop()
    copy = tmp_path / COPY
    assert copy.stat().st_mode & 0o777 == 0o600
    assert SECRET not in copy.read_text()
    directory = follower(Told(), tmp_path).load_copy()
    assert directory.holder(SECRET, 1.0) is not None


@pytest.mark.parametrize("text", ["", "{", '{"sequence": "x"}', '{"sequence":1,"documents":[]}'])
def test_a_copy_that_is_none_is_ignored(tmp_path: Path, text: str) -> None:
    (tmp_path / COPY).write_text(text)
    assert not follower(Told(), tmp_path).load_copy().keys


def test_zones() -> None:
    assert str(zone_of("Europe/Berlin")) == "Europe/Berlin"
    for bad in ("Mars/Olympus", "", "../../etc/passwd", "a\0b"):
        with pytest.raises(ConfigError, match="is no time zone"):
            zone_of(bad)


async def test_what_could_not_be_told_is_told_again(store: MemoryStore) -> None:
    told: list[str] = []

    async def failing_once(kind: str) -> None:
        told.append(kind)
        if told.count(kind) == 1:
            raise ConfigError("the database is away")

    following = Follower(None, tuple, lambda _: None, failing_once)
    following.start(store)
    try:
        for _ in range(3):
            with contextlib.suppress(ConfigError):
                await following.applied()
        await following.applied()
        assert sorted(told) == ["model", "model", "price", "price"]
    finally:
        await following.stop()


async def test_it_knows_whether_the_database_answers(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()
    away = True

    async def changes(since: int, limit: int = 1000) -> list[Any]:
        asked.set()
        if away:
            raise LedgerUnavailableError("nothing answers there")
        return []

    async def after_a_look() -> bool:
        for _ in range(2):  # when it asks again, what came of the look before is known
            asked.clear()
            await asyncio.wait_for(asked.wait(), 5)
        return following.answered

    monkeypatch.setattr("faregate.gateway.following.SECONDS", 0.001)
    monkeypatch.setattr(store, "changes", changes)
    following = follower(Told())
    following.start(store)
    try:
        assert not await after_a_look()
        away = False
        assert await after_a_look()
    finally:
        await following.stop()
