"""OpenTelemetry traces and metrics, in the GenAI conventions. Import this only where it is on.

A call's spans are made from its row once it has ended, with the times the row gives: nothing of
OpenTelemetry runs while a call is under way. The span of the call continues the client's trace;
each attempt is a span below it. Needs ``faregate[otel]``.
"""

from collections.abc import Mapping
from threading import Thread
from time import monotonic

from faregate.errors import ConfigError
from faregate.gateway.release import running_version
from faregate.gateway.telemetry_attributes import (
    attempt_attributes,
    billed_attempts,
    call_attributes,
    measured,
    operation_of,
)
from faregate.types import Attempt, Charge, Row

try:
    from opentelemetry.context import Context
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.metrics import Histogram
    from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
    from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError as missing:
    raise ConfigError(
        f"OpenTelemetry is on but {missing.name} is not installed: pip install 'faregate[otel]'"
    ) from missing

_NAME = "faregate"
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = tuple(4**power for power in range(14))

_propagator = TraceContextTextMapPropagator()


class Telemetry:
    """Spans and metrics of finished calls. ``close`` sends what is still held back."""

    def __init__(self, resource: Resource, spans: SpanProcessor, metrics: MetricReader) -> None:
        """``start`` makes the usual one; this takes any processor and reader."""
        self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._traces.add_span_processor(spans)
        self._tracer = self._traces.get_tracer(_NAME, running_version())
        # Exemplars would tie a measurement to the current span: ours has ended by then.
        self._meters = MeterProvider(
            [metrics], resource, AlwaysOffExemplarFilter(), shutdown_on_exit=False
        )
        self._instruments = _Instruments(self._meters)

    def record(self, row: Row, traceparent: str = "", tracestate: str = "") -> None:
        """Make the spans and measurements of one finished call.

        ``traceparent`` (by default the row's) and ``tracestate`` are the client's headers; a
        malformed one starts a trace of its own. Whether a trace is kept follows the client's, or
        ``OTEL_TRACES_SAMPLER``.
        """
        context = Context()
        traceparent = traceparent or row.traceparent
        if traceparent:
            carrier = {"traceparent": traceparent, "tracestate": tracestate}
            context = _propagator.extract(carrier, context)
        attributes = call_attributes(row)
        span = self._tracer.start_span(
            f"{operation_of(row)} {row.requested_model}",
            context,
            SpanKind.SERVER,
            attributes,
            start_time=_nanoseconds(row.started),
        )
        below = set_span_in_context(span, context)
        for attempt, charge in billed_attempts(row):
            self._attempt(row, attempt, charge, below)
        self._instruments.call(row, attributes)
        error = attributes.get("error.type")
        if error is not None:
            span.set_status(Status(StatusCode.ERROR, str(error)))
        span.end(_nanoseconds(row.ended))

    def _attempt(self, row: Row, attempt: Attempt, charge: Charge | None, below: Context) -> None:
        last = attempt is row.attempts[-1]
        ended = row.ended if last and not attempt.error else attempt.started + attempt.seconds
        attributes = attempt_attributes(row, attempt, charge)
        span = self._tracer.start_span(
            f"{operation_of(row)} {attributes['gen_ai.request.model']}",
            below,
            SpanKind.CLIENT,
            attributes,
            start_time=_nanoseconds(attempt.started),
        )
        if attempt.error:
            span.set_status(Status(StatusCode.ERROR, attempt.error))
        span.end(_nanoseconds(ended))
        chunk = attempt.seconds if row.stream and not attempt.error else None
        self._instruments.attempt(attributes, charge, ended - attempt.started, chunk)

    def close(self, timeout: float = 5.0) -> None:
        """Send what is left, giving up after ``timeout`` seconds on a collector that is not there.

        The exporters by themselves would try for up to a minute, and a server that ends has less.
        """
        ending = [
            Thread(target=each.shutdown, name="faregate-otel", daemon=True)
            for each in (self._traces, self._meters)
        ]
        for thread in ending:
            thread.start()
        deadline = monotonic() + timeout
        for thread in ending:
            thread.join(max(deadline - monotonic(), 0))


class _Instruments:
    def __init__(self, meters: MeterProvider) -> None:
        self._meter = meters.get_meter(_NAME, running_version())
        self._tokens = self._meter.create_histogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Tokens of a billed attempt.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )
        self._attempt = self._durations("gen_ai.client.operation.duration", "One attempt.")
        self._chunk = self._durations(
            "gen_ai.client.operation.time_to_first_chunk",
            "A streamed attempt until its first event.",
        )
        self._call = self._durations("gen_ai.server.request.duration", "One call.")
        self._first = self._durations(
            "gen_ai.server.time_to_first_token",
            "A streamed call until its first byte went to the client.",
        )
        self._spend = self._meter.create_counter(
            "faregate.usage.spend", "p{USD}", "Known cost in pico-dollars (1e-12 USD), exact."
        )

    def _durations(self, name: str, explained: str) -> Histogram:
        return self._meter.create_histogram(
            name, "s", explained, explicit_bucket_boundaries_advisory=_SECONDS
        )

    def call(self, row: Row, attributes: Mapping[str, str | int | bool]) -> None:
        labels = measured(attributes)
        self._call.record(max(row.ended - row.started, 0), labels)
        if row.stream and row.first_byte is not None:
            self._first.record(max(row.first_byte - row.started, 0), labels)

    def attempt(
        self,
        attributes: Mapping[str, str | int | bool],
        charge: Charge | None,
        seconds: float,
        first_chunk: float | None,
    ) -> None:
        labels = measured(attributes)
        self._attempt.record(max(seconds, 0), labels)
        if first_chunk is not None:
            self._chunk.record(max(first_chunk, 0), labels)
        if charge is not None:
            usage = charge.usage
            self._tokens.record(usage.prompt, {**labels, "gen_ai.token.type": "input"})
            self._tokens.record(usage.completion, {**labels, "gen_ai.token.type": "output"})
            self._spend.add(sum(line.amount for line in charge.lines), labels)


def start(
    *, service_name: str = "", endpoint: str = "", headers: Mapping[str, str] | None = None
) -> Telemetry:
    """Send to an OTLP/HTTP collector, in batches from threads of the exporters.

    ``endpoint`` is the collector's base URL; what is not given comes from the standard ``OTEL_*``
    variables. Call it in the worker, after any fork.
    """
    base = endpoint.rstrip("/")
    chosen = dict(headers) if headers else None
    spans = OTLPSpanExporter(endpoint=f"{base}/v1/traces" if base else None, headers=chosen)
    metrics = OTLPMetricExporter(endpoint=f"{base}/v1/metrics" if base else None, headers=chosen)
    return Telemetry(
        _resource(service_name),
        BatchSpanProcessor(spans),
        PeriodicExportingMetricReader(metrics),
    )


def _resource(service_name: str) -> Resource:
    found = Resource.create({"service.version": running_version()})
    name = str(found.attributes.get("service.name", ""))
    if service_name or not name or name.startswith("unknown_service"):
        return found.merge(Resource({"service.name": service_name or _NAME}))
    return found


def _nanoseconds(instant: float) -> int:
    # Whole microseconds: a float of today's Unix seconds holds no more.
    return int(instant * 1e6) * 1000
