"""Metrics: what a call adds, what a scrape says, and several workers as one."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from faregate.gateway.ledger_metrics import access_families, ledger_families
from faregate.gateway.metric_families import Counts
from faregate.gateway.metrics import COOLING, HALF_OPEN, HEALTHY, Metrics
from faregate.types import Row, Usage
from tests.gateway.finished import (
    DEPLOYMENT,
    MODEL,
    SERVED,
    a_charge,
    a_line,
    a_receipt,
    a_row,
    an_attempt,
)

ROOT = Path(__file__).parents[2]


def fresh(*rows: Row, shared: Path | None = None, keys: bool = False) -> Metrics:
    metrics = Metrics([MODEL], [DEPLOYMENT, "spare"], shared=shared, keys=keys)
    for row in rows:
        metrics.record(row)
    return metrics


def samples(metrics: Metrics) -> dict[str, float]:
    """Every sample as ``name{label=value,…}``, through Prometheus's own parser."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
            name = f"{sample.name}{{{labels}}}" if labels else sample.name
            assert name not in found
            found[name] = sample.value
    return found


def test_a_call_is_counted_with_its_tokens_and_its_cost() -> None:
    found = samples(fresh(a_row()))
    call = f"deployment={DEPLOYMENT},model={MODEL}"
    billed = f"{call},served_model={SERVED}"
    assert found[f"faregate_requests_total{{{call},outcome=completed,status=2xx}}"] == 1
    assert found[f"faregate_tokens_total{{{billed},unit=input}}"] == 15
    assert found[f"faregate_tokens_total{{{billed},unit=output}}"] == 78
    assert found[f"faregate_reasoning_tokens_total{{{billed}}}"] == 64
    assert found[f"faregate_spend_usd_total{{{billed}}}"] == 0.00003405
    assert found[f"faregate_router_fee_usd_total{{{call}}}"] == 0.0000021
    assert found[f"faregate_charges_total{{deployment={DEPLOYMENT},status=priced}}"] == 1
    assert found[f"faregate_attempts_total{{deployment={DEPLOYMENT},error=none}}"] == 1
    assert not any(name.startswith("faregate_unpriced") for name in found)


def test_every_unit_is_counted_apart() -> None:
    usage = Usage(input=1, cache_read=2, cache_write=4, output=8, audio_output=16)
    found = samples(fresh(a_row(receipt=a_receipt(a_charge(usage=usage)))))
    units = {
        name.partition("unit=")[2].rstrip("}"): value
        for name, value in found.items()
        if name.startswith("faregate_tokens_total")
    }
    assert units == {"input": 1, "cache_read": 2, "cache_write": 4, "output": 8, "audio_output": 16}


def test_spend_is_exact_where_a_float_sum_is_not() -> None:
    metrics = fresh()
    tenth = a_row(receipt=a_receipt(a_charge(lines=a_charge().lines[2:])))
    for _ in range(100_001):
        metrics.record(tenth)
    exact = re.search(rb"^faregate_spend_usd_total\{.*\} (.*)$", metrics.render(), re.MULTILINE)
    assert exact is not None
    assert exact[1] == b"0.2100021"
    assert sum([0.0000021] * 100_001) != 0.2100021


def test_an_unpriced_model_is_counted_by_name_and_adds_only_the_fee() -> None:
    charge = a_charge(
        served_model="gpt-99", lines=a_charge().lines[2:], total=None, status="unpriced"
    )
    found = samples(fresh(a_row(receipt=a_receipt(charge))))
    unpriced = f"faregate_unpriced_calls_total{{deployment={DEPLOYMENT},served_model=gpt-99}}"
    assert found[unpriced] == 1
    spend = f"deployment={DEPLOYMENT},model={MODEL},served_model=gpt-99"
    assert found[f"faregate_spend_usd_total{{{spend}}}"] == 0.0000021
    bare = samples(fresh(a_row(receipt=a_receipt(a_charge(lines=(), total=None)))))
    assert not any(name.startswith("faregate_spend") for name in bare)


@pytest.mark.parametrize("status", ["estimated", "inconsistent"])
def test_doubtful_charges_are_counted(status: str) -> None:
    found = samples(fresh(a_row(receipt=a_receipt(a_charge(status=status)))))
    assert found[f"faregate_charges_total{{deployment={DEPLOYMENT},status={status}}}"] == 1


