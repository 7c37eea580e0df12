"""One process of several that share a budget: asks for its calls, settles them, prints how many."""

import asyncio
import sys

from faregate.core.budget import Actual, Budget, Claim, Hold, check
from faregate.core.windows import parse_window
from faregate.store.redis_counters import RedisCounters

PICO = 10**12
ACCOUNT = check(
    Budget(id="b", scope="key", scope_id="k", limit=100 * PICO, window=parse_window("1mo"))
)


async def main(url: str, prefix: str, name: str, calls: int) -> None:
    """Ask for ``calls`` dollars at once; settle what was admitted at the full price."""
    kept = RedisCounters(url, prefix=prefix, timeout=10)
    await kept.start()
    await kept.restore([ACCOUNT], [])
    asked = (kept.reserve(f"{name}-{index}", [Claim(ACCOUNT, PICO)]) for index in range(calls))
    found = await asyncio.gather(*asked)
    holds = [each for each in found if isinstance(each, Hold)]
    await asyncio.gather(*(kept.settle(hold, Actual(usd=PICO)) for hold in holds))
    await kept.close()
    print(len(holds))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
