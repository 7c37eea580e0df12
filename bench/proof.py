"""``python -m bench.proof --kills 20``: what is promised of ledger and budgets, and its figures.

Proved on SQLite, and with a PostgreSQL and a Redis of its own where those are installed:
``--database-url`` is an (empty) PostgreSQL database to kill over, and no other. Exits with 1 when a
promise does not hold.
"""

import argparse
import sys
from collections.abc import Iterator

from bench import budgets, databases, kills, machine, outages
from bench.budgets import Setup
from faregate.money import format_usd


def main() -> int:
    """Prove and print; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.proof")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--outage", type=float, default=30.0, help="seconds a server is away")
    parser.add_argument("--calls", type=int, default=1000, help="calls at once against a budget")
    parser.add_argument("--database-url", default="")
    given = parser.parse_args()
    print(machine.describe())
    if warning := machine.load_warning():
        print(warning)
    wrong = 0
    for line in _proofs(given):
        print(line, flush=True)
        wrong += line.startswith("WRONG")
    print("NOT AS PROMISED" if wrong else "all agree")
    return 1 if wrong else 0


def _proofs(given: argparse.Namespace) -> Iterator[str]:
    if given.kills:
        yield from report(kills.prove(given.kills, database_url=given.database_url))
    yield from budgets.report(budgets.prove(Setup(), calls=given.calls))
    try:
        if given.kills and not given.database_url:
            with databases.postgres() as database:
                yield "the same on PostgreSQL:"
                yield from report(kills.prove(given.kills, database_url=database.url))
        yield f"PostgreSQL killed for {given.outage:g} s under load:"
        yield from report(outages.postgres_stopped(given.outage))
        for gateways, workers in ((1, 3), (3, 1)):
            with databases.redis() as redis, databases.postgres() as database:
                setup = Setup(gateways, workers, database.url, redis.url)
                yield from budgets.report(budgets.prove(setup, calls=given.calls))
        with databases.redis() as redis, databases.postgres() as database:
            setup = Setup(1, 3, database.url, redis.url)
            found = outages.redis_stopped(setup, redis, given.outage / 3)
            yield (
                f"Redis killed for {given.outage / 3:g} s, and empty afterwards: {found.refused:,}"
                f" calls refused meanwhile, each within {found.longest * 1000:.0f} ms"
            )
            yield from budgets.report(found.spent)
    except databases.Missing as missing:
        yield f"not proved: {missing}"


def report(found: kills.Killed) -> list[str]:
    """The figures, and what is wrong."""
    return [
        *([f"killed with SIGKILL under load: {found.kills} times"] if found.kills else []),
        f"calls clients saw let in: {found.answered:,}",
        f"rows: {found.rows:,}, of them lost with their process: {found.lost:,}",
        f"served by the upstream: {found.metered:,}, charged: {found.settled:,}",
        f"spend: ${format_usd(found.spend)}",
        f"from a start to everything being stored: {found.slowest_start:.2f} s at most",
        *(f"WRONG: {each}" for each in found.wrong),
    ]


if __name__ == "__main__":
    sys.exit(main())
