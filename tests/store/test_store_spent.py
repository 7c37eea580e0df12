"""What budgets have spent, read back so that they can go on: from roll-ups, and from rows."""

import random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from faregate.core.budget import Account, Payer, Spend
from faregate.core.holds import Accounts
from faregate.core.windows import bounds, parse_window, slotting
from faregate.store.database import DatabaseStore
from faregate.store.protocol import SpentBy, Store
from faregate.types import Row
from tests.store.ledgers import DAY, HOUR, NOON, a_charge, a_receipt, a_row, spent

MIDNIGHT = NOON - 12 * HOUR


def spread(count: int, days: float) -> list[Row]:
    """Calls over the days before noon, each with an amount of its own."""
    chance = random.Random(11)
    return [
        a_row(
            number,
            NOON - chance.random() * days * DAY,
            key=chance.choice(("k1", "k2", "")),
            team=chance.choice(("red", "blue")),
            user=chance.choice(("ada", "bob")),
            requested_model=chance.choice(("m1", "m2")),
            deployment="main",
            tags=chance.choice(((), ("x",), ("x", "y"))),
            receipt=a_receipt(a_charge(10 ** chance.randrange(3, 15) + number)),
        )
        for number in range(count)
    ]


def known(row: Row) -> int:
    """What a row's receipt comes to."""
    assert row.receipt is not None
    assert row.receipt.total is not None
    return row.receipt.total


def paid_by(payer: Payer, name: str, row: Row) -> bool:
    """Whether a payer pays for a call."""
    if payer == "tag":
        return name in (row.tags or ("",))
    names = {
        "key": row.key, "team": row.team, "user": row.user, "model": row.requested_model,
        "deployment": row.deployment, "everything": "",
    }  # fmt: skip
    return names[payer] == name


_PAYERS: list[tuple[Payer, str]] = [
    ("key", "k1"), ("key", ""), ("team", "red"), ("user", "bob"), ("tag", "x"), ("tag", "y"),
    ("tag", ""), ("deployment", "main"), ("model", "m2"), ("everything", ""), ("key", "nobody"),
]  # fmt: skip


