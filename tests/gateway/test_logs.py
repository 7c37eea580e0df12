"""Logs: a line a call, no secret in any of them, and never a wait for the output."""

import fcntl
import json
import logging
import os
import re
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from faregate.errors import ConfigError
from faregate.gateway.line_writer import LineWriter
from faregate.gateway.log_lines import CallLine, human_call
from faregate.gateway.logs import Logs, configure
from faregate.gateway.redaction import MASK, Redactor
from tests.gateway.finished import STARTED, a_charge, a_receipt, a_row, an_attempt

ROOT = Path(__file__).parents[2]

SECRETS = [
    "sk-1234",
    "sk-proj-Zm9vYmFyYmF6cXV4_0123456789abcdef",
    "sk-ant-api03-AbCdEfGhIjKlMnOpQrStUvWx",
    "0123456789abcdef0123456789abcdef",
    "0123456789ABCDEF0123456789ABCDEF",
    "9aBcD3fG" * 10 + "Wxyz",
    "gsk_abcdefghijklmnopqrstuvwx",
    "xai-abcdefghijklmnopqrstuvwx",
    "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwcyJ9.c2lnbmF0dXJl",
]

SPELLINGS = [
    "Authorization: Bearer {}",
    "authorization: Basic {}",
    "{{'api-key': '{}', 'x': 1}}",
    "[(b'x-api-key', b'{}')]",
    "api_key={} and more",
    '"AZURE_API_KEY": "{}"',
    "https://example.org/v1?sig={}&se=2027",
    "postgresql://user:{}@db.example.org/spend",
    "client_secret={}",
    "password: '{}'",
    "bearer {}",
]


def fail(message: str) -> None:
    raise ValueError(message)


class Captured:
    """Logs that write to a pipe, and what came out of it."""

    def __init__(self, form: Any = "json", level: str = "info") -> None:
        self._read, self._write = os.pipe()
        self.logs = configure(form, level, fd=self._write)

    def lines(self) -> list[str]:
        """Everything written; ends the log."""
        self.logs.close()
        os.close(self._write)
        with os.fdopen(self._read, "rb") as pipe:
            return pipe.read().decode().splitlines()


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_call_is_one_line_of_json() -> None:
    captured = Captured()
    captured.logs.record(a_row(request_id="3f2c0e8e-7a51-4d2e-9f0c-121212121212", stream=True))
    (line,) = captured.lines()
    assert json.loads(line) == {
        "time": "2026-11-18T11:06:41.250Z",
        "level": "info",
        "event": "request",
        "call_id": "call_1",
        "request_id": "3f2c0e8e-7a51-4d2e-9f0c-121212121212",
        "operation": "chat/completions",
        "model": "azure-model-router",
        "served_model": "gpt-5-nano-2025-08-07",
        "deployment": "router-sweden",
        "provider": "azure_ai",
        "status": 200,
        "outcome": "completed",
        "attempts": 1,
        "stream": True,
        "input_tokens": 15,
        "output_tokens": 78,
        "cost": "0.00003405",
        "cost_status": "priced",
        "overhead_us": 80,
        "upstream_ms": 1125.0,
        "first_chunk_ms": 500.0,
        "duration_ms": 1250.0,
        "key": "master",
    }


def test_an_unknown_cost_is_absent() -> None:
    captured = Captured()
    unpriced = a_charge(total=None, status="unpriced", lines=())
    captured.logs.record(a_row(receipt=a_receipt(unpriced)))
    captured.logs.record(a_row(receipt=None, outcome="failed", status=502, error="bad_gateway"))
    first, second = (json.loads(line) for line in captured.lines())
    assert "cost" not in first
    assert first["cost_status"] == "unpriced"
    assert not {"cost", "cost_status", "input_tokens", "served_model"} & second.keys()
    assert (second["level"], second["error"]) == ("warning", "bad_gateway")


def test_tokens_of_every_billed_attempt_count() -> None:
    captured = Captured()
    captured.logs.record(
        a_row(receipt=a_receipt(a_charge(), a_charge()), attempts=(an_attempt(), an_attempt()))
    )
    line = json.loads(captured.lines()[0])
    assert (line["attempts"], line["input_tokens"], line["cost"]) == (2, 30, "0.0000681")


def test_time_is_right_to_the_millisecond_across_seconds() -> None:
    captured = Captured()
    for ended in (STARTED, STARTED + 0.9995, STARTED + 1.5, STARTED + 0.25, STARTED + 60):
        captured.logs.record(a_row(ended=ended))
    times = [json.loads(line)["time"][-10:] for line in captured.lines()]
    assert times == ["06:40.000Z", "06:40.999Z", "06:41.500Z", "06:40.250Z", "07:40.000Z"]


def test_the_level_decides_what_is_written() -> None:
    captured = Captured(level="warning")
    captured.logs.record(a_row())
    captured.logs.record(a_row(call_id="call_2", outcome="failed"))
    logging.getLogger("faregate.any").info("quiet")
    logging.getLogger("faregate.any").warning("loud")
    first, second = (json.loads(line) for line in captured.lines())
    assert first["call_id"] == "call_2"
    assert second["message"] == "loud"


