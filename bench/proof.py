"""``python -m bench.proof --kills 20``: what is promised of the ledger, and its figures.

``--database-url`` proves it on that (empty) PostgreSQL database. Exits with 1 when a promise does
not hold.
"""

import argparse
import sys

from bench import kills, machine
from faregate.money import format_usd


def main() -> int:
    """Prove and print; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.proof")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--database-url", default="")
    given = parser.parse_args()
    print(machine.describe())
    found = kills.prove(given.kills, database_url=given.database_url)
    for line in report(found):
        print(line)
    return 1 if found.wrong else 0


def report(found: kills.Killed) -> list[str]:
    """The figures, and what is wrong."""
    agree = "NOT AS PROMISED" if found.wrong else "all agree"
    return [
        f"killed with SIGKILL under load: {found.kills} times; {agree}",
        f"calls clients saw let in: {found.answered:,}",
        f"rows: {found.rows:,}, of them lost with their process: {found.lost:,}",
        f"served by the upstream: {found.metered:,}, charged: {found.settled:,}",
        f"spend: ${format_usd(found.spend)}",
        f"from a start to everything left behind being stored: {found.slowest_start:.2f} s at most",
        *(f"WRONG: {each}" for each in found.wrong),
    ]


if __name__ == "__main__":
    sys.exit(main())
