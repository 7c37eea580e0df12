"""What the journal costs a call: ``python -m bench.journal``.

Processor time of this process, the system's share and the journal's thread included, for one call
admitted and settled; and how long an fsync of the directory's disk takes to be awaited.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench import machine
from bench.timing import Cost, Effort, timed
from faregate.journal.codec import Admission
from faregate.journal.journal import Journal, JournalOptions
from faregate.types import Attempt, Charge, Line, Receipt, Row, Usage

_PRICE = "azure/gpt-5-nano/global/standard/short/input/2025-08-01"


def admission(call_id: str) -> Admission:
    """A call as the gateway lets it in."""
    return Admission(
        call_id=call_id,
        at=1_795_000_000.0,
        requested_model="azure_ai/model_router/bench",
        key="key_0123456789ab",
        team="research",
        user="ada@example.com",
        tags=("bench",),
        hold=34_050_000,
        usage=Usage(input=120, output=4_096, estimated=True),
        deployment="router-global",
        provider="azure_ai",
        route="model_router",
        sent_model="model-router",
        worst_model="gpt-5",
    )


def row(call_id: str) -> Row:
    """The same call as it ended: three lines, one attempt."""
    lines = tuple(
        Line(
            kind="model",
            unit=unit,
            priced_as=unit,
            quantity=120,
            per_token=50_000,
            amount=6_000_000,
            price_id=_PRICE,
        )
        for unit in ("input", "cache_read", "output")
    )
    charge = Charge(
        provider="azure_ai",
        deployment="router-global",
        route="model_router",
        requested_model="azure_ai/model_router/bench",
        sent_model="model-router",
        served_model="gpt-5-nano-2025-08-07",
        scope="global",
        tier="standard",
        usage=Usage(input=120, cache_read=120, output=120),
        lines=lines,
        total=18_000_000,
        status="priced",
        at=1_795_000_000.0,
    )
    return Row(
        call_id=call_id,
        started=1_795_000_000.0,
        ended=1_795_000_000.5,
        key="key_0123456789ab",
        team="research",
        user="ada@example.com",
        tags=("bench",),
        requested_model="azure_ai/model_router/bench",
        deployment="router-global",
        provider="azure_ai",
        attempts=(Attempt(deployment="router-global", provider="azure_ai", status=200),),
        status=200,
        outcome="completed",
        receipt=Receipt(call_id=call_id, charges=(charge,), total=18_000_000, status="priced"),
    )


def calls(root: Path, options: JournalOptions, effort: Effort) -> Cost:
    """One call admitted and settled; the database takes five hundred at a time."""
    journal = Journal.open(root, options)
    admitted, settled = admission("call_0123456789abcdef0123456789ab"), row("")
    call_id, number = admitted.call_id, 0
    settled = row(call_id)

    def call() -> None:
        nonlocal number
        journal.admit(admitted)
        ticket = journal.settle(settled)
        number += 1
        if number % 500 == 0:
            journal.committed(ticket)

    try:
        return timed(call, effort)
    finally:
        journal.committed(journal.last_settled)
        journal.close()


async def durable(root: Path, count: int, at_once: int) -> list[float]:
    """Seconds until a settlement survives a power cut, with ``at_once`` calls waiting together."""
    journal = Journal.open(root, JournalOptions(fsync="group"))
    settled = row("call_0123456789abcdef0123456789ab")
    waited: list[float] = []

    async def one() -> None:
        began = time.perf_counter()
        await journal.durable(journal.settle(settled))
        waited.append(time.perf_counter() - began)

    for _ in range(count):
        await asyncio.gather(*(one() for _ in range(at_once)))
    journal.committed(journal.last_settled)
    journal.close()
    return waited


def report(root: Path, effort: Effort, syncs: int) -> list[str]:
    """The figures as lines of a table."""
    lines = ["| admit + settle | CPU µs | wall µs |", "|---|---|---|"]
    for fsync in ("none", "group"):
        cost = calls(root, JournalOptions(fsync=fsync), effort)
        lines.append(f"| fsync: {fsync} | {cost.cpu * 1e6:.1f} | {cost.wall * 1e6:.1f} |")
    lines += ["", "| settle until durable | median ms | worst ms |", "|---|---|---|"]
    for at_once in (1, 100):
        waited = asyncio.run(durable(root, syncs, at_once))
        middle, worst = statistics.median(waited) * 1e3, max(waited) * 1e3
        lines.append(f"| {at_once} at once | {middle:.1f} | {worst:.1f} |")
    return lines


def main(root: str = "") -> None:
    """Measure in ``root``, or in a temporary directory, and print."""
    with tempfile.TemporaryDirectory(dir=root or None) as directory:
        print(machine.describe())
        print("\n".join(report(Path(directory), Effort(calls=20_000, rounds=7), 40)))
    if warning := machine.load_warning():
        print(warning)


if __name__ == "__main__":
    main(*sys.argv[1:2])
