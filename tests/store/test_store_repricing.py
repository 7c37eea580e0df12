"""Prices learnt later: rows get their receipts once, and what was known then is kept."""

import asyncio

import pytest
from msgspec.structs import replace

from faregate.core.budget import Payer
from faregate.core.pricebook import PriceBook
from faregate.core.receipt import Outcome, charge
from faregate.core.receipt import total as added_up
from faregate.store.memory import MemoryStore
from faregate.store.protocol import Filter, Store
from faregate.store.repricing import Learnt, Refill, refill
from faregate.types import Deployment, Price, Receipt, Row, Usage
from tests.store.ledgers import DAY, HOUR, NOON, a_charge, a_receipt, a_row, call_id, spent

ASKED = Refill(at=NOON + DAY, reason="price added by ada")
UNPRICED = Filter(status=("unpriced",))


def unknown(number: int, at: float = NOON, **changes: object) -> Row:
    """A call whose model had no price; its routing fee of 43 was known."""
    receipt = a_receipt(a_charge(None), of=call_id(number, at))
    return a_row(number, at, **({"receipt": receipt} | changes))


def now_known(row: Row) -> Receipt | None:
    """Every row costs 600 now; that of key ``poor`` is still unknown."""
    return None if row.key == "poor" else a_receipt(a_charge(600), of=row.call_id)


async def test_rows_get_their_receipts_and_keep_what_was_known(store: Store) -> None:
    await store.append(
        [unknown(1), unknown(2, NOON + 1, tags=("t",)), unknown(3, key="poor"), a_row(4)]
    )
    told: list[Learnt] = []

    async def learnt(found: Learnt) -> None:
        told.append(found)

    found = await refill(store, now_known, ASKED, learnt)
    assert (found.looked_at, found.filled, found.cursor) == (3, 2, None)
    assert found.amounts == {
        ("key", "key-1"): 1114, ("team", "red"): 1114, ("user", "ada"): 1114, ("tag", ""): 557,
        ("tag", "t"): 557, ("model", "router"): 1114, ("deployment", "main"): 1114,
        ("everything", ""): 1114,
    }  # fmt: skip
    assert [(each.entry.row.call_id, each.amounts[("key", "key-1")]) for each in told] == [
        (call_id(2, NOON + 1), 557),
        (call_id(1), 557),
    ]
    entry = await store.row(call_id(1))
    assert entry is not None
    assert (entry.status, entry.total) == ("priced", 600)
    (note,) = entry.adjustments
    assert (note.before, note.at, note.reason) == (
        unknown(1).receipt,
        NOON + DAY,
        "price added by ada",
    )
    assert [each.row.key for each in (await store.rows(UNPRICED)).entries] == ["poor"]


async def test_what_is_filled_is_what_budgets_have_spent(store: Store) -> None:
    billed = a_receipt(a_charge(None, deployment="first"), a_charge(None))
    rows = [unknown(n, NOON - n * HOUR, tags=("t",) * (n % 2), receipt=billed) for n in range(20)]
    await store.append(rows)
    payers: list[tuple[Payer, str]] = [
        ("key", "key-1"), ("tag", "t"), ("tag", ""), ("deployment", "first"), ("everything", ""),
    ]  # fmt: skip
    before = [sum(amount for _, amount in await spent(store, *each, 0.0)) for each in payers]

    def rated(row: Row) -> Receipt:
        return a_receipt(a_charge(100, deployment="first"), a_charge(600), of=row.call_id)

    found = await refill(store, rated, ASKED)
    after = [sum(amount for _, amount in await spent(store, *each, 0.0)) for each in payers]
    assert [found.amounts[each] for each in payers] == [
        late - early for late, early in zip(after, before, strict=True)
    ]


async def test_a_second_time_nothing_is_left_to_do(store: Store) -> None:
    await store.append([unknown(n) for n in range(3)])
    first = await refill(store, now_known, ASKED)
    second = await refill(store, now_known, ASKED)
    assert (first.filled, second.looked_at, second.amounts) == (3, 0, {})