def test_at_debug_libraries_do_not_tell_what_they_are_given() -> None:
    captured = Captured("human", "debug")
    logging.getLogger("aiosqlite").debug("executing %s", ("INSERT", ("a prompt",)))
    logging.getLogger("faregate.store").debug("ours")
    logging.getLogger("aiosqlite").info("theirs")
    assert [each.split()[-1] for each in captured.lines()] == ["ours", "theirs"]


@pytest.mark.parametrize(("form", "level"), [("xml", "info"), ("json", "loud")])
def test_an_unknown_form_or_level_is_refused(form: Any, level: str) -> None:
    with pytest.raises(ConfigError, match=r"xml|loud"):
        configure(form, level)


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("utc")
def test_a_call_for_a_person() -> None:
    assert human_call(a_row(overhead_us=84)).decode() == (
        "11:06:41 azure-model-router → gpt-5-nano-2025-08-07 200 $0.00003405 1.2 s (0.08 ms ours)"
        " 15+78 tok call_1\n"
    )
    failed = an_attempt(status=429, error="rate_limit_exceeded")
    row = a_row(
        receipt=None, status=429, outcome="failed", error="rate_limit_exceeded", stream=True,
        attempts=(failed, failed), ended=STARTED + 0.034, first_byte=None,
    )  # fmt: skip
    assert human_call(row).decode() == (
        "11:06:40 azure-model-router → router-sweden 429 failed: rate_limit_exceeded 34 ms"
        " 2 attempts call_1\n"
    )


@pytest.mark.parametrize(
    ("charge", "shown"),
    [
        (a_charge(status="estimated"), " ~$0.00003405 "),
        (a_charge(status="inconsistent"), " ?$0.00003405 "),
        (a_charge(status="unpriced", total=None), " cost unknown "),
    ],
)
def test_a_doubtful_cost_is_marked(charge: Any, shown: str) -> None:
    assert shown in human_call(a_row(receipt=a_receipt(charge))).decode()


def test_a_name_from_upstream_cannot_write_to_the_terminal() -> None:
    charge = a_charge(served_model="gpt\x1b]0;owned\x07\n200 faked line")
    text = human_call(a_row(receipt=a_receipt(charge))).decode()
    assert text.count("\n") == 1
    assert "\x1b" not in text
    assert "\x1b[32m200\x1b[0m" in human_call(a_row(), colour=True).decode()


def test_further_lines_of_a_message_are_set_in() -> None:
    captured = Captured("human")
    logging.getLogger("faregate").error("two problems:\n12:00:00 first\nsecond\x07")
    lines = captured.lines()
    assert lines[0].endswith(" error: two problems:")
    assert lines[1:] == ["  12:00:00 first", "  second·"]


def test_messages_of_the_standard_library_join_in() -> None:
    captured = Captured()
    logger = logging.getLogger("faregate.routing")
    logger.warning("%s is cooling", "spare", extra={"call_id": "call_9", "deployment": "spare"})
    try:
        fail("went wrong with sk-abcdefghijkl")
    except ValueError:
        logger.exception("unexpected")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old setting", stacklevel=1)
    first, second, third = (json.loads(line) for line in captured.lines())
    assert first["message"] == "spare is cooling"
    assert (first["call_id"], first["deployment"], first["level"]) == ("call_9", "spare", "warning")
    assert second["level"] == "error"
    assert second["exception"].startswith("Traceback")
    assert f"ValueError: went wrong with sk-{MASK}" in second["exception"]
    assert "old setting" in third["message"]


def test_a_message_that_cannot_be_formatted_does_not_raise(
    capsys: pytest.CaptureFixture[str],
) -> None:
    captured = Captured()
    logging.getLogger("faregate").warning("%d items", "no number")
    assert captured.lines() == []
    assert "no number" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["json", "human"])
@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_that_looks_like_a_key_is_written(secret: str, form: Any) -> None:
    captured = Captured(form)
    logger = logging.getLogger("faregate.any")
    logger.warning("plain %s, said twice %s.", secret, secret)
    for spelling in SPELLINGS:
        logger.warning(spelling.format(secret))
        try:
            fail(spelling.format(secret))
        except ValueError:
            logger.exception("unexpected")
    captured.logs.record(a_row(request_id=f"Bearer {secret}"))
    captured.logs.record(a_row(request_id=f"rid {secret}"))
    text = "\n".join(captured.lines())
    assert text.count(MASK) >= 2 + 2 * len(SPELLINGS)
    if re.fullmatch(r"[0-9a-fA-F]{32}|\w{84}", secret):
        # A request id may look like that; only where it is announced as a key it is masked.
        text = text.replace(f"rid {secret}", "")
    assert secret not in text


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_key_of_no_known_shape_is_masked_where_it_is_announced(spelling: str) -> None:
    masked = Redactor().text(spelling.format("opensesame9"))
    assert "opensesame" not in masked
    assert MASK in masked


