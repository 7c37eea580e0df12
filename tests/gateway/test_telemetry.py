"""OpenTelemetry: spans and metrics from rows, in the conventions' words."""

import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from faregate.gateway.telemetry import Telemetry, start
from faregate.types import Row, Usage
from tests.gateway.finished import (
    DEPLOYMENT,
    MODEL,
    SERVED,
    STARTED,
    a_charge,
    a_receipt,
    a_row,
    an_attempt,
)

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Observed:
    """Telemetry that keeps what it would send."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.telemetry = Telemetry(
            Resource.create({}), SimpleSpanProcessor(self.exporter), self.reader
        )

    def record(self, row: Row, **headers: str) -> tuple[ReadableSpan, list[ReadableSpan]]:
        """(the call's span, its attempts' spans)."""
        self.exporter.clear()
        self.telemetry.record(row, **headers)
        spans = self.exporter.get_finished_spans()
        (call,) = [span for span in spans if span.kind is SpanKind.SERVER]
        return call, [span for span in spans if span.kind is SpanKind.CLIENT]

    def points(self) -> dict[str, list[Any]]:
        """The data points of every metric that has any, by name."""
        found = self.reader.get_metrics_data()
        assert found is not None
        return {
            metric.name: list(metric.data.data_points)
            for resource in found.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def observed() -> Iterator[Observed]:
    made = Observed()
    yield made
    made.telemetry.close()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_call_is_a_span_with_its_attempt_below(observed: Observed) -> None:
    call, (attempt,) = observed.record(a_row())
    assert call.name == f"chat {MODEL}"
    assert attributes(call) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.inference",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.stream": False,
        "gen_ai.response.model": SERVED,
        "http.response.status_code": 200,
        "faregate.call_id": "call_1",
        "faregate.deployment": DEPLOYMENT,
        "faregate.key": "master",
        "faregate.outcome": "completed",
        "faregate.overhead_us": 80,
        "faregate.attempts": 1,
        "faregate.fallbacks": 0,
        "faregate.usage.cost": "0.00003405",
        "faregate.usage.cost_status": "priced",
        "faregate.usage.router_fee": "0.0000021",
    }
    assert attempt.name == "chat model-router"
    assert attributes(attempt) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.inference",
        "gen_ai.request.model": "model-router",
        "gen_ai.request.stream": False,
        "gen_ai.response.model": SERVED,
        "gen_ai.usage.input_tokens": 15,
        "gen_ai.usage.output_tokens": 78,
        "gen_ai.usage.reasoning.output_tokens": 64,
        "http.response.status_code": 200,
        "faregate.call_id": "call_1",
        "faregate.deployment": DEPLOYMENT,
        "faregate.usage.cost": "0.00003405",
        "faregate.usage.cost_status": "priced",
    }
    assert call.context is not None
    assert attempt.parent is not None
    assert attempt.parent.span_id == call.context.span_id
    assert call.parent is None
    assert call.status.status_code is StatusCode.UNSET


def test_times_are_the_rows(observed: Observed) -> None:
    row = a_row(attempts=(an_attempt(started=STARTED + 0.25),))
    call, (attempt,) = observed.record(row)
    base = int(STARTED) * 10**9
    assert (call.start_time, call.end_time) == (base, base + 1_250_000_000)
    assert (attempt.start_time, attempt.end_time) == (base + 250_000_000, base + 1_250_000_000)


def test_the_clients_trace_is_continued(observed: Observed) -> None:
    header = f"00-{TRACE}-{PARENT}-01"
    call, (attempt,) = observed.record(a_row(), traceparent=header, tracestate="vendor=1")
    assert call.parent is not None
    assert call.parent.is_remote
    assert f"{call.parent.span_id:016x}" == PARENT
    for span in (call, attempt):
        assert span.context is not None
        assert f"{span.context.trace_id:032x}" == TRACE
        assert span.context.trace_state["vendor"] == "1"


def test_a_client_that_does_not_sample_is_respected(observed: Observed) -> None:
    observed.telemetry.record(a_row(), traceparent=f"00-{TRACE}-{PARENT}-00")
    assert observed.exporter.get_finished_spans() == ()
    assert observed.points()["gen_ai.server.request.duration"][0].count == 1


def test_the_rows_own_header_is_enough(observed: Observed) -> None:
    call, _ = observed.record(a_row(traceparent=f"00-{TRACE}-{PARENT}-01"))
    assert call.context is not None
    assert f"{call.context.trace_id:032x}" == TRACE


@pytest.mark.parametrize("header", ["", "00-zz", "00-" + "0" * 32 + f"-{PARENT}-01", "\r\n", "é"])
def test_a_malformed_traceparent_starts_a_trace(observed: Observed, header: str) -> None:
    call, _ = observed.record(a_row(), traceparent=header)
    assert call.parent is None
    assert call.context is not None
    assert call.context.trace_id


def test_each_attempt_has_its_own_charge_and_error(observed: Observed) -> None:
    refused = an_attempt(deployment="spare", provider="openai", status=429, error="rate_limit")
    broken = an_attempt(deployment="spare", provider="openai", error="stream_broken", seconds=0.5)
    row = a_row(
        attempts=(refused, broken, an_attempt(started=STARTED + 1)),
        receipt=a_receipt(a_charge(deployment="spare", sent_model="gpt-5"), a_charge()),
        fallbacks=1,
    )
    call, (first, second, third) = observed.record(row)
    assert attributes(call)["faregate.usage.cost"] == "0.0000681"
    assert "faregate.usage.cost" not in attributes(first)
    assert first.name == f"chat {MODEL}"
    assert attributes(first)["error.type"] == "rate_limit"
    assert attributes(first)["gen_ai.provider.name"] == "openai"
    assert first.status.status_code is StatusCode.ERROR
    assert attributes(second)["gen_ai.request.model"] == "gpt-5"
    assert attributes(second)["faregate.usage.cost"] == "0.00003405"
    assert second.end_time == int(STARTED) * 10**9 + 500_000_000
    assert attributes(third)["gen_ai.usage.input_tokens"] == 15
    assert third.status.status_code is StatusCode.UNSET


def test_a_failed_call_is_an_error_and_an_unknown_cost_is_absent(observed: Observed) -> None:
    row = a_row(
        status=502,
        outcome="failed",
        error="bad_gateway",
        receipt=a_receipt(a_charge(total=None, status="unpriced")),
    )
    call, (attempt,) = observed.record(row)
    assert call.status.status_code is StatusCode.ERROR
    assert attributes(call)["error.type"] == "bad_gateway"
    for span in (call, attempt):
        assert "faregate.usage.cost" not in attributes(span)
        assert attributes(span)["faregate.usage.cost_status"] == "unpriced"


def test_cached_tokens_are_a_part_of_the_input(observed: Observed) -> None:
    usage = Usage(input=10, cache_read=20, cache_write=5, cache_write_1h=2, output=1)
    _, (attempt,) = observed.record(a_row(receipt=a_receipt(a_charge(usage=usage))))
    found = attributes(attempt)
    assert found["gen_ai.usage.input_tokens"] == 37
    assert found["gen_ai.usage.cache_read.input_tokens"] == 20
    assert found["gen_ai.usage.cache_creation.input_tokens"] == 7


def test_metrics_have_the_conventional_names(observed: Observed) -> None:
    observed.record(a_row(stream=True))
    points = observed.points()
    assert points.keys() == {
        "gen_ai.client.token.usage",
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.server.request.duration",
        "gen_ai.server.time_to_first_token",
        "faregate.usage.spend",
    }
    tokens = {
        point.attributes["gen_ai.token.type"]: point.sum
        for point in points["gen_ai.client.token.usage"]
    }
    assert tokens == {"input": 15, "output": 78}
    assert points["gen_ai.client.operation.duration"][0].sum == 1.25
    assert points["gen_ai.client.operation.time_to_first_chunk"][0].sum == 0.4
    assert points["gen_ai.server.time_to_first_token"][0].sum == 0.5
    (spend,) = points["faregate.usage.spend"]
    assert spend.value == 34_050_000
    assert dict(spend.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.inference",
        "gen_ai.request.model": "model-router",
        "gen_ai.response.model": SERVED,
    }


def test_embeddings_are_named_so(observed: Observed) -> None:
    call, _ = observed.record(a_row(operation="embeddings"))
    assert call.name == f"embeddings {MODEL}"


def test_it_reaches_a_collector_with_the_name_of_the_service() -> None:
    got: list[tuple[str, bytes, str | None]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append((self.path, body, self.headers["x-team"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        telemetry = start(
            endpoint=f"http://127.0.0.1:{server.server_port}/", headers={"x-team": "red"}
        )
        telemetry.record(a_row())
        telemetry.close()
        server.shutdown()
        thread.join()
    assert {path for path, _, _ in got} == {"/v1/traces", "/v1/metrics"}
    assert all(b"faregate" in body and team == "red" for _, body, team in got)
    assert b"unknown_service" not in b"".join(body for _, body, _ in got)


def test_closing_gives_up_on_a_collector_that_is_not_there() -> None:
    there = Event()

    class Waiting(SpanProcessor):
        def shutdown(self) -> None:
            there.wait(30)

    telemetry = Telemetry(Resource.create({}), Waiting(), InMemoryMetricReader())
    started = time.monotonic()
    telemetry.close(timeout=0.05)
    there.set()
    assert time.monotonic() - started < 10


def test_without_the_packages_it_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['opentelemetry.context'] = None\n"
        "from faregate.errors import ConfigError\n"
        "try:\n    import faregate.gateway.telemetry\n"
        "except ConfigError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert "pip install 'faregate[otel]'" in done.stdout