def test_fallbacks_and_every_attempt_are_counted() -> None:
    failed = an_attempt(deployment="spare", status=429, error="rate_limit_exceeded")
    charges = (a_charge(deployment="spare"), a_charge())
    row = a_row(attempts=(failed, failed, an_attempt()), fallbacks=1, receipt=a_receipt(*charges))
    found = samples(fresh(row))
    assert found["faregate_attempts_total{deployment=spare,error=rate_limit_exceeded}"] == 2
    assert found[f"faregate_attempts_total{{deployment={DEPLOYMENT},error=none}}"] == 1
    assert found[f"faregate_fallbacks_total{{model={MODEL}}}"] == 1
    assert found[
        f"faregate_spend_usd_total{{deployment=spare,model={MODEL},served_model={SERVED}}}"
    ]


def test_a_call_without_any_attempt_has_no_upstream_time() -> None:
    row = a_row(attempts=(), deployment="", receipt=None, status=503, outcome="refused")
    found = samples(fresh(row))
    labels = f"deployment=none,model={MODEL},outcome=refused,status=5xx"
    assert found[f"faregate_requests_total{{{labels}}}"] == 1
    assert not any(name.startswith("faregate_upstream_seconds") for name in found)


def test_durations_fall_into_their_buckets() -> None:
    metrics = fresh(a_row(overhead_us=50), a_row(overhead_us=51), a_row(overhead_us=20_000))
    found = samples(metrics)
    assert found["faregate_overhead_seconds_bucket{le=5e-05}"] == 1
    assert found["faregate_overhead_seconds_bucket{le=0.0001}"] == 2
    assert found["faregate_overhead_seconds_bucket{le=0.01}"] == 2
    assert found["faregate_overhead_seconds_bucket{le=+Inf}"] == 3
    assert found["faregate_overhead_seconds_count"] == 3
    assert found["faregate_overhead_seconds_sum"] == 0.020101
    assert found[f"faregate_request_seconds_sum{{model={MODEL}}}"] == 3.75
    assert found[f"faregate_upstream_seconds_sum{{deployment={DEPLOYMENT}}}"] == 3.375


def test_a_call_nothing_was_answered_to_says_nothing_of_our_part() -> None:
    found = samples(fresh(a_row(overhead_us=0, first_byte=None)))
    assert found.get("faregate_overhead_seconds_count", 0) == 0


def test_the_first_chunk_is_timed_for_streams_alone() -> None:
    name = f"faregate_time_to_first_chunk_seconds_sum{{deployment={DEPLOYMENT}}}"
    assert name not in samples(fresh(a_row(), a_row(stream=True, first_byte=None)))
    assert samples(fresh(a_row(stream=True)))[name] == 0.5


def test_a_clock_that_was_set_back_takes_nothing_off_a_sum() -> None:
    row = a_row(ended=a_row().started - 3600)
    found = samples(fresh(row))
    assert found[f"faregate_request_seconds_sum{{model={MODEL}}}"] == 0
    assert found[f"faregate_request_seconds_count{{model={MODEL}}}"] == 1


def test_names_that_are_not_configured_are_other() -> None:
    charge = a_charge(deployment="invented")
    row = a_row(requested_model="invented", deployment="invented", receipt=a_receipt(charge))
    text = fresh(row).render().decode()
    assert "invented" not in text
    assert 'model="other",deployment="other"' in text


def test_names_from_upstream_are_bounded() -> None:
    metrics = fresh()
    for number in range(500):
        charge = a_charge(served_model=f"model-{number}")
        failed = an_attempt(error=f"error-{number}", status=500)
        metrics.record(a_row(receipt=a_receipt(charge), attempts=(failed,)))
    metrics.record(a_row(receipt=a_receipt(a_charge(served_model="x" * 5_000))))
    text = metrics.render().decode()
    assert len(set(re.findall(r'served_model="([^"]+)"', text))) == 201
    assert len(set(re.findall(r'error="([^"]+)"', text))) == 101 + 1
    assert "x" * 200 not in text


