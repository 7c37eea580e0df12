"""What an import costs, each time in a fresh interpreter."""

import json
import statistics
import subprocess
import sys
from typing import NamedTuple

_SCRIPT = """
import sys, time
start = time.perf_counter()
{statement}
took = time.perf_counter() - start
import json
print(json.dumps([took, len(sys.modules)]))
"""


class Import(NamedTuple):
    """Seconds for the statement alone, and all modules loaded after it, Python's own included."""

    seconds: float
    modules: int


def measure(statement: str, rounds: int, python: str = sys.executable) -> Import:
    """The median over fresh interpreters; one more before that warms the file cache."""
    found = [_once(statement, python) for _ in range(rounds + 1)][1:]
    return Import(
        statistics.median(each.seconds for each in found),
        int(statistics.median(each.modules for each in found)),
    )


def _once(statement: str, python: str) -> Import:
    done = subprocess.run(
        [python, "-c", _SCRIPT.format(statement=statement)],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    seconds, modules = json.loads(done.stdout.splitlines()[-1])
    return Import(seconds, modules)
