"""Spend from the roll-ups: by any dimensions, exact, and never counted twice."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest

from faregate.store.periods import EPOCH, day_number, first_day, month_number, parts
from faregate.store.protocol import Dimension, Filter, SpendLine, Store
from faregate.types import Usage
from tests.store.ledgers import DAY, NOON, a_charge, a_receipt, a_row, call_id


def shown(lines: list[SpendLine]) -> dict[tuple[str, ...], tuple[int, int]]:
    """Calls and spend by group."""
    return {line.group: (line.calls, line.spend) for line in lines}


async def test_spend_by_each_dimension(store: Store) -> None:
    other = a_receipt(a_charge(100, deployment="d2", provider="openai", served_model="gpt-4o"))
    await store.append(
        [
            a_row(1, tags=("t", "u")),
            a_row(2, NOON + DAY, tags=("t",)),
            a_row(
                3,
                NOON + DAY,
                key="key-2",
                team="blue",
                user="bob",
                requested_model="gpt-4o",
                deployment="d2",
                provider="openai",
                receipt=other,
            ),
        ]
    )
    expected: dict[Dimension, dict[str, tuple[int, int]]] = {
        "key": {"key-1": (2, 1086), "key-2": (1, 100)},
        "team": {"red": (2, 1086), "blue": (1, 100)},
        "user": {"ada": (2, 1086), "bob": (1, 100)},
        "tag": {"t": (2, 1086), "u": (1, 543), "": (1, 100)},
        "model": {"router": (2, 1086), "gpt-4o": (1, 100)},
        "served_model": {"gpt-5-mini": (2, 1086), "gpt-4o": (1, 100)},
        "deployment": {"main": (2, 1086), "d2": (1, 100)},
        "provider": {"azure_ai": (2, 1086), "openai": (1, 100)},
        "day": {"2026-11-22": (1, 543), "2026-11-23": (2, 643)},
    }
    for name, groups in expected.items():
        lines = await store.spend((name,))
        assert shown(lines) == {(group,): found for group, found in groups.items()}, name
    assert shown(await store.spend(())) == {(): (3, 1186)}
    assert shown(await store.spend(("day", "key"))) == {
        ("2026-11-22", "key-1"): (1, 543),
        ("2026-11-23", "key-1"): (1, 543),
        ("2026-11-23", "key-2"): (1, 100),
    }
    assert shown(await store.spend(("tag", "day"), only=Filter(key=("key-1",)))) == {
        ("t", "2026-11-22"): (1, 543),
        ("t", "2026-11-23"): (1, 543),
        ("u", "2026-11-22"): (1, 543),
    }
    assert shown(await store.spend(("team",), only=Filter(tag="u"))) == {("red",): (1, 543)}
    assert shown(await store.spend(("team",), only=Filter(tag=""))) == {("blue",): (1, 100)}
    assert shown(await store.spend((), only=Filter(user=("bob", "eve")))) == {(): (1, 100)}


async def test_the_dearest_comes_first_and_everything_is_counted(store: Store) -> None:
    await store.append(
        [
            a_row(1, key="cheap"),
            a_row(2, key="dear", receipt=a_receipt(a_charge(9_000))),
            a_row(3, key="dear", outcome="failed", receipt=a_receipt(a_charge(None))),
            a_row(4, key="dear", outcome="cancelled",
                  receipt=a_receipt(a_charge(5, status="estimated"))),
            a_row(5, key="dear", receipt=a_receipt(a_charge(5, status="inconsistent"))),
            a_row(6, key="dear", outcome="lost",
                  receipt=a_receipt(a_charge(5, status="unsettled"))),
            a_row(7, key="dear", outcome="refused", receipt=None),
        ]
    )  # fmt: skip
    dear, cheap = await store.spend(("key",))
    assert dear == SpendLine(
        group=("dear",),
        calls=6,
        failed=3,
        tokens={"input": 6000, "cache_read": 35, "output": 1500, "reasoning": 100},
        spend=9_000 + 43 + 15,
        router_fee=43 + 43 + 15,
        priced=1,
        estimated=1,
        unpriced=1,
        inconsistent=1,
        unsettled=1,
    )
    assert cheap.group == ("cheap",)


async def test_a_billed_failure_counts_where_it_was_billed(store: Store) -> None:
    failed = a_charge(100, deployment="first", served_model="gpt-5")
    await store.append([a_row(1, receipt=a_receipt(failed, a_charge(543)))])
    assert shown(await store.spend(("deployment",))) == {("main",): (1, 543), ("first",): (0, 100)}
    assert shown(await store.spend(())) == {(): (1, 643)}


async def test_nothing_is_a_line_of_zero_in_total_and_none_by_group(store: Store) -> None:
    assert await store.spend(()) == [SpendLine(group=(), tokens={})]
    assert await store.spend(("key",)) == []
    assert await store.spend(("day", "tag"), only=Filter(key=("x",))) == []


async def test_a_page_of_many_groups(store: Store) -> None:
    chance = random.Random(5)
    await store.append(
        [
            a_row(n, NOON + n % 3 * DAY, key=f"k{n % 40}", team=f"t{n % 7}",
                  receipt=a_receipt(a_charge(chance.choice((5, 60, 700, 8_000)))))
            for n in range(200)
        ]
    )  # fmt: skip
    questions: tuple[tuple[Dimension, ...], ...] = (
        ("day", "key", "team"),
        ("day", "key"),
        ("key",),
    )
    for by in questions:
        whole = await store.spend(by)
        assert whole == sorted(whole, key=lambda line: (-line.spend, line.group))
        for skip, limit in ((0, 2), (3, 5), (10, 30), (len(whole) - 1, 9), (len(whole), 5)):
            page = await store.spend(by, skip=skip, limit=limit)
            assert page == whole[skip : skip + limit], (by, skip, limit)
    (total,) = await store.spend((), limit=5)
    assert total.calls == 200


@pytest.mark.parametrize(
    ("by", "only", "said"),
    [
        (("nonsense",), Filter(), "by 'nonsense'"),
        (("key", "key"), Filter(), "twice"),
        ((), Filter(session=("s",)), "narrowed by session"),
        ((), Filter(since=NOON), "narrowed by since"),
        ((), Filter(stream=False), "narrowed by stream"),
    ],
)
async def test_what_roll_ups_do_not_know_is_refused(
    store: Store, by: tuple[Dimension, ...], only: Filter, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        await store.spend(by, only=only)


async def test_amounts_beyond_64_bits_add_up(store: Store) -> None:
    # The largest a row can hold, many times over: 64 bits end at one of them.
    huge = 2**63 - 1
    rows = [
        a_row(n, NOON + n * DAY, tags=("t",), receipt=a_receipt(a_charge(huge))) for n in range(30)
    ]
    await store.append(rows)
    await store.append([a_row(n + 100, receipt=a_receipt(a_charge(huge))) for n in range(30)])
    (total,) = await store.spend(())
    assert total.spend == 60 * huge
    (tagged,) = await store.spend((), only=Filter(tag="t"))
    assert tagged.spend == 30 * huge
    assert sum(line.spend for line in await store.spend(("day",))) == 60 * huge
    assert sum(line.spend for line in await store.spend(("day", "key", "team"))) == 60 * huge
    (at_noon, *_) = await store.spend(("day", "key", "team"))
    assert at_noon.spend == 31 * huge
    await store.adjust(call_id(100), a_receipt(a_charge(1)), reason="", at=NOON)
    (total,) = await store.spend(())
    assert total.spend == 59 * huge + 1


@pytest.mark.parametrize("absurd", [2**63, 10**30, -(2**70)])
async def test_an_amount_nobody_can_believe_spoils_no_sum(store: Store, absurd: int) -> None:
    receipt = a_receipt(a_charge(absurd))
    await store.append([a_row(1, receipt=receipt), a_row(2)])
    entry = await store.row(call_id(1))
    assert entry is not None
    assert (entry.status, entry.total, entry.spend) == ("inconsistent", None, 0)
    assert entry.row.receipt == receipt
    (total,) = await store.spend(())
    assert (total.calls, total.inconsistent, total.spend) == (2, 1, 543)


async def test_tokens_nobody_can_believe_spoil_no_sum(store: Store) -> None:
    await store.append([a_row(1, receipt=a_receipt(a_charge(1, usage=Usage(output=10**13))))])
    (total,) = await store.spend(())
    assert (total.inconsistent, total.spend, total.tokens) == (1, 0, {})


async def test_ranges_of_days(store: Store) -> None:
    start = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()
    days = 400
    await store.append([a_row(n, start + n * DAY, tags=("t",)) for n in range(days)])
    chance = random.Random(7)
    first = date(2026, 1, 1)
    ranges: list[tuple[date | None, date | None]] = [(None, None), (first, None), (None, first)]
    for _ in range(7):
        begin = first + timedelta(days=chance.randrange(-40, days))
        ranges += [(begin, begin + timedelta(days=chance.randrange(200))), (begin, None)]
    for since, until in ranges:
        low, high = since or date.min, until or date.max
        wanted = [n for n in range(days) if low <= first + timedelta(days=n) < high]
        for only in (Filter(), Filter(tag="t")):
            (total,) = await store.spend((), only=only, since=since, until=until)
            assert (total.calls, total.spend) == (len(wanted), 543 * len(wanted)), (since, until)
        by_model = await store.spend(("served_model",), since=since, until=until)
        assert sum(line.calls for line in by_model) == len(wanted)
        by_day = await store.spend(("day",), since=since, until=until)
        assert len(by_day) == len(wanted)


def test_a_range_reads_each_of_its_days_once() -> None:
    chance = random.Random(3)
    horizon = day_number(date(1974, 1, 1))
    for _ in range(1000):
        since = EPOCH + timedelta(days=chance.randrange(horizon))
        until = EPOCH + timedelta(days=chance.randrange(horizon))
        times = [0] * (horizon + 62)
        for part in parts(since, until):
            assert part.since is not None
            assert part.until is not None
            low, high = part.since, part.until
            if part.monthly:
                low, high = first_day(low), first_day(high)
            for day in range(low, high):
                times[day] += part.sign
        wanted = range(day_number(since), day_number(until))
        assert [day for day, count in enumerate(times) if count] == list(wanted)
        assert set(times) <= {0, 1}


def test_months_end_where_the_calendar_does() -> None:
    assert month_number(day_number(date(2026, 11, 30))) == month_number(
        day_number(date(2026, 11, 1))
    )
    assert first_day(month_number(day_number(date(2024, 2, 29)))) == day_number(date(2024, 2, 1))
    assert parts(date(9999, 1, 1), date.max)
    assert parts(None, None)[0][1:3] == (None, None)
