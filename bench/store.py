"""The ledger's store: rows a second into it, and how long its two commonest questions take.

``python -m bench.store [--rows 30000] [--log 1000000] [--postgres URL] [--spend]``. The log and the
roll-ups that are asked are made with SQL, so that ten million rows take minutes and not an hour.
"""

import argparse
import asyncio
import gc
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

from faregate.core.budget import Payer
from faregate.store.database import DatabaseStore
from faregate.store.places import store_at
from faregate.store.protocol import DIMENSIONS, Dimension, Filter, SpentBy
from faregate.store.searching import search
from faregate.types import Attempt, Charge, Line, Receipt, Row, Unit, Usage

BATCH = 500
_SPENDS = 21
"""Times a question about spend is asked."""
SERIES, DAYS = 1000, 90
NAMED = {
    "key": "key_id", "team": "team_id", "user": "user_id", "model": "requested_model",
    "served_model": "served_model", "deployment": "deployment", "provider": "provider",
    "everything": "''", "tag": "''",
}  # fmt: skip
_SECOND = 1_000_000
_DAY = 86_400


def a_row(number: int, at: float) -> Row:
    """A routed call with three lines: what most rows are."""
    call_id = f"call_{int(at * 1000):012x}{number:016x}"
    quantities: tuple[tuple[Unit, int, int], ...] = (
        ("input", 1200, 250_000),
        ("output", 300, 2_000_000),
    )
    lines = [
        Line(kind="model", unit=unit, priced_as=unit, quantity=count, per_token=price,
             amount=count * price, price_id=f"azure:gpt-5-mini:global:standard:{unit}:2025-08-07")
        for unit, count, price in quantities
    ]  # fmt: skip
    lines.append(
        Line(kind="router_fee", unit="input", priced_as="input", quantity=1200, per_token=140_000,
             amount=168_000_000, price_id="azure:model-router:global:standard:input:2025-11-18")
    )  # fmt: skip
    total = sum(line.amount for line in lines)
    deployment = f"main-{number % 3}"
    charge = Charge(
        provider="azure_ai",
        deployment=deployment,
        route="model_router",
        requested_model="azure_ai/model_router/main",
        sent_model="model-router",
        served_model=f"gpt-5-{number % 8}-2025-08-07",
        scope="global",
        tier="standard",
        usage=Usage(input=1200, output=300),
        lines=tuple(lines),
        total=total,
        status="priced",
        at=at,
    )
    return Row(
        call_id=call_id,
        request_id=call_id,
        started=at,
        first_byte=at + 0.4,
        ended=at + 1.2,
        key=f"key-{number % 50}",
        team=f"team-{number % 5}",
        user=f"user-{number % 50}",
        requested_model="main",
        deployment=deployment,
        provider="azure_ai",
        attempts=(Attempt(deployment=deployment, provider="azure_ai", status=200, started=at),),
        stream=True,
        status=200,
        outcome="completed",
        receipt=Receipt(call_id=call_id, charges=(charge,), total=total, status="priced"),
        upstream_seconds=1.1,
        overhead_us=90,
    )


async def appending(store: DatabaseStore, count: int) -> None:
    """Rows a second, with their roll-ups, in batches."""
    now = time.time()
    rows = [a_row(n, now - 3600 + n / 1000) for n in range(count)]
    started, cpu = time.perf_counter(), time.process_time()
    for at in range(0, count, BATCH):
        await store.append(rows[at : at + BATCH])
    wall, used = time.perf_counter() - started, time.process_time() - cpu
    print(f"  append: {count / wall:,.0f} rows/s, {used / count * _SECOND:.0f} µs of our CPU a row")


def size_of(directory: Path) -> int:
    """Bytes of the files in a directory."""
    return sum(each.stat().st_size for each in directory.iterdir())