async def test_two_at_once_charge_each_row_once(store: Store) -> None:
    await store.append([unknown(n) for n in range(12)])
    both = await asyncio.gather(*(refill(store, now_known, ASKED) for _ in range(2)))
    assert sum(each.filled for each in both) == 12
    assert sum(each.amounts.get(("key", "key-1"), 0) for each in both) == 12 * 557
    entry = await store.row(call_id(1))
    assert entry is not None
    assert len(entry.adjustments) == 1


async def test_it_goes_on_where_it_stopped(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faregate.store.repricing._PAGE", 3)
    await store.append([unknown(n, NOON + n, key="poor" if n % 2 else "rich") for n in range(10)])
    asked, gone = replace(ASKED, most=4), []
    while True:
        found = await refill(store, now_known, asked)
        gone.append((found.looked_at, found.filled))
        if found.cursor is None:
            break
        asked = replace(asked, cursor=found.cursor)
    assert gone == [(6, 3), (4, 2)]
    assert len((await store.rows(UNPRICED)).entries) == 5


async def test_broken_off_it_can_be_repeated(store: Store) -> None:
    await store.append([unknown(n) for n in range(4)])
    seen: list[str] = []

    async def learnt(found: Learnt) -> None:
        seen.append(found.receipt.call_id)
        if len(seen) == 2:
            raise ConnectionError("the counters are away")

    with pytest.raises(ConnectionError):
        await refill(store, now_known, ASKED, learnt)
    found = await refill(store, now_known, ASKED, learnt)
    assert found.filled == 2
    assert len(set(seen)) == len(seen) == 4


async def test_only_rows_of_a_model_or_provider(store: Store) -> None:
    charges = {
        1: a_charge(None, served_model="gpt-9"),
        2: a_charge(None, served_model="gpt-8"),
        3: a_charge(None, provider="openai"),
    }
    await store.append(
        [unknown(n, provider=each.provider, receipt=a_receipt(each)) for n, each in charges.items()]
    )
    found = await refill(store, now_known, replace(ASKED, served_model=("gpt-9",)))
    assert (found.looked_at, found.filled) == (1, 1)
    found = await refill(store, now_known, replace(ASKED, provider=("openai",)))
    assert (found.looked_at, found.filled) == (1, 1)
    (left,) = (await store.rows(UNPRICED)).entries
    assert left.row.call_id == call_id(2)


async def test_a_price_for_a_part_is_kept_and_the_row_still_waits(store: Store) -> None:
    await store.append([unknown(1)])
    better = replace(a_receipt(a_charge(None)), charges=(a_charge(None, reason="no image price"),))
    for _ in range(2):
        found = await refill(store, lambda _: better, ASKED)
        assert (found.looked_at, found.filled) == (1, 0)
    entry = await store.row(call_id(1))
    assert entry is not None
    assert (entry.status, len(entry.adjustments)) == ("unpriced", 1)


async def test_the_book_of_today_prices_a_call_of_yesterday_as_of_yesterday() -> None:
    """With the real arithmetic: kept usage, and the prices in force when the call was made."""
    prices = [_price("old", NOON - 5 * DAY, 10), _price("new", NOON + HOUR, 1)]
    deployment = Deployment(
        id="d", provider="openai", route="direct", upstream_model="gpt-9", api_base=""
    )

    def of(book: PriceBook) -> Receipt:
        outcome = Outcome(
            requested_model="m", served_model="gpt-9", usage=Usage(input=1000), at=NOON
        )
        return added_up(call_id(1), [charge(book, "openai", deployment, outcome)])

    store = MemoryStore()
    await store.open()
    row = a_row(1, receipt=of(PriceBook([])))
    await store.append([row])
    assert row.receipt is not None
    assert row.receipt.total is None
    found = await refill(store, lambda _: of(PriceBook(prices)), ASKED)
    assert found.amounts[("key", "key-1")] == 10_000
    assert await spent(store, "key", "key-1", NOON) == [(NOON, 10_000)]


def _price(name: str, since: float, per_token: int) -> Price:
    return Price(
        id=name, provider="openai", model="gpt-9", scope="global", tier="standard",
        context="short", unit="input", per_token=per_token, effective_from=since, source="test",
        observed_at=NOON + DAY, confidence="page",
    )  # fmt: skip
