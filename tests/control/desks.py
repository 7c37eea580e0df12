"""A desk over a store in memory, with random bytes that tests choose."""

from collections.abc import Iterator
from itertools import count

from faregate.control.desk import Desk
from faregate.store.memory import MemoryStore
from faregate.store.protocol import Store

NOW = 1_795_348_800.0
"""2026-11-22 12:00 UTC."""


async def a_desk(store: Store | None = None, *, actor: str = "ada", now: float = NOW) -> Desk:
    """A desk that knows three models; ids end in ``aaaa``, ``aaab`` … (nearly)."""
    store = store or MemoryStore()
    await store.open()
    return Desk(
        store=store,
        actor=actor,
        now=now,
        models=("router", "gpt-5-mini", "claude-*"),
        deployments=("main", "spare"),
        entropy=Counting().bytes,
    )


class Counting:
    """Random bytes that are not: each other than the one before."""

    def __init__(self) -> None:
        self._numbers: Iterator[int] = count()

    def bytes(self, size: int) -> bytes:
        """The next number, so that its low bits come first."""
        return next(self._numbers).to_bytes(2, "big").ljust(size, b"\0")