def test_configured_secrets_are_masked_wherever_they_turn_up() -> None:
    captured = Captured()
    captured.logs.conceal(["open sesame", "abc", "", "open sesame street"])
    logging.getLogger("faregate").warning("they said open sesame street; abc stays")
    captured.logs.record(a_row(request_id="open sesame"))
    first, second = (json.loads(line) for line in captured.lines())
    assert first["message"] == f"they said {MASK}; abc stays"
    assert second["request_id"] == MASK


@pytest.mark.parametrize(
    "harmless",
    [
        "azure-model-router answered 429 to call_0123456789abcdef0123456789abcdef",
        "risk-taking task-force disk-usage",
        "15 tokens in, 78 tokens out; max_tokens=128",
        "listening on http://127.0.0.1:4000 with 1 worker",
        "/home/someone/projects/gateway/src/faregate/gateway/a_long_path/metrics.py",
        "https://example.cognitiveservices.azure.com/openai/v1/chat/completions",
    ],
)
def test_what_is_no_key_stays(harmless: str) -> None:
    assert Redactor().text(harmless) == harmless


@pytest.mark.parametrize(
    "piece", ["a-", "_-", "api-key", "://", "sk-", "eyJ.", "'", "secret", "9a"]
)
def test_redaction_takes_no_more_than_linear_time(piece: str) -> None:
    redactor = Redactor()
    started = time.process_time()
    redactor.text(piece * (65_536 // len(piece)))
    assert time.process_time() - started < 2


class TestOutput:
    """What a slow, a closed and a shared output do: nothing to the caller."""

    @staticmethod
    def note(lost: int) -> bytes:
        return f"lost {lost}\n".encode()

    def test_lines_come_out_in_order(self) -> None:
        read, write = os.pipe()
        writer = LineWriter(write, self.note, every=0)
        for number in range(2_000):
            writer.put(b"%d\n" % number)
        writer.close()
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            assert [int(line) for line in pipe] == list(range(2_000))
        assert writer.dropped == 0

    @pytest.mark.parametrize("blocking", [True, False])
    def test_a_slow_reader_costs_lines_and_not_time(self, *, blocking: bool) -> None:
        read, write = os.pipe()
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4_096)
        os.set_blocking(write, blocking)
        writer = LineWriter(write, self.note, lines=100, every=0)
        line = b"x" * 1_023 + b"\n"
        started = time.process_time()
        while writer.dropped < 50:  # the pipe is full, and so is the buffer
            writer.put(line)
        put = time.perf_counter()
        writer.put(line)
        assert time.perf_counter() - put < 0.5
        assert time.process_time() - started < 5
        received = b""
        while b"lost" not in received:
            received += os.read(read, 65_536)
            writer.put(line)
        os.set_blocking(read, False)
        for _ in range(1_000):
            try:
                received += os.read(read, 65_536)
            except BlockingIOError:
                if not writer._thread.is_alive():
                    break
                writer.close(timeout=0.01)
        assert not writer._thread.is_alive()
        lost = sum(map(int, re.findall(rb"^lost (\d+)$", received, re.MULTILINE)))
        assert 50 <= lost <= writer.dropped
        whole = {text for text in received.splitlines() if not text.startswith(b"lost")}
        assert whole == {b"x" * 1_023}
        os.close(read)
        os.close(write)

    def test_a_closed_output_costs_lines_and_raises_nothing(self) -> None:
        read, write = os.pipe()
        os.close(read)
        writer = LineWriter(write, self.note, every=0)
        for _ in range(10):
            writer.put(b"line\n")
        writer.close()
        assert not writer._thread.is_alive()
        assert writer.dropped == 10
        os.close(write)

    def test_closing_gives_up_on_an_output_that_never_moves(self) -> None:
        read, write = os.pipe()
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4_096)
        writer = LineWriter(write, self.note, every=0)
        writer.put(b"x" * 100_000)
        started = time.monotonic()
        writer.close(timeout=0.05)
        assert time.monotonic() - started < 5
        os.close(read)  # frees the thread: a broken pipe
        writer.close(timeout=10)
        assert not writer._thread.is_alive()
        os.close(write)

    def test_the_log_says_how_many_were_dropped(self) -> None:
        captured = Captured()
        captured.logs._writer.dropped = 3
        captured.logs.record(a_row())
        note, line = (json.loads(line) for line in captured.lines())
        assert note["message"].startswith("3 log lines were dropped")
        assert line["event"] == "request"
        assert captured.logs.dropped == 3


def test_every_field_is_documented_and_no_other() -> None:
    page = (ROOT / "docs" / "reference" / "logs.md").read_text()
    documented = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert documented == set(CallLine.__struct_fields__)


def test_close_detaches() -> None:
    captured = Captured()
    assert isinstance(captured.logs, Logs)
    captured.lines()
    assert logging.getLogger().handlers == []