@pytest.mark.parametrize("window", ["rolling 1h", "rolling 7d", "rolling 60d", "rolling 90d"])
async def test_slots_are_those_of_a_rolling_window(store: Store, window: str) -> None:
    rows = spread(150, 120)
    await store.append(rows)
    width, back = slotting(parse_window(window))
    since = NOON - (back + 1) * width / 1000
    for payer, name in _PAYERS:
        wanted: dict[int, int] = {}
        paying = [each for each in rows if paid_by(payer, name, each)]
        last = max((each.started // DAY for each in paying), default=0)
        for row in paying:
            if row.started >= since:
                at = row.started
                if width >= DAY / 2 * 1000 and since // DAY < at // DAY < last:
                    at = (at // DAY + 1) * DAY - 1
                slot = int(at * 1000) // width
                wanted[slot] = wanted.get(slot, 0) + known(row)
        found = await spent(store, payer, name, since, width / 1000)
        assert [at for at, _ in found] == sorted(at for at, _ in found)
        assert {int(at * 1000) // width: amount for at, amount in found} == wanted, (payer, name)


@pytest.mark.parametrize("since", [0.0, NOON - 50 * DAY, MIDNIGHT, NOON - 0.5 * HOUR, NOON + 1])
async def test_without_slots_it_is_one_sum(store: Store, since: float) -> None:
    rows = spread(150, 120)
    await store.append(rows)
    for payer, name in _PAYERS:
        wanted = sum(
            known(row) for row in rows if paid_by(payer, name, row) and row.started >= since
        )
        found = await spent(store, payer, name, since)
        assert found == ([(since, wanted)] if wanted else []), (payer, name)


async def test_the_instant_itself_counts(store: Store) -> None:
    await store.append([a_row(1, NOON - 0.000001), a_row(2, NOON), a_row(3, NOON + 0.000001)])
    assert await spent(store, "key", "key-1", NOON) == [(NOON, 2 * 543)]
    assert await spent(store, "key", "key-1", NOON, 0.000001) == [
        (NOON, 543),
        (NOON + 0.000001, 543),
    ]


@pytest.mark.parametrize(
    ("window", "zone"),
    [
        ("1mo", "UTC"),
        ("1mo", "America/New_York"),
        ("1d", "Asia/Kolkata"),
        ("1h", "UTC"),
        ("total", "UTC"),
        ("rolling 24h", "UTC"),
        ("rolling 30d", "UTC"),
        ("rolling 90d", "UTC"),
        ("rolling 1y", "UTC"),
    ],
)
async def test_a_restored_budget_stands_where_it_stood(
    store: Store, window: str, zone: str
) -> None:
    account = Account(
        id="usd/b", measure="usd", limit=10**20, window=parse_window(window), zone=ZoneInfo(zone)
    )
    rows = [each for each in spread(200, 400) if each.key == "k1"]
    lived, earlier = Accounts(), Accounts()
    for book in (lived, earlier):
        book.restore([account], [], NOON - 400 * DAY)
        for row in sorted(rows, key=lambda each: each.started):
            book.standing(account, row.started)
            book.charge(account, known(row), row.started)
    await store.append(rows)
    spends = await _spends(store, account)
    restored = Accounts()
    restored.restore([account], spends, NOON)
    for ahead in (0.0, HOUR, DAY, 20 * DAY, 200 * DAY):
        then = lived.standing(account, NOON + ahead)
        found = restored.standing(account, NOON + ahead)
        if ahead and account.window.rolling and account.window.seconds >= 30 * DAY:
            # Inner days count whole in their last slot: never less, and a day late at most.
            late = earlier.standing(account, NOON + ahead - DAY)
            assert then is not None
            assert found is not None
            assert late is not None
            assert then.spent <= found.spent <= late.spent
        else:
            assert found == then, ahead


async def _spends(store: Store, account: Account) -> list[Spend]:
    """What a budget is restored from."""
    if account.window.rolling:
        width, back = slotting(account.window)
        since = (int(NOON * 1000) // width - back) * width / 1000
        found = await spent(store, "key", "k1", since, width / 1000)
    else:
        since = bounds(account.window, NOON, account.zone).start
        found = await spent(store, "key", "k1", since)
    return [Spend(account.id, at, amount) for at, amount in found]


async def test_many_questions_have_the_answers_each_has_alone(store: Store) -> None:
    rows = spread(300, 100)
    await store.append(rows)
    slots: list[tuple[float, float | None]] = [
        (0.0, None), (MIDNIGHT - 40 * DAY, None), (NOON - 0.5 * HOUR, None), (NOON - HOUR, 60.0),
        (NOON - DAY, 1_440.0), (NOON - 30.5 * DAY, DAY / 2), (NOON - 5 * DAY, HOUR / 4),
    ]  # fmt: skip
    payers: list[tuple[Payer, str]] = [*_PAYERS, ("key", "k2"), ("key", "k9")]
    questions = [SpentBy(*payer, *slot) for slot in slots for payer in payers]
    questions += questions[:3]
    found = await store.spent(questions)
    assert found == [(await store.spent([each]))[0] for each in questions]
    assert sum(map(bool, found)) > len(questions) // 2
    assert await store.spent([]) == []


async def test_a_thousand_budgets_are_a_few_queries(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not isinstance(store, DatabaseStore):
        pytest.skip("memory asks no database")
    names = [f"k{number}" for number in range(1_000)]
    for part in (names[:500], names[500:]):
        await store.append(
            [a_row(int(each[1:]) + 1, NOON - 60, key=each, user="", tags=()) for each in part]
        )
    asked = 0
    execute = AsyncConnection.execute

    async def counted(*given: Any, **more: Any) -> Any:
        nonlocal asked
        asked += 1
        return await execute(*given, **more)

    monkeypatch.setattr(AsyncConnection, "execute", counted)
    for since, slot in ((MIDNIGHT, None), (NOON - HOUR, None), (NOON - HOUR, 60.0)):
        asked = 0
        found = await store.spent([SpentBy("key", each, since, slot) for each in names])
        assert [[amount for _, amount in each] for each in found] == [[543]] * len(names)
        assert asked <= 10


async def test_a_lost_call_counts_with_its_worst_case(store: Store) -> None:
    lost = a_receipt(a_charge(900, status="unsettled"))
    unknown = a_receipt(a_charge(None))
    await store.append(
        [a_row(1, outcome="lost", receipt=lost), a_row(2, receipt=unknown), a_row(3, receipt=None)]
    )
    assert await spent(store, "key", "key-1", NOON) == [(NOON, 900 + 43)]


async def test_what_was_purged_is_still_spent(store: Store) -> None:
    rows = [a_row(n, MIDNIGHT + n * HOUR, tags=("x",)) for n in range(-30, 12)]
    await store.append(rows)
    purged_to = MIDNIGHT - 2 * HOUR
    while await store.purge(purged_to):
        pass
    for payer, name in (("key", "key-1"), ("tag", "x"), ("everything", "")):
        assert await _amount(store, payer, name, 0.0) == 42 * 543  # type: ignore[arg-type]
        assert await _amount(store, payer, name, MIDNIGHT - DAY) == 36 * 543  # type: ignore[arg-type]
        # Half of a day whose rows are gone: rather too much than too little.
        assert await _amount(store, payer, name, MIDNIGHT - 1.5 * HOUR) == 23 * 543 + 12 * 543  # type: ignore[arg-type]
    # Slots within that day: the rows that are left are where they were, the rest is late.
    found = dict(await spent(store, "key", "key-1", MIDNIGHT - DAY, HOUR))
    shown = {round((at - MIDNIGHT) // HOUR): amount // 543 for at, amount in found.items()}
    assert shown == {-2: 1, -1: 1 + 22, **dict.fromkeys(range(12), 1)}


async def _amount(store: Store, payer: Payer, name: str, since: float) -> int:
    return sum(amount for _at, amount in await spent(store, payer, name, since))


async def test_a_price_learnt_later_counts_where_the_call_was(store: Store) -> None:
    await store.append(
        [a_row(n, NOON + n * DAY, receipt=a_receipt(a_charge(None))) for n in (0, 1)]
    )
    known_now = a_receipt(a_charge(600))
    first = a_row(0, NOON).call_id
    await store.adjust(first, known_now, reason="price added", at=NOON + 5 * DAY)
    assert await spent(store, "key", "key-1", NOON - HOUR, DAY) == [(NOON, 600), (NOON + DAY, 43)]
    assert await spent(store, "key", "key-1", NOON - HOUR, HOUR) == [
        (NOON + 0.5 * HOUR, 600),
        (NOON + DAY + 0.5 * HOUR, 43),
    ]


async def test_a_deployment_pays_for_its_own_charges(store: Store) -> None:
    failed = a_charge(100, deployment="first")
    await store.append([a_row(1, NOON - DAY, receipt=a_receipt(failed, a_charge(543)))])
    assert await _amount(store, "deployment", "first", MIDNIGHT - DAY) == 100
    assert await _amount(store, "deployment", "main", MIDNIGHT - DAY) == 543
    # Within a day rows are asked, and a row names one deployment; the rest is not forgotten.
    assert await _amount(store, "deployment", "main", NOON - DAY) == 643
    assert await _amount(store, "deployment", "first", NOON - DAY) == 100


async def test_amounts_beyond_64_bits_are_spent(store: Store) -> None:
    huge = 2**63 - 1
    await store.append([a_row(n, receipt=a_receipt(a_charge(huge))) for n in range(3)])
    for since in (MIDNIGHT, MIDNIGHT + 1):
        assert await _amount(store, "everything", "", since) == 3 * huge


@pytest.mark.parametrize(
    ("payer", "name", "slot", "said"),
    [
        ("nobody", "x", None, "by 'nobody'"),
        ("everything", "x", None, "no id"),
        ("key", "k", 0.0, "no length"),
        ("key", "k", -60.0, "no length"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    store: Store, payer: Payer, name: str, slot: float | None, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        await spent(store, payer, name, NOON, slot)
