"""A gateway from its start to its end, alone and as several workers."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import lives, wire
from tests.e2e.lives import Life, entry
from tests.e2e.processes import Emulator

STALLS = "stall-in-stream;after=3;seconds=0.8"


def simple(emulator: Emulator, **general: object) -> str:
    """One router, and one deployment that is not retried."""
    return lives.config(
        entry("azure-model-router", "model_router/azure-model-router", emulator.url, id="router"),
        entry("once", "model_router/first-router", emulator.url, id="once", max_retries=0),
        general=general,
    )


def ended(life: Life, call_id: str) -> str:
    """The log's line of a call."""
    (line,) = [line for line in life.printed().splitlines() if line.endswith(call_id)]
    return line


def call_of(stream: wire.Raw) -> str:
    return wire.parsed(stream.received)[1]["x-faregate-call-id"]


def test_from_start_to_first_answer(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    with lives.started(tmp_path, simple(emulator)) as life:
        assert life.ask_model("azure-model-router")[0] == 200
        with capsys.disabled():
            print(f" [start to first answer: {lives.waited(began):.2f} s]", end="")
        assert "point an OpenAI client at" in life.printed()


def test_a_stream_in_flight_is_finished(emulator: Emulator, tmp_path: Path) -> None:
    with lives.started(tmp_path, simple(emulator)) as life:
        emulator.fault(STALLS)
        with life.open_stream("once") as stream:
            life.signal(signal.SIGTERM)
            wire.soon(lambda: lives.refused(life.port))
            assert b"[DONE]" not in stream.received
            assert b"data: [DONE]" in stream.rest()
        assert life.stopped() == 0
        assert " 200 $" in ended(life, call_of(stream))
    assert emulator.meter()["last"][-1]["completed"]


def test_the_deadline_cuts_off_and_the_row_is_kept(emulator: Emulator, tmp_path: Path) -> None:
    with lives.started(tmp_path, simple(emulator, drain_timeout=0.3)) as life:
        emulator.fault("stall-in-stream;after=3")
        with life.open_stream("once") as stream:
            began = time.monotonic()
            life.signal(signal.SIGTERM)
            assert life.stopped(seconds=5) == 0
            assert 0.3 <= lives.waited(began) < 4
            assert b"[DONE]" not in stream.rest()
        line = ended(life, call_of(stream))
        assert "cancelled" in line
        assert "~$" in line  # what had come is charged, as an estimate
        assert "1 requests were cut off" in life.printed()


def test_whatever_happens_is_counted(emulator: Emulator, tmp_path: Path) -> None:
    with lives.started(tmp_path, simple(emulator)) as life:
        faults = ["", "500", "content-filter", "truncate", "throttle-in-stream", "no-usage"]
        for fault in faults:
            for stream in (False, True):
                if fault:
                    emulator.fault(fault, "first-router")
                life.ask_model("once", stream=stream)
        count = 2 * len(faults)
        assert life.total("faregate_requests_total") == count
        assert life.total("faregate_in_flight_requests") == 0
        assert life.ask_model("nobody")[0] == 404
        assert life.total("faregate_requests_total") == count
        assert life.total("faregate_refusals_total", code="model_not_found") == 1
    calls = [line for line in life.printed().splitlines() if " call_" in line]
    assert len(calls) == len({line.rpartition(" ")[2] for line in calls}) == count


@pytest.fixture(scope="module")
def several(resource: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """Three workers on one port."""
    text = simple(resource)
    with lives.started(tmp_path_factory.mktemp("several"), text, "--num_workers", "3") as life:
        wire.soon(lambda: life.total("faregate_workers") == 3)
        yield life


def test_workers_share_the_requests(several: Life, emulator: Emulator) -> None:
    assert len(several.workers()) == 3
    before = {pid: len(lives.sockets(pid)) for pid in several.workers()}
    counted = several.total("faregate_requests_total")
    clients: list[wire.Raw] = []
    body = wire.request(several, wire.chat("azure-model-router", lives.PROMPT))

    def ask(client: wire.Raw) -> None:
        client.send(body)
        client.until(b"\r\n\r\n")

    def busy() -> list[int]:
        return [pid for pid in several.workers() if len(lives.sockets(pid)) > before[pid] + 1]

    # Whoever is awake accepts; on a busy machine one of them may take the first handful.
    while len(busy()) < 2 and len(clients) < 600:
        fresh = [wire.Raw(several.port) for _ in range(60)]
        threads = [threading.Thread(target=ask, args=(client,)) for client in fresh]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        clients += fresh
    assert len(busy()) >= 2
    for client in clients:
        assert client.received.startswith(b"HTTP/1.1 200")
        client.socket.close()
    wire.soon(lambda: several.total("faregate_requests_total") == counted + len(clients))
    assert emulator.meter()["total"]["calls"] == len(clients)


def test_a_killed_worker_is_replaced(several: Life, emulator: Emulator) -> None:
    assert several.ask_model("once")[0] == 200
    counted = several.total("faregate_requests_total")
    wire.soon(lambda: several.total("faregate_requests_total") >= max(counted, 1))
    victim, *others = several.workers()
    os.kill(victim, signal.SIGKILL)

    def replaced() -> list[int] | None:
        now = several.workers()
        return now if len(now) == 3 and victim not in now else None

    assert set(others) < set(wire.soon(replaced))
    assert f"worker {victim} ended with -9" in several.printed()
    assert all(several.ask_model("once")[0] == 200 for _ in range(10))
    wire.soon(lambda: several.total("faregate_requests_total") >= counted + 10)
    assert several.total("faregate_in_flight_requests") == 0


def test_every_worker_reloads(several: Life, emulator: Emulator) -> None:
    text = several.config.read_text("utf-8")
    several.write(text.replace('"once"', '"twice"', 1))
    several.signal(signal.SIGHUP)
    wire.soon(lambda: several.printed().count("the configuration is reloaded") == 3)
    assert all("twice" in several.models() for _ in range(12))
    several.write(text)
    wire.soon(lambda: several.printed().count("the configuration is reloaded") == 6)


def test_workers_drain_and_exit_with_0(emulator: Emulator, tmp_path: Path) -> None:
    with lives.started(tmp_path, simple(emulator), "--num_workers", "3") as life:
        emulator.fault(STALLS, times=2)
        with life.open_stream("once") as one, life.open_stream("once") as two:
            life.signal(signal.SIGTERM)
            assert b"[DONE]" in one.rest()
            assert b"[DONE]" in two.rest()
        assert life.stopped() == 0
        assert " 200 $" in ended(life, call_of(one))
        assert " 200 $" in ended(life, call_of(two))