def test_the_key_is_a_label_only_where_that_is_wanted() -> None:
    assert b"key=" not in fresh(a_row(key="team-red")).render()
    text = fresh(a_row(key="team-red"), keys=True).render().decode()
    for name in ("requests", "tokens", "spend_usd"):
        assert re.search(rf'faregate_{name}_total{{.*key="team-red"', text)


def test_label_values_are_escaped() -> None:
    odd = 'a"b\\c\nd'
    metrics = Metrics([odd], [DEPLOYMENT])
    metrics.record(a_row(requested_model=odd))
    names = [
        sample.labels["model"]
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
        if sample.name == "faregate_requests_total"
    ]
    assert names == [odd]


def test_calls_in_flight_and_deployment_states_are_gauges() -> None:
    metrics = fresh()
    assert samples(metrics)["faregate_in_flight_requests"] == 0
    metrics.admitted()
    metrics.admitted()
    metrics.finished()
    metrics.deployment_state(DEPLOYMENT, COOLING)
    metrics.deployment_state("spare", HALF_OPEN)
    found = samples(metrics)
    assert found["faregate_in_flight_requests"] == 1
    assert found[f"faregate_deployment_state{{deployment={DEPLOYMENT}}}"] == 1
    assert found["faregate_deployment_state{deployment=spare}"] == 2
    metrics.deployment_state(DEPLOYMENT, HEALTHY)
    metrics.know([MODEL], [DEPLOYMENT])
    found = samples(metrics)
    assert found[f"faregate_deployment_state{{deployment={DEPLOYMENT}}}"] == 0
    assert "faregate_deployment_state{deployment=spare}" not in found


def test_a_reload_keeps_the_counts_of_names_that_are_gone() -> None:
    metrics = fresh(a_row())
    metrics.know(["new"], ["new-deployment"])
    metrics.record(a_row())
    found = samples(metrics)
    ended = "outcome=completed,status=2xx"
    old = f"faregate_requests_total{{deployment={DEPLOYMENT},model={MODEL},{ended}}}"
    assert found[old] == 1
    assert found[f"faregate_requests_total{{deployment=other,model=other,{ended}}}"] == 1


def test_refused_requests_and_dropped_lines_are_counted() -> None:
    metrics = fresh()
    metrics.refused(401, "invalid_api_key")
    metrics.count_dropped_lines(lambda: 7)
    found = samples(metrics)
    assert found["faregate_refusals_total{code=invalid_api_key,status=401}"] == 1
    assert found["faregate_log_lines_dropped_total{worker=0}"] == 7


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_the_process_is_described() -> None:
    found = samples(fresh())
    assert 1e6 < found["faregate_process_resident_memory_bytes{worker=0}"] < 1e11
    assert found["faregate_process_cpu_seconds_total{worker=0}"] > 0
    assert found["faregate_process_open_fds{worker=0}"] > 2
    started = found["faregate_process_start_time_seconds{worker=0}"]
    assert Path("/proc/self").stat().st_ctime >= started - 5
    assert any(name.startswith("faregate_build_info{") for name in found)


