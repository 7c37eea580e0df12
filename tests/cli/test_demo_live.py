"""The calls that go on coming in the demo."""

import random
from typing import Any

from faregate.cli.demo_live import PAUSE, Caller, keep_calling

CALLERS = [Caller("sk-one", "router", 0.7), Caller("sk-other", "nano", 0.3)]


def test_calls_go_on_though_some_fail_until_it_is_told_to_stop() -> None:
    sent: list[tuple[dict[str, Any], str]] = []
    waits: list[float] = []

    def send(body: dict[str, Any], secret: str) -> None:
        sent.append((body, secret))
        if len(sent) % 5 == 0:
            raise ConnectionResetError

    def told(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) > 200

    keep_calling(CALLERS, ["Hello"], send, told, random.Random(7))
    assert len(sent) == 200
    assert all(PAUSE[0] <= each <= PAUSE[1] for each in waits)
    models = {secret: {body["model"] for body, who in sent if who == secret} for _, secret in sent}
    assert models == {"sk-one": {"router"}, "sk-other": {"nano"}}
    assert {"stream" in body for body, _ in sent} == {True, False}
