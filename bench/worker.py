"""One client measured in a process of its own: ``python -m bench.worker CLIENT URL CALLS ROUNDS``.

Writes one line of JSON: figure to [CPU, wall], in seconds for one call.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from bench.clients import CLIENTS, Client
from bench.timing import Cost, Effort, median, one_round, timed


def measure(make: Callable[[], Client], effort: Effort) -> dict[str, Cost]:
    """Every figure of a client, by the name of what was called and the event loop.

    Each loop has a client of its own, and they take turns: a busy moment of the machine must not
    fall on one of them alone.
    """
    streams = Effort(max(1, effort.calls // 20), effort.rounds)
    costs: dict[str, list[Cost]] = {}

    async def both(loop: str, client: Client) -> None:
        costs.setdefault(f"acall {loop}", []).append(await one_round(client.acall, effort))
        costs.setdefault(f"astream {loop}", []).append(await one_round(client.astream, streams))

    with ExitStack() as open_loops:
        loops = {
            name: (open_loops.enter_context(asyncio.Runner(loop_factory=factory)), make())
            for name, factory in _factories().items()
        }
        for _ in range(effort.rounds):
            for name, (runner, client) in loops.items():
                runner.run(both(name, client))
    found = {name: median(rounds) for name, rounds in sorted(costs.items())}
    call = make().call
    if call is not None:
        found["call"] = timed(call, effort)
    return found


def _factories() -> dict[str, Callable[[], Any]]:
    factories: dict[str, Callable[[], Any]] = {"asyncio": asyncio.new_event_loop}
    try:
        import uvloop
    except ImportError:  # the environment of another client need not have it
        return factories
    return {**factories, "uvloop": uvloop.new_event_loop}


def main(arguments: list[str]) -> None:
    """Measure and write."""
    name, url, calls, rounds = arguments
    costs = measure(lambda: CLIENTS[name](url), Effort(int(calls), int(rounds)))
    print(json.dumps({"version": CLIENTS[name](url).version, "costs": costs}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
