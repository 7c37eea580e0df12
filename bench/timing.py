"""CPU and wall time of repeated work: a warm-up, several rounds, the median of them.

CPU is ``time.process_time``: all threads of this process and nothing of the upstream's. Garbage is
collected before each round and the collector stays on during it, as in real use.
"""

import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple


class Cost(NamedTuple):
    """Seconds for one call."""

    cpu: float
    wall: float


class Effort(NamedTuple):
    """How much is measured."""

    calls: int
    """Calls in a round."""
    rounds: int

    @property
    def warm_up(self) -> int:
        """Calls made before the first round: pools fill, caches fill, code is specialised."""
        return max(1, self.calls // 4)


def median(costs: Sequence[Cost]) -> Cost:
    """CPU and wall time of the middle round, each by itself."""
    return Cost(
        statistics.median(cost.cpu for cost in costs),
        statistics.median(cost.wall for cost in costs),
    )


def timed(work: Callable[[], object], effort: Effort) -> Cost:
    """What one call of ``work`` costs."""
    for _ in range(effort.warm_up):
        work()
    costs = []
    for _ in range(effort.rounds):
        gc.collect()
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(effort.calls):
            work()
        costs.append(_since(cpu, wall, effort.calls))
    return median(costs)


async def one_round(work: Callable[[], Awaitable[object]], effort: Effort) -> Cost:
    """What one awaited call of ``work`` costs in one round; one call at a time."""
    for _ in range(effort.warm_up):
        await work()
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(effort.calls):
        await work()
    return _since(cpu, wall, effort.calls)


def _since(cpu: float, wall: float, calls: int) -> Cost:
    return Cost((time.process_time() - cpu) / calls, (time.perf_counter() - wall) / calls)
