"""Faults on demand: their names, how they are spelled, and the queue that hands them out."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from faregate.emulator import refusals
from faregate.emulator.refusals import Refusal
from faregate.errors import ConfigError

FAULTS: dict[str, str] = {
    "401": "wrong key: Azure's 401, whose body has no `error` object",
    "403": "keys are disabled for the resource",
    "404": "`DeploymentNotFound`",
    "408": "the operation timed out",
    "429": "throttled; `after=45` is the number in the text, `retry-after=2`, `retry-after-ms=150`,"
    " `x-ratelimit-reset-requests=3`, `x-rate-limit-reset-tokens=55` are sent as headers",
    "500": "internal server error",
    "502": "bad gateway",
    "503": "service unavailable",
    "504": "gateway timeout",
    "529": "overloaded",
    "content-filter": "the prompt is refused; `spelling=inner_error` for the other spelling",
    "content-filter-completion": "the answer is cut: `finish_reason: content_filter`",
    "context-length": "`context_length_exceeded`; `window=200000`",
    "unsupported-parameter": "`unsupported_parameter`; `param=max_tokens`",
    "html-200": "a sign-in page with status 200",
    "empty-200": "status 200 and no body",
    "bad-json": "the JSON of the answer (or of one chunk) is broken off",
    "invalid-utf8": "bytes that are no UTF-8 inside the content",
    "throttle-in-stream": "status 200, and the first event of the stream is a 429 error",
    "error-in-stream": "an error event after `after=3` frames; also `code=500`",
    "stall": "no byte of an answer; `seconds=` ends it, else until the client leaves",
    "stall-in-stream": "silence after `after=3` frames; `seconds=` goes on then",
    "reset": "TCP reset before any byte of an answer",
    "reset-in-body": "TCP reset after `after=3` frames, or half of a whole answer",
    "truncate": "connection closed cleanly in the middle of a frame, after `after=3` frames",
    "no-done": "a stream that ends without `[DONE]`",
    "no-usage": "the answer, streamed or not, has no usage",
    "bad-usage": "usage whose parts contradict its totals",
    "drip": "the answer comes `bytes=1` at a time, `ms=0` apart",
    "split": "the answer is cut every `bytes=7` bytes, across frames and characters",
    "huge": "an answer of `mb=100` megabytes",
    "async-filter": "filter verdicts in chunks of their own, whose choices have no delta",
    "failover": "the trace shows `model=` failing first with `status=404`",
    "downgrade": "the answer's `service_tier` is `default` whatever was asked",
    "serve": "the answer names `model=gpt-9-mystery`",
}
"""Every fault and what it does. The documentation lists the same."""

_UNBILLED = frozenset({"html-200", "empty-200", "throttle-in-stream", "stall", "reset"})
"""Faults after which no model has answered, so nothing is metered."""

_MAX_ENTRIES = 1000


class Fault(Struct, frozen=True, kw_only=True):
    """One fault with its options."""

    name: str = ""
    options: Mapping[str, str] = {}

    def number(self, option: str, default: float) -> float:
        """A numeric option; the default where it is not given."""
        return float(self.options.get(option, default))

    @property
    def headers(self) -> dict[str, str]:
        """The options that are response headers."""
        return {
            key: value
            for key, value in self.options.items()
            if key.startswith(("retry-after", "x-", "policy-id"))
        }

    def is_billed(self, *, stream: bool) -> bool:
        """Whether a model answers all the same, so that the meter counts it."""
        if self.name == "throttle-in-stream":
            return not stream  # it does nothing to a whole answer
        if self.name == "stall" and "seconds" in self.options:
            return True  # the answer comes after the silence
        return self.name not in _UNBILLED


NONE = Fault()


def parse_fault(text: str) -> Fault:
    """A fault from ``NAME[;key=value...]``; the empty text is none.

    Raises :class:`faregate.errors.ConfigError` for a name nobody knows.
    """
    name, *options = [part.strip() for part in text.split(";")]
    name = name.lower().replace("_", "-")
    if name and name not in FAULTS:
        raise ConfigError(f"{name!r} is no fault; known are {', '.join(FAULTS)}")
    pairs = [option.partition("=") for option in options if option]
    found = Fault(name=name, options={key.strip(): value.strip() for key, _, value in pairs})
    for option in ("seconds", "after", "bytes", "ms", "mb", "status", "window"):
        try:
            valid = found.number(option, 1) >= 0
        except ValueError:
            valid = False
        if not valid:
            raise ConfigError(f"the option {option} of the fault {name!r} is no number")
    return found


_REFUSALS: dict[str, Callable[[Fault], Refusal]] = {
    "401": lambda _: refusals.unauthorized(),
    "403": lambda _: refusals.forbidden(),
    "404": lambda _: refusals.no_deployment(),
    "429": lambda fault: refusals.throttled(fault.options.get("after", "45"), fault.headers),
    "content-filter": lambda f: refusals.filtered_prompt(f.options.get("spelling", "innererror")),
    "context-length": lambda fault: refusals.too_long(
        int(fault.number("window", 200_000)), int(fault.number("window", 200_000)) + 1
    ),
    "unsupported-parameter": lambda f: refusals.unsupported(f.options.get("param", "max_tokens")),
    "html-200": lambda _: refusals.html(),
    "empty-200": lambda _: Refusal(status=200, body=b""),
}


def refusal_of(fault: Fault) -> Refusal | None:
    """The answer a fault gives instead of a model's; None when a model answers."""
    if fault.name in _REFUSALS:
        refusal = _REFUSALS[fault.name](fault)
    elif fault.name.isdigit():
        refusal = refusals.server_error(int(fault.name))
    else:
        return None
    return Refusal(
        status=refusal.status,
        body=refusal.body,
        headers={**refusal.headers, **fault.headers},
        content_type=refusal.content_type,
    )


class Queued(Struct, kw_only=True):
    """A fault that waits for calls. With a rate below 1 it meets every (1/rate)th of them."""

    fault: str
    deployment: str = ""
    times: int = 1
    rate: float = 1.0
    due: float = 0.0


class FaultQueue:
    """Hands out the faults that were asked for in advance, first come first served."""

    def __init__(self) -> None:
        self._entries: deque[Queued] = deque()

    def add(self, entry: Queued) -> None:
        """Queue a fault. Raises :class:`faregate.errors.ConfigError` for a senseless one."""
        parse_fault(entry.fault)
        if entry.times < 1 or not 0 < entry.rate <= 1:
            raise ConfigError("times must be at least 1 and rate above 0, at most 1")
        if len(self._entries) >= _MAX_ENTRIES:
            raise ConfigError(f"{_MAX_ENTRIES} faults are queued already")
        self._entries.append(entry)

    def take(self, deployment: str) -> Fault:
        """The fault of the next call to a deployment; :data:`NONE` when none is due."""
        for entry in self._entries:
            if entry.deployment and entry.deployment.lower() != deployment.lower():
                continue
            entry.due += entry.rate
            if entry.due < 1 - 1e-9:
                continue
            entry.due -= 1
            entry.times -= 1
            if entry.times <= 0:
                self._entries.remove(entry)
            return parse_fault(entry.fault)
        return NONE

    def clear(self) -> None:
        """Forget every fault."""
        self._entries.clear()

    def waiting(self) -> list[dict[str, Any]]:
        """The faults still to come."""
        return [
            {"fault": e.fault, "deployment": e.deployment, "times": e.times, "rate": e.rate}
            for e in self._entries
        ]
