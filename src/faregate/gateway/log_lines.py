"""What a log line looks like, as JSON for machines and as text for a terminal."""

import logging
import time
from datetime import UTC, datetime

import msgspec

from faregate.gateway.redaction import Redactor
from faregate.money import format_usd
from faregate.types import Receipt, Row

_NAME_LENGTH = 128
_CONTEXT = ("call_id", "request_id", "model", "deployment")
_FAILED = frozenset({"failed", "lost"})
_MARKS = {"estimated": "~", "inconsistent": "?"}
_RESET, _DIM, _GREEN, _YELLOW, _RED = "\x1b[0m", "\x1b[2m", "\x1b[32m", "\x1b[33m", "\x1b[31m"


class CallLine(msgspec.Struct, omit_defaults=True):
    """A finished call. What is empty or unknown is left out; an unknown cost is never 0."""

    time: str
    level: str
    event: str
    call_id: str
    operation: str
    model: str
    status: int
    outcome: str
    attempts: int
    stream: bool
    overhead_us: int
    upstream_ms: float
    duration_ms: float
    request_id: str = ""
    served_model: str = ""
    deployment: str = ""
    provider: str = ""
    error: str = ""
    fallbacks: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: str | None = None
    cost_status: str = ""
    first_chunk_ms: float | None = None
    key: str = ""
    client: str = ""


class MessageLine(msgspec.Struct, omit_defaults=True):
    """Any other message."""

    time: str
    level: str
    event: str
    logger: str
    message: str
    exception: str = ""
    call_id: str = ""
    request_id: str = ""
    model: str = ""
    deployment: str = ""


_encode = msgspec.json.Encoder().encode


class _Clock:
    """Unix seconds as text; the part that changes once a second is made once a second."""

    def __init__(self) -> None:
        self._second = -1
        self._prefix = ""

    def utc(self, instant: float) -> str:
        second = int(instant)
        if second != self._second:
            prefix = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._second, self._prefix = second, prefix
            return f"{prefix}.{int((instant - second) * 1000):03d}Z"
        return f"{self._prefix}.{int((instant - second) * 1000):03d}Z"


_clock = _Clock()


def level_of(row: Row) -> int:
    """Warning for a call that failed, on our side or upstream; info for any other."""
    failed = row.status >= 500 or row.outcome in _FAILED
    return logging.WARNING if failed else logging.INFO


def json_call(row: Row, level: int, redactor: Redactor) -> bytes:
    """A call as one line of JSON, with its line feed."""
    receipt = row.receipt
    started = row.started
    line = CallLine(
        _clock.utc(row.ended),
        "info" if level == logging.INFO else "warning",
        "request",
        row.call_id,
        row.operation,
        row.requested_model,
        row.status,
        row.outcome,
        len(row.attempts),
        row.stream,
        row.overhead_us,
        int(row.upstream_seconds * 1e6) / 1000,
        int((row.ended - started) * 1e6) / 1000,
    )
    if row.request_id != row.call_id:
        # The client's own words, so they may hold anything.
        line.request_id = redactor.name(row.request_id[:_NAME_LENGTH])
    line.deployment = row.deployment
    line.provider = row.provider
    line.error = row.error
    line.fallbacks = row.fallbacks
    line.key = row.key
    line.client = row.client
    if row.stream and row.first_byte is not None:
        line.first_chunk_ms = int((row.first_byte - started) * 1e6) / 1000
    if receipt is not None:
        line.served_model = receipt.model[:_NAME_LENGTH]
        line.input_tokens, line.output_tokens = _tokens(receipt)
        line.cost_status = receipt.status
        if receipt.total is not None:
            line.cost = format_usd(receipt.total)
    return _encode(line) + b"\n"


def human_call(row: Row, *, colour: bool = False) -> bytes:
    """A call as one line for a person, with its line feed and in local time."""
    receipt = row.receipt
    parts = [_local(row.ended), _plain(row.requested_model)]
    if receipt is not None and receipt.model:
        parts += ["→", _plain(receipt.model)]
    elif row.deployment and row.deployment != row.requested_model:
        parts += ["→", _plain(row.deployment)]
    parts.append(_painted(row.status, colour=colour))
    if row.outcome != "completed":
        parts.append(row.outcome if not row.error else f"{row.outcome}: {_plain(row.error)}")
    if receipt is not None:
        parts.append(_cost(receipt))
    parts.append(_seconds(row.ended - row.started))
    if row.first_byte is not None:  # ours is what came before it
        parts.append(f"({row.overhead_us / 1000:.2f} ms ours)")
    if row.stream and row.first_byte is not None:
        parts.append(f"first {_seconds(row.first_byte - row.started)}")
    if receipt is not None:
        parts.append("{}+{} tok".format(*_tokens(receipt)))
    if len(row.attempts) > 1:
        parts.append(f"{len(row.attempts)} attempts")
    parts.append(f"{_DIM}{row.call_id}{_RESET}" if colour else row.call_id)
    return " ".join(parts).encode("utf-8", "replace") + b"\n"


def json_message(record: logging.LogRecord, text: str, trace: str) -> bytes:
    """A message as one line of JSON; ``extra`` may give it a call id, a model, a deployment."""
    context = {name: str(record.__dict__.get(name, ""))[:_NAME_LENGTH] for name in _CONTEXT}
    line = MessageLine(
        time=_clock.utc(record.created),
        level=record.levelname.lower(),
        event="log",
        logger=record.name,
        message=text,
        exception=trace,
        **context,
    )
    return _encode(line) + b"\n"


def human_message(record: logging.LogRecord, text: str, trace: str) -> bytes:
    """A message for a person; further lines and a traceback follow, set in."""
    level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
    call_id = record.__dict__.get("call_id", "")
    first, *rest = text.splitlines() or [""]
    line = f"{_local(record.created)} {level}{_plain(first)}{f' {call_id}' if call_id else ''}\n"
    for more in [*rest, *trace.splitlines()]:
        line += f"  {_plain(more)}\n"
    return line.encode("utf-8", "replace")


def _tokens(receipt: Receipt) -> tuple[int, int]:
    prompt = completion = 0
    for charge in receipt.charges:
        usage = charge.usage
        prompt += usage.prompt
        completion += usage.completion
    return prompt, completion


def _cost(receipt: Receipt) -> str:
    if receipt.total is None:
        return "cost unknown"
    return f"{_MARKS.get(receipt.status, '')}${format_usd(receipt.total)}"


def _seconds(duration: float) -> str:
    return f"{duration:.1f} s" if duration >= 1 else f"{max(duration, 0) * 1000:.0f} ms"


def _local(instant: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(instant))


def _painted(status: int, *, colour: bool) -> str:
    if not colour:
        return str(status)
    paint = _GREEN if status < 400 else _YELLOW if status < 500 else _RED
    return f"{paint}{status}{_RESET}"


def _plain(text: str) -> str:
    """Without control characters: a name from outside must not write to the terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "·" for c in text)