class TestWorkers:
    """Several workers that share a directory are one server."""

    def test_any_worker_answers_for_all(self, tmp_path: Path) -> None:
        one, two = fresh(a_row(), shared=tmp_path), fresh(a_row(), a_row(), shared=tmp_path)
        one.admitted()
        two.admitted()
        one.deployment_state(DEPLOYMENT, COOLING)
        one.publish()
        two.publish()
        for each in (one, two):
            found = samples(each)
            assert sum(v for k, v in found.items() if k.startswith("faregate_requests_")) == 3
            assert found["faregate_overhead_seconds_count"] == 3
            assert found["faregate_in_flight_requests"] == 2
            assert found["faregate_workers"] == 2
            assert found[f"faregate_deployment_state{{deployment={DEPLOYMENT}}}"] == COOLING
            assert found["faregate_process_open_fds{worker=1}"] > 2

    def test_a_worker_is_seen_from_its_start(self, tmp_path: Path) -> None:
        one, two = fresh(shared=tmp_path), fresh(shared=tmp_path)
        assert samples(one)["faregate_workers"] == samples(two)["faregate_workers"] == 2

    def test_a_state_is_asked_for_whenever_it_is_shared(self, tmp_path: Path) -> None:
        one, two = fresh(shared=tmp_path), fresh(shared=tmp_path)
        states = {DEPLOYMENT: COOLING}
        one.watch_states(states.items)
        name = f"faregate_deployment_state{{deployment={DEPLOYMENT}}}"
        one.publish()
        assert samples(two)[name] == COOLING
        states[DEPLOYMENT] = HEALTHY
        one.publish()
        assert samples(two)[name] == HEALTHY
        assert samples(one)[name] == HEALTHY

    def test_every_workers_ledger_is_shown_by_any_of_them(self, tmp_path: Path) -> None:
        one, two = fresh(shared=tmp_path), fresh(shared=tmp_path)
        for number, each in enumerate((one, two)):
            ledger = SimpleNamespace(**{**vars(STANDING), "pending": 3 + number})
            each.watch(ledger_families(ledger, STANDING))  # type: ignore[arg-type]
            each.watch(access_families(STANDING))  # type: ignore[arg-type]
            each.count_dropped_lines(lambda: 9)
            each.publish()
        for each in (one, two):
            found = samples(each)
            for number in range(2):
                assert found[f"faregate_ledger_pending_rows{{worker={number}}}"] == 3 + number
                assert found[f"faregate_ledger_lag_seconds{{worker={number}}}"] == 2.5
                assert found[f"faregate_counters_up{{worker={number}}}"] == 0
                assert found[f"faregate_log_lines_dropped_total{{worker={number}}}"] == 9
        two.close()
        assert "faregate_ledger_up{worker=1}" not in samples(one), "a journal without a worker"

    def test_what_cannot_be_read_now_is_shown_as_it_was(self, tmp_path: Path) -> None:
        one, two = fresh(shared=tmp_path), fresh(shared=tmp_path)
        ledger = SimpleNamespace(**vars(STANDING))
        one.watch(ledger_families(ledger, STANDING))  # type: ignore[arg-type]
        one.publish()

        def changing(_: str) -> list[Counts]:
            raise IndexError

        one.watch(changing)
        one.record(a_row())
        one.publish()
        assert samples(two)["faregate_ledger_pending_rows{worker=0}"] == 3
        assert samples(two)["faregate_overhead_seconds_count"] == 1

    def test_no_counter_goes_back_from_one_worker_to_the_next(self, tmp_path: Path) -> None:
        one, two = fresh(shared=tmp_path), fresh(shared=tmp_path)
        seen = 0.0
        for number in range(6):
            asked = (one, two)[number % 2]
            asked.record(a_row())  # not published by any timer
            now = samples(asked)["faregate_overhead_seconds_count"]
            assert now > seen
            seen = now
        assert seen == 6

    def test_a_worker_that_left_keeps_its_counts_but_nothing_in_flight(
        self, tmp_path: Path
    ) -> None:
        one, two = fresh(a_row(), shared=tmp_path), fresh(a_row(), shared=tmp_path)
        two.admitted()
        two.close()
        found = samples(one)
        assert found["faregate_overhead_seconds_count"] == 2
        assert found["faregate_in_flight_requests"] == 0
        assert found["faregate_workers"] == 1

    def test_a_killed_worker_is_noticed_and_its_slot_is_taken_over(self, tmp_path: Path) -> None:
        survivor = fresh(shared=tmp_path)
        script = (
            "import os, signal, sys; sys.path.insert(0, '.');"
            "from pathlib import Path;"
            "from tests.gateway.test_metrics import fresh, a_row;"
            f"metrics = fresh(a_row(), shared=Path({str(tmp_path)!r}));"
            "metrics.admitted(); metrics.publish();"
            "os.kill(os.getpid(), signal.SIGKILL)"
        )
        subprocess.run([sys.executable, "-c", script], cwd=ROOT, timeout=60, check=False)
        found = samples(survivor)
        assert found["faregate_overhead_seconds_count"] == 1
        assert found["faregate_in_flight_requests"] == 0
        assert found["faregate_workers"] == 1
        successor = fresh(a_row(), shared=tmp_path)
        assert samples(successor)["faregate_overhead_seconds_count"] == 2
        assert samples(survivor)["faregate_overhead_seconds_count"] == 2
        assert len(list(tmp_path.glob("worker-*.json"))) == 2

    @pytest.mark.parametrize(
        "content",
        [b"", b"{", b"[]", b'{"counts":{"faregate_requests_total":[[["too","few"],1]]}}'],
    )
    def test_a_broken_snapshot_is_passed_over(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "worker-0.json").write_bytes(content)
        (tmp_path / "worker-7.json").write_bytes(content)
        (tmp_path / "worker-x.json").write_bytes(content)
        assert samples(fresh(a_row(), shared=tmp_path))["faregate_overhead_seconds_count"] == 1

    def test_money_beyond_64_bits_is_shared_too(self, tmp_path: Path) -> None:
        line = a_line("model", "output", 10**10, 10**10)
        one = fresh(a_row(receipt=a_receipt(a_charge(lines=(line,)))), shared=tmp_path)
        one.publish()
        spend = [v for k, v in samples(fresh(shared=tmp_path)).items() if "spend_usd" in k]
        assert spend == [10**8]

    def test_the_directory_is_for_its_owner_alone(self, tmp_path: Path) -> None:
        fresh(shared=tmp_path / "new").publish()
        assert (tmp_path / "new").stat().st_mode & 0o077 == 0
        assert (tmp_path / "new" / "worker-0.lock").stat().st_mode & 0o077 == 0

    def test_the_publisher_writes_by_itself(self, tmp_path: Path) -> None:
        one, two = fresh(shared=tmp_path), fresh(shared=tmp_path)
        one.start(every=0.01)
        one.record(a_row())
        deadline = threading.Event()
        for _ in range(500):
            if samples(two).get("faregate_overhead_seconds_count"):
                break
            deadline.wait(0.01)
        assert samples(two)["faregate_overhead_seconds_count"] == 1
        one.close()
        one.close()

    def test_a_directory_that_is_gone_breaks_nothing(self, tmp_path: Path) -> None:
        shared = tmp_path / "gone"
        metrics = fresh(a_row(), shared=shared)
        for path in shared.iterdir():
            path.unlink()
        shared.rmdir()
        assert samples(metrics)["faregate_overhead_seconds_count"] == 1


