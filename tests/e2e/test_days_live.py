"""Another zone for the days of a ledger that has calls: a restart, and every reader has it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.e2e import processes
from tests.e2e.conftest import CONFIG
from tests.e2e.processes import Emulator, Gateway
from tests.gateway.gatehouse import until

# On another date than UTC at any hour.
ZONE = "Pacific/Kiritimati" if datetime.now(UTC).hour >= 10 else "Pacific/Pago_Pago"


def spend(gateway: Gateway) -> Any:
    """Spend by day."""
    status, found = gateway.get("/api/spend?by=day", **gateway.bearer)
    return found if status == 200 else {"total": {"calls": 0}, "calendar": {}}


def wait(found: Callable[[], object]) -> None:
    """Return once it is so."""
    asyncio.run(until(found, 15.0))


def days(found: Any) -> dict[str, int]:
    """Calls by day."""
    return {each["group"]["day"]: each["calls"] for each in found["data"]}


def test_a_restart_with_another_zone_moves_the_calls_there_are(
    emulator: Emulator, tmp_path: Path
) -> None:
    plain = CONFIG.format(base=emulator.url, slow=emulator.url)
    with processes.gateway(tmp_path, plain) as running:
        for _ in range(3):
            assert running.chat("nano")[0] == 200
        wait(lambda: spend(running)["total"]["calls"] == 3)
        before = spend(running)
        assert before["calendar"]["zone"] == "UTC"
    stated = f"{plain}general_settings: {{reporting_time_zone: {ZONE}}}\n"
    with processes.gateway(tmp_path, stated) as running:
        assert running.chat("nano")[0] == 200
        today = datetime.now(ZoneInfo(ZONE)).date().isoformat()
        whole = {"zone": ZONE, "since": None, "today": today}
        wait(lambda: (found := spend(running))["calendar"] == whole and days(found) == {today: 4})
        assert spend(running)["total"]["calls"] == 4
        assert f"days are those of {ZONE} from now on" in running.printed()
        command = [sys.executable, "-m", "faregate", "spend", "--by", "day", "--since", "0d"]
        shown = subprocess.run(
            [*command, "--config", str(tmp_path / "config.yaml")],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, **processes.environment(FAREGATE_DATA_DIR=str(tmp_path / "state"))},
        ).stdout
        assert today in shown
        assert shown.endswith(f"days in {ZONE}\n")
    # Nobody has to state it again.
    with processes.gateway(tmp_path, plain) as running:
        wait(lambda: spend(running)["total"]["calls"] == 4)
        assert days(spend(running)) == {today: 4}
