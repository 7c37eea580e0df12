"""``python -m bench``: every figure as a table. ``python -m bench sdk`` or ``gateway``: one part.

``FAREGATE_BENCH_LITELLM`` names the interpreter of an environment that has LiteLLM, for its
figures in the same run; see bench/gateway.py for the other gateways.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import faregate
from bench import gateway, imports, machine, pure, upstream
from bench.timing import Cost, Effort

ROOT = Path(__file__).parent.parent
CHUNKS = upstream.CHUNKS + 2
"""Events of a streamed answer: one a word, the end, the usage."""


class Row(NamedTuple):
    """One line of the table. ``met`` is None where there is no target."""

    what: str
    cpu: str
    wall: str
    target: str = ""
    met: bool | None = None


class Measured(NamedTuple):
    """The figures of one client."""

    version: str
    costs: dict[str, Cost]


PARTS = ("sdk", "gateway")


def main(parts: Sequence[str] = PARTS, rounds: int = 7, scale: float = 1.0) -> None:
    """Measure and print. ``scale`` shortens every round."""
    print(f"Faregate {faregate.__version__} · {machine.describe()}")
    busy = machine.load_warning()
    if busy:
        print(busy)
    if "sdk" in parts:
        litellm = os.environ.get("FAREGATE_BENCH_LITELLM", "")
        rows = [*_imports(rounds, litellm), *_pure(rounds, scale), *_calls(rounds, scale, litellm)]
        print(f"\n{table(rows)}")
    if "gateway" in parts:
        print(f"\n{aligned(gateway.table(list(gateway.lines(scale))))}")


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table that also reads well in a terminal."""
    verdict = {None: "", True: "met", False: "missed"}
    cells = [("", "CPU", "wall", "target", "")]
    cells += [(row.what, row.cpu, row.wall, row.target, verdict[row.met]) for row in rows]
    return aligned(cells)


def aligned(cells: Sequence[tuple[str, ...]]) -> str:
    """Cells, the first line of them the head, as a Markdown table."""
    widths = [max(len(line[at]) for line in cells) for at in range(len(cells[0]))]
    lines = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _imports(rounds: int, litellm: str) -> Iterator[Row]:
    for statement in ("import faregate", "from faregate import acompletion"):
        found = imports.measure(statement, rounds)
        yield Row(
            f"`{statement}`",
            "",
            f"{_time(found.seconds)}, {found.modules} modules",
            "150 ms, 300 modules",
            found.seconds <= 0.150 and found.modules <= 300,
        )
    others = [("openai", sys.executable)] + ([("litellm", litellm)] if litellm else [])
    for package, python in others:
        found = imports.measure(f"import {package}", 1 if package == "litellm" else 3, python)
        yield Row(f"`import {package}`", "", f"{_time(found.seconds)}, {found.modules} modules")


def _pure(rounds: int, scale: float) -> Iterator[Row]:
    costs = pure.measure(Effort(max(1, int(20_000 * scale)), rounds))
    yield Row("price looked up", _time(costs["lookup"].cpu), "")
    receipt = costs["receipt"].cpu
    yield Row("receipt computed", _time(receipt), "", "10 µs CPU", receipt <= 10e-6)
    yield Row("receipt as text", _time(costs["text"].cpu), "")


def _calls(rounds: int, scale: float, litellm: str) -> Iterator[Row]:
    many, few = Effort(max(1, int(1000 * scale)), rounds), Effort(max(1, int(100 * scale)), rounds)
    with upstream.running() as url:
        floor = _measured("transport", url, many, sys.executable)
        own = _measured("faregate", url, many, sys.executable)
        others = {"openai": _measured("openai", url, few, sys.executable)}
        if litellm:
            others["litellm"] = _measured("litellm", url, few, litellm)
    yield from _call_rows("transport alone", floor)
    for row in _call_rows("faregate", own):
        if row.what == "faregate, async call, uvloop":
            met = own.costs["acall uvloop"].cpu <= 250e-6
            yield row._replace(target="250 µs CPU", met=met)
        else:
            yield row
    for name, found in others.items():
        yield from _call_rows(f"{name} {found.version}", found)


def _call_rows(name: str, found: Measured) -> Iterator[Row]:
    for figure, cost in found.costs.items():
        kind, _, loop = figure.partition(" ")
        if kind == "astream":
            per_chunk = Cost(cost.cpu / CHUNKS, cost.wall / CHUNKS)
            yield _row(f"{name}, a streamed chunk, {loop}", per_chunk)
        elif kind == "acall":
            yield _row(f"{name}, async call, {loop}", cost)
        else:
            yield _row(f"{name}, sync call", cost)


def _row(what: str, cost: Cost) -> Row:
    return Row(what, _time(cost.cpu), _time(cost.wall))


def _measured(client: str, url: str, effort: Effort, python: str) -> Measured:
    done = subprocess.run(
        [python, "-m", "bench.worker", client, url, str(effort.calls), str(effort.rounds)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        timeout=300,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    costs = {name: Cost(*cost) for name, cost in found["costs"].items()}
    return Measured(found["version"], costs)


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            amount = seconds / size
            return f"{amount:.0f} {unit}" if amount >= 10 else f"{amount:.1f} {unit}"
    micros = seconds * 1e6
    return f"{micros:.0f} µs" if micros >= 10 else f"{micros:.1f} µs"


if __name__ == "__main__":
    chosen = [part for part in PARTS if part in sys.argv[1:]]
    if len(chosen) != len(sys.argv[1:]):
        sys.exit(f"usage: python -m bench [{'] ['.join(PARTS)}]")
    main(chosen or PARTS)