async def timed(name: str, question: Callable[[], Awaitable[Any]], times: int = 5) -> None:
    """The median, the first one, and the worst of the others; and what the median took of a CPU."""
    taken, used = [], []
    for _ in range(times):
        started, cpu = time.perf_counter(), time.process_time()
        await question()
        taken.append((time.perf_counter() - started) * 1000)
        used.append((time.process_time() - cpu) * 1000)
    print(
        f"  {name}: {statistics.median(taken[1:]):.1f} ms (first {taken[0]:.1f}, worst "
        f"{max(taken[1:]):.1f}; {statistics.median(used[1:]):.1f} of our CPU)"
    )


def fill_roll_ups(path: Path, calls: int) -> None:
    """The roll-ups of ``calls`` calls: a thousand series on each of ninety days."""
    each = calls // (SERIES * DAYS)
    today = int(time.time() // 86_400)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM series")
        db.executemany(
            "INSERT INTO series VALUES (?, ?, ?, ?, ?, 'main', ?, ?, 'azure_ai', '', 0)",
            [
                (n, f"{n:032x}", f"key-{n // 20}", f"team-{n // 200}", f"user-{n // 20}",
                 f"gpt-5-{n % 10}", f"main-{n % 2}")
                for n in range(SERIES)
            ],
        )  # fmt: skip
        db.execute("INSERT OR IGNORE INTO units VALUES ('input'), ('output')")
        columns = [row[1] for row in db.execute("PRAGMA table_info(rollup_day)")][2:]
        numbers = {"calls": each, "priced": each, "input": each * 1200, "output": each * 300}
        numbers |= {"spend_micro": each * 1218, "router_fee_micro": each * 168}
        # Some days and series have up to nine times as many calls as others.
        part = "(1 + (day * 7 + id * 13) % 9) / 5"
        values = ", ".join(
            f"{numbers[name]} * {part}" if name in numbers else "0" for name in columns
        )
        db.execute("DELETE FROM rollup_day")
        db.execute("DELETE FROM rollup_month")
        db.execute(
            "WITH RECURSIVE days(day) AS "
            f"(SELECT {today - DAYS + 1} UNION ALL SELECT day + 1 FROM days WHERE day < {today}) "
            f"INSERT INTO rollup_day SELECT day, id, {values} FROM days, series"
        )
        sums = ", ".join(f"sum({name})" for name in columns)
        month = "CAST(strftime('%Y', day * 86400, 'unixepoch') AS INTEGER) * 12 - 23640 "
        month += "+ CAST(strftime('%m', day * 86400, 'unixepoch') AS INTEGER) - 1"
        db.execute(
            f"INSERT INTO rollup_month SELECT {month}, series, {sums} FROM rollup_day GROUP BY 1, 2"
        )
        db.execute("DELETE FROM rollup_day_by_name")
        for dimension, column in NAMED.items():
            db.execute(
                f"INSERT INTO rollup_day_by_name SELECT '{dimension}', day, {column}, {sums} "
                "FROM rollup_day JOIN series ON series.id = rollup_day.series GROUP BY 2, 3"
            )


def fill_log(path: Path, count: int) -> None:
    """``count`` calls over ninety days, copied from those there are; three in ten of one key."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -400000")
        columns = [row[1] for row in db.execute("PRAGMA table_info(calls)")]
        now = int(time.time() * _SECOND)
        step = 90 * 86_400 * _SECOND // count
        changed = {
            "call_id": "printf('call_%012x%016x', at / 1000, n)",
            "day": "at / 86400000000",
            "started": "at",
            "request_id": "printf('call_%012x%016x', at / 1000, n)",
            "key_id": "CASE WHEN n % 10 < 3 THEN 'key-7' ELSE c.key_id END",
        }
        chosen = ", ".join(changed.get(name, f"c.{name}") for name in columns)
        db.execute("CREATE TEMP TABLE template AS SELECT * FROM calls LIMIT 1000")
        db.execute("DELETE FROM calls")
        indexes = db.execute(
            "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'calls' AND type = 'index' "
            "AND sql IS NOT NULL"
        ).fetchall()
        for name, _sql in indexes:
            db.execute(f"DROP INDEX {name}")
        for low in range(0, count, 100_000):
            high = min(low + 100_000, count)
            db.execute(
                f"WITH RECURSIVE numbers(n, at) AS (SELECT {low}, {now - (count - low) * step} "
                f"UNION ALL SELECT n + 1, at + {step} FROM numbers WHERE n + 1 < {high}) "
                f"INSERT INTO calls ({', '.join(columns)}) SELECT {chosen} FROM numbers "
                "JOIN template c ON c.rowid = n % 1000 + 1"
            )
        for _name, sql in indexes:
            db.execute(sql)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def names_in_pairs() -> list[tuple[Dimension, ...]]:
    """Every question by day and two names."""
    names = [each for each in DIMENSIONS if each != "day"]
    return [("day", *pair) for pair in combinations(names, 2)]


async def spending(store: DatabaseStore) -> None:
    """The questions of a spend page: alone, and by all that go together."""
    questions: tuple[tuple[Dimension, ...], ...] = (
        (), ("served_model",), ("key", "served_model"), ("day",), ("day", "served_model"),
        ("day", "key"), *names_in_pairs(),
    )  # fmt: skip
    for by in questions:
        await timed(f"spend by {','.join(by) or 'nothing'}", partial(store.spend, by), _SPENDS)
    for by in (("day", "key", "deployment"), ("day", "key", "served_model")):
        page = partial(store.spend, by, limit=201)
        await timed(f"spend by {','.join(by)}, a page of it", page, _SPENDS)
    for by, only in (
        (("day",), Filter(key=("key-7",))),
        (("day", "served_model"), Filter(key=("key-7",))),
        (("day", "served_model"), Filter(deployment=("main-1",))),
        (("day", "key"), Filter(deployment=("main-1",))),
        (("model", "served_model"), Filter(deployment=("main-1",))),
    ):
        given = next(
            f"{name} {value[0]}" for name in ("key", "deployment") if (value := getattr(only, name))
        )
        question = partial(store.spend, by, only=only)
        await timed(f"spend of {given} by {','.join(by)}", question, _SPENDS)


async def asking(store: DatabaseStore, calls: int) -> None:
    """The questions of a log."""
    print(f"  the log of {calls:,} calls:")
    for name, only in (
        ("first page", Filter()),
        ("of a key", Filter(key=("key-7",))),
        ("of a key and a model", Filter(key=("key-7",), served_model=("gpt-5-3-2025-08-07",))),
        ("unpriced (none)", Filter(status=("unpriced",))),
        ("dearer than any", Filter(min_cost=10**15)),
    ):
        await timed(name, partial(store.rows, only))
    page = await store.rows(Filter(until=time.time() - 45 * 86_400))
    await timed("a page in the middle", lambda: store.rows(Filter(), cursor=page.cursor))
    await timed("one row", lambda: store.row(page.entries[0].row.call_id))


async def looking(store: DatabaseStore) -> None:
    """Calls no index leads to, of which there are none: the first answer, and all of the log."""
    for name, only in (
        ("a status code", Filter(http_status=(429,))),
        ("a key's status code", Filter(key=("key-7",), http_status=(429,))),
        ("a provider", Filter(provider=("nobody",))),
    ):
        cursor, took = None, []
        while True:
            started = time.perf_counter()
            found = await search(store, only, cursor=cursor)
            took.append((time.perf_counter() - started) * 1000)
            cursor = found.cursor
            if cursor is None:
                break
        print(
            f"  {name}, looked for in parts: {took[0]:.0f} ms, the slowest of {len(took)}"
            f" {max(took):.0f} ms, the whole log {sum(took) / 1000:.1f} s"
        )


async def restoring(store: DatabaseStore) -> None:
    """What budgets ask when a process starts, of a key with a third of the calls, and of all."""
    now = time.time()
    today = now // _DAY * _DAY
    questions: tuple[tuple[str, float, float | None], ...] = (
        ("for ever", 0.0, None),
        ("30 days", today - 30 * _DAY, None),
        ("30 days, of another zone", today - 30 * _DAY + 5 * 3600, None),
        ("the last hour", now - 3600, None),
        ("rolling 24h", now - _DAY, _DAY / 60),
        ("rolling 7d", now - 7 * _DAY, 7 * _DAY / 60),
        ("rolling 30d", now - 30 * _DAY, _DAY / 2),
        ("rolling 60d", now - 60 * _DAY, _DAY),
        ("rolling 90d", now - 90 * _DAY, 1.5 * _DAY),
    )
    payers: tuple[tuple[Payer, str], ...] = (("key", "key-7"), ("everything", ""))
    for payer, name in payers:
        for title, since, slot in questions:
            await timed(
                f"{payer}, {title}", partial(store.spent, [SpentBy(payer, name, since, slot)])
            )
    for title, since, slot in questions:
        many = [SpentBy("key", f"key-{number}", since, slot) for number in range(1_200)]
        await timed(f"1,200 keys at once, {title}", partial(store.spent, many))


async def moving(store: DatabaseStore, count: int) -> None:
    """Rows a second that get their day in another zone; a third of all have another one."""
    now = time.time()
    rows = [a_row(10**9 + n, now - (2 - 2 * n / count) * _DAY) for n in range(count)]
    for at in range(0, count, BATCH):
        await store.append(rows[at : at + BATCH])
    await store.keep_days_in("America/Los_Angeles")
    started, cpu, longest, moved = time.perf_counter(), time.process_time(), 0.0, 0
    left = True
    while left:
        step = time.perf_counter()
        found = await store.move_days()
        longest = max(longest, time.perf_counter() - step)
        moved, left = moved + found.rows, found.left
    wall, used = time.perf_counter() - started, time.process_time() - cpu
    print(
        f"  days in another zone: {moved / wall:,.0f} rows/s, {used / moved * _SECOND:.0f} µs of"
        f" our CPU a row; the longest transaction {longest * 1000:.0f} ms"
    )


async def polling(store: DatabaseStore, changes: int = 200, polls: int = 300) -> None:
    """What it costs to ask for changes when there is none."""
    for number in range(changes):
        await store.put("key", f"key-{number}", {"name": "x" * 200}, actor="bench", at=time.time())
    last = (await store.changes(0, limit=10_000))[-1].sequence
    started, cpu = time.perf_counter(), time.process_time()
    for _ in range(polls):
        await store.changes(last)
    wall, used = time.perf_counter() - started, time.process_time() - cpu
    print(
        f"  changes, none of {last:,}: {wall / polls * 1000:.2f} ms, "
        f"{used / polls * _SECOND:.0f} µs of our CPU"
    )


async def main() -> None:
    """Run all of it."""
    gc.freeze()  # as in a gateway that serves
    gc.set_threshold(20_000, 20, 50)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=30_000)
    parser.add_argument("--log", type=int, default=1_000_000)
    parser.add_argument("--postgres", default="")
    parser.add_argument("--spend", action="store_true", help="ask about spend only; no log is made")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        store = store_at("", path)
        print("SQLite")
        await store.open()
        await appending(store, given.rows)
        size = await asyncio.to_thread(size_of, path)
        print(f"  {size / given.rows:,.0f} bytes a row, indexes included")
        await store.close()
        database = path / "ledger.sqlite3"
        if not given.spend:
            await asyncio.to_thread(fill_log, database, given.log)
        await asyncio.to_thread(fill_roll_ups, database, 10_000_000)
        await store.open()
        print("  the roll-ups of 10,000,000 calls:")
        await spending(store)
        if given.spend:
            await store.close()
            return
        await asking(store, given.log)
        await looking(store)
        print("  what budgets have spent:")
        await restoring(store)
        await polling(store)
        await store.close()
        store = store_at("", path / "moving")
        await store.open()
        await moving(store, given.rows)
        await store.close()
    if given.postgres:
        print("PostgreSQL")
        store = store_at(given.postgres, Path())
        await store.open()
        await appending(store, given.rows)
        await timed("first page", lambda: store.rows(Filter()))
        await polling(store)
        await moving(store, given.rows)
        await store.close()


if __name__ == "__main__":
    asyncio.run(main())
