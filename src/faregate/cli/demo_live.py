"""Calls that go on coming while ``faregate demo --serve`` runs, for a dashboard that is alive."""

import random
from collections.abc import Callable, Sequence
from http.client import HTTPException
from typing import Any, NamedTuple

PAUSE = (1.0, 6.0)
"""Seconds between two calls: the least, and the most."""
_STREAMED = 0.4


class Caller(NamedTuple):
    """Who calls: a key's secret, the model it uses, and how much of the traffic is its."""

    secret: str
    model: str
    share: float


def keep_calling(
    callers: Sequence[Caller],
    prompts: Sequence[str],
    send: Callable[[dict[str, Any], str], object],
    told: Callable[[float], bool],
    dice: random.Random,
) -> None:
    """Make a call every few seconds until ``told``, which waits so long and says whether to stop.

    ``send`` takes a body and a secret. A call that fails is the log's, and ends nothing.
    """
    shares = [each.share for each in callers]
    while not told(dice.uniform(*PAUSE)):
        caller = dice.choices(callers, shares)[0]
        body: dict[str, Any] = {
            "model": caller.model,
            "messages": [{"role": "user", "content": dice.choice(prompts)}],
        }
        if dice.random() < _STREAMED:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        try:
            send(body, caller.secret)
        except (OSError, HTTPException):
            continue