def test_counting_goes_on_while_another_thread_scrapes() -> None:
    metrics, stop, broken = fresh(keys=True), threading.Event(), []

    def scrape() -> None:
        while not stop.is_set():
            try:
                metrics.render()
            except Exception as error:  # noqa: BLE001 - the test is about any
                broken.append(error)

    thread = threading.Thread(target=scrape)
    thread.start()
    for number in range(3_000):
        metrics.record(a_row(key=f"key-{number % 900}"))
    stop.set()
    thread.join()
    assert not broken
    assert samples(metrics)["faregate_overhead_seconds_count"] == 3_000


STANDING = SimpleNamespace(
    store_up=True,
    pending=3,
    lag=2.5,
    journal_bytes=4096,
    dropped=1,
    counters_down="gone",
    gate=SimpleNamespace(failures=2),
    soft_limits=1,
)
"""A ledger and its budgets, as far as their numbers go."""


def test_every_metric_is_documented_and_no_other() -> None:
    metrics = fresh(a_row())
    metrics.watch(ledger_families(STANDING, STANDING))  # type: ignore[arg-type]
    metrics.watch(access_families(STANDING))  # type: ignore[arg-type]
    text = metrics.render().decode()
    assert samples(metrics)["faregate_ledger_lag_seconds{worker=0}"] == 2.5
    assert samples(metrics)["faregate_counters_up{worker=0}"] == 0
    declared = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    documented = set(re.findall(r"^\| `(faregate_\w+)`", page, re.MULTILINE))
    assert declared == documented
    assert all(re.fullmatch(r"faregate_[a-z_]+", name) for name in declared), (
        "names have our prefix"
    )
    counters = set(re.findall(r"^# TYPE (\S+) counter", text, re.MULTILINE))
    assert all(name.endswith("_total") for name in counters)


def test_importing_and_counting_need_no_opentelemetry() -> None:
    script = (
        "import sys, faregate.gateway.metrics, faregate.gateway.logs, faregate.gateway.records;"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", script], env=environment, timeout=60, check=False)
    assert done.returncode == 0
