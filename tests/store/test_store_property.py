"""Whatever calls come, in whatever batches, repeated and broken off at will: the sums agree."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faregate.core.budget import Payer
from faregate.money import format_usd
from faregate.store.backend import Delta
from faregate.store.database import DatabaseStore
from faregate.store.errors import LedgerUnavailableError
from faregate.store.memory import MemoryStore
from faregate.store.periods import EPOCH
from faregate.store.protocol import DIMENSIONS, Dimension, Filter, Store
from faregate.store.sqlite import SqliteBackend
from faregate.types import Charge, Row, Usage
from tests.store.ledgers import DAY, NOON, a_charge, a_receipt, a_row, everything, spent

_NAMES = st.sampled_from(["", "a", "b", "ü"])
_AMOUNTS = st.one_of(st.none(), st.integers(0, 2**62), st.integers(0, 2_000_000))


@st.composite
def charges(draw: st.DrawFn) -> Charge:
    """A charge of any deployment, priced or not."""
    total = draw(_AMOUNTS)
    return a_charge(
        total,
        deployment=draw(_NAMES),
        provider=draw(_NAMES),
        served_model=draw(_NAMES),
        usage=Usage(input=draw(st.integers(0, 9)), image_output=draw(st.integers(0, 2))),
        status="unpriced" if total is None else draw(st.sampled_from(["priced", "estimated"])),
    )


_RECEIPTS = st.lists(charges(), min_size=1, max_size=3).map(lambda found: a_receipt(*found))


@st.composite
def calls(draw: st.DrawFn) -> list[Row]:
    """Up to twelve calls on a few days, two months among them."""
    return [
        a_row(
            number,
            NOON + DAY * draw(st.integers(-30, 30)),
            key=draw(_NAMES),
            team=draw(_NAMES),
            deployment=draw(_NAMES),
            provider=draw(_NAMES),
            tags=tuple(draw(st.lists(st.sampled_from(["x", "y", "z"]), max_size=3, unique=True))),
            outcome=draw(st.sampled_from(["completed", "failed", "cancelled", "lost"])),
            receipt=draw(st.none() | _RECEIPTS),
        )
        for number in range(draw(st.integers(1, 12)))
    ]


class Breaking(SqliteBackend):
    """SQLite that loses its connection in the middle of a batch, when told to."""

    fuse = -1

    async def add_up(self, connection: Any, table: Any, deltas: Sequence[Delta]) -> None:
        if self.fuse == 0:
            self.fuse = -1
            raise ConnectionResetError("cut")
        self.fuse -= 1
        await super().add_up(connection, table, deltas)


def text(amount: int) -> str:
    """Money as it is shown."""
    return format_usd(amount)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(rows=calls(), instructions=st.data())
def test_sums_agree(rows: list[Row], instructions: st.DataObject) -> None:
    asyncio.run(_play(rows, instructions))


async def _appended(store: Store, batch: Sequence[Row]) -> bool:
    """Whether the batch went in; if not, the store says that it may be repeated."""
    try:
        await store.append(batch)
    except LedgerUnavailableError as error:
        return "can be repeated" not in str(error)
    return True


async def _play(rows: list[Row], instructions: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as directory:
        backend = Breaking(Path(directory) / "ledger")
        store, twin = DatabaseStore(backend), MemoryStore()
        await store.open()
        await twin.open()
        try:
            await _compare(store, twin, rows, instructions)
        finally:
            await store.close()


async def _compare(
    store: DatabaseStore, twin: MemoryStore, rows: list[Row], instructions: st.DataObject
) -> None:
    backend = store._backend
    assert isinstance(backend, Breaking)
    left = set(range(len(rows)))
    while left:
        chosen = instructions.draw(
            st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=8), "batch"
        )
        batch = [rows[n] for n in chosen]
        backend.fuse = instructions.draw(st.sampled_from([-1, -1, 0, 1, 2, 3]), "fuse")
        if not await _appended(store, batch):
            assert ids_of(await everything(store)) == ids_of(await everything(twin))
            await store.append(batch)
        backend.fuse = -1
        await twin.append(batch)
        await _same_days(store, twin)
        left -= set(chosen) or left
        if instructions.draw(st.integers(0, 3), "more") == 0:
            await twin.append(rows)
            await store.append(rows)
            left = set()
    await _agree(store, rows)
    await _same(store, twin)
    for row in rows[:3]:
        receipt = instructions.draw(_RECEIPTS, "late price")
        for each in (store, twin):
            await each.adjust(row.call_id, receipt, reason="late", at=NOON)
    await _same(store, twin)
    changed = [entry.row for entry in (await store.rows(Filter(), limit=100)).entries]
    await _agree(store, changed)


def ids_of(rows: Sequence[Row]) -> list[str]:
    return [each.call_id for each in rows]


async def _agree(store: Store, rows: Sequence[Row]) -> None:
    """Lines are the charges, charges the rows, rows the roll-ups: as text, to the last digit."""
    page = await store.rows(Filter(), limit=100)
    assert sorted(ids_of([entry.row for entry in page.entries])) == sorted(ids_of(rows))
    for entry in page.entries:
        receipt = entry.row.receipt
        known = 0
        for charge in receipt.charges if receipt else ():
            added = sum(line.amount for line in charge.lines)
            assert charge.total is None or text(charge.total) == text(added)
            known += added
        assert text(entry.spend) == text(known)
        assert entry.total is None or text(entry.total) == text(known)
    everywhere = text(sum(entry.spend for entry in page.entries))
    for name in DIMENSIONS:
        if name == "tag":
            continue
        lines = await store.spend((name,))
        assert text(sum(line.spend for line in lines)) == everywhere, name
        assert sum(line.calls for line in lines) == len(rows), name
    by_tag = Counter[str]()
    for entry in page.entries:
        for tag in entry.row.tags or ("",):
            by_tag[tag] += entry.spend
    for line in await store.spend(("tag",)):
        assert text(line.spend) == text(by_tag[line.group[0]])


_BY_DAY: tuple[tuple[tuple[Dimension, ...], Filter], ...] = (
    (("day",), Filter()),
    (("day",), Filter(key=("a",))),
    (("key", "day"), Filter(key=("a", ""))),
    (("day", "tag"), Filter()),
    (("day",), Filter(tag="x")),
    (("day",), Filter(tag="")),
    (("day", "deployment"), Filter()),
    (("day", "served_model"), Filter()),
)
"""Questions that the sums by a single name answer."""


_BY_NAMES: tuple[tuple[tuple[Dimension, ...], Filter], ...] = (
    (("day", "key", "deployment"), Filter()),
    (("tag", "day", "served_model"), Filter(deployment=("a", "b"))),
    (("team", "day"), Filter(key=("a",))),
    (("key", "day", "team"), Filter(tag="x")),
    (("day",), Filter(tag="", key=("a", "ü"))),
)
"""Questions that are answered from the days a process keeps."""


async def _same_days(store: Store, twin: Store) -> None:
    """Both answer alike, whatever was asked before, a page at a time as well."""
    for by, only in _BY_NAMES:
        whole = await twin.spend(by, only=only)
        assert await store.spend(by, only=only) == whole, (by, only)
        for skip, limit in ((0, 1), (2, 3), (1, 100), (0, 0)):
            page = await store.spend(by, only=only, skip=skip, limit=limit)
            assert page == whole[skip : skip + limit], (by, only, skip, limit)


async def _same(store: Store, twin: Store) -> None:
    """Both answer alike."""
    assert (await store.rows(Filter(), limit=100)) == (await twin.rows(Filter(), limit=100))
    await _same_days(store, twin)
    questions: tuple[tuple[Dimension, ...], ...]
    questions = (("day", "key", "tag"), ("served_model", "deployment"), ("team", "provider"), ())
    for by in questions:
        assert await store.spend(by) == await twin.spend(by)
    first = (EPOCH + timedelta(days=int(NOON // DAY))).replace(day=1)
    for pair, only in _BY_DAY:
        lines = await store.spend(pair, only=only, since=first)
        assert lines == await twin.spend(pair, only=only, since=first), (pair, only)
    payers: tuple[tuple[Payer, str], ...]
    payers = (("everything", ""), ("key", "a"), ("tag", "x"), ("tag", ""), ("deployment", "b"))
    for payer, name in payers:
        for since, slot in ((0.0, None), (NOON, None), (NOON - 9 * DAY, 7 * DAY), (NOON, DAY / 3)):
            here = await spent(store, payer, name, since, slot)
            assert here == await spent(twin, payer, name, since, slot), (payer, name, since, slot)


async def test_sums_agree_on_every_store(store: Store) -> None:
    """The same invariants over one fixed ledger."""
    rows = [
        a_row(
            n,
            NOON + DAY * (n % 7),
            key=f"k{n % 3}",
            tags=("x",) * (n % 2),
            receipt=a_receipt(
                a_charge(None if n % 5 == 0 else 10**15 + n, deployment=f"d{n % 4}"), a_charge(n)
            ),
        )
        for n in range(60)
    ]
    for at in range(0, 60, 7):
        await store.append(rows[max(0, at - 3) : at + 7])
    await _agree(store, rows)
