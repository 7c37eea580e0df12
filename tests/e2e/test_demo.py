"""``faregate demo``, which is what ``make run`` shows a stranger first."""

import re

from faregate.money import parse_usd
from tests.e2e import lives
from tests.e2e.processes import environment


def test_the_demo_shows_a_budget_being_kept_and_adds_up() -> None:
    done = lives.run("demo", "--port", "0", env=environment())
    assert done.returncode == 0, done.stderr
    text = done.stdout
    assert "the next one: 429 budget_exceeded, x-should-retry: false" in text
    made = re.search(r"made (tour-[a-z2-7]{4}) \(sk-fg-…\w{4}\)", text)
    assert made is not None
    said = " ".join(text.split())
    assert f"the budget of key {made[1]} (1mo) has $0.0000" in said
    calls = re.search(r"(\d+) calls answered, which cost \$(\S+) of \$(\S+)", text)
    assert calls is not None
    assert int(calls[1]) > 3
    assert 0 < parse_usd(calls[2]) <= parse_usd(calls[3])
    assert re.search(rf"^  {made[1]} +nano .*\${calls[2]}0*$", text, re.MULTILINE)
    sums = re.search(r"the ledger has \$(\S+), the (\d+) receipts add up to \$(\S+)", text)
    assert sums is not None
    assert (sums[1], int(sums[2])) == (sums[3], int(calls[1]) + 2)
    assert "sk-demo-" not in text
