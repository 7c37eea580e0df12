"""Ten thousand keys, of which one changes; and budgets of the configuration."""

from pathlib import Path
from typing import Any, Self

from faregate.core.budget import Budget
from faregate.core.directory import Directory
from faregate.core.entities import to_document
from faregate.gateway.following import Follower
from faregate.store.memory import MemoryStore
from tests.gateway.gatehouse import budget, key, until

MANY = 10_000


class Followed:
    """A follower, its store and what it told."""

    def __init__(self, directory: Path) -> None:
        self.store = MemoryStore()
        self.extra: tuple[Budget, ...] = ()
        self.now = Directory()
        self.others: list[str] = []
        self.follower = Follower(directory, lambda: self.extra, self._take, self._other)

    def _take(self, directory: Directory) -> None:
        self.now = directory

    async def _other(self, kind: str) -> None:
        self.others.append(kind)

    async def put(self, kind: str, name: str, document: Any) -> None:
        """Write one thing, as the admin API does."""
        await self.store.put(kind, name, document, actor="test", at=1.0)

    async def __aenter__(self) -> Self:
        await self.store.open()
        self.follower.start(self.store)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.follower.stop()


async def test_what_did_not_change_is_made_once(tmp_path: Path) -> None:
    async with Followed(tmp_path) as followed:
        for number in range(MANY):
            made = key(budget("1", scope_id=f"k{number}"), id=f"k{number}", hash=f"{number:064x}")
            await followed.put("key", made.id, to_document(made))
        await followed.follower.applied()
        before = followed.now
        await followed.put("key", "k1", to_document(key()))
        await followed.follower.applied()
        assert len(followed.now.keys) == MANY
        for name in ("k0", "k9999"):
            assert followed.now.keys[name] is before.keys[name]
            (account,) = followed.now.accounts_for("key", name)
            assert account is before.accounts_for("key", name)[0]
        assert followed.now.accounts_for("key", "k1") == ()


async def test_budgets_of_the_configuration_are_reread(tmp_path: Path) -> None:
    async with Followed(tmp_path) as followed:
        await followed.follower.applied()
        followed.extra = (budget("5", "everything", ""),)
        followed.follower.rebuild()
        await until(lambda: followed.now.limited)
        followed.extra = ()
        followed.follower.rebuild()
        await until(lambda: not followed.now.limited)
