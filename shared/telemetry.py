"""Traces and metrics over OTLP. Off by default: nothing is imported and every call returns at once.

The only module that imports opentelemetry. `traceparent()` goes into the outbox row and comes back with the record, so
that one trace spans report → case → score → stream.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from shared.settings import Settings

_state: dict[str, Any] = {}


def start(settings: Settings, service: str) -> None:
    """Send traces and metrics to `settings.otlp_endpoint`; without one, stay off."""
    if settings.otlp_endpoint is None or _state:
        return
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    base = settings.otlp_endpoint.rstrip("/")
    resource = Resource.create({"service.name": f"wangge-{service}", "service.namespace": "wangge"})
    tracers = TracerProvider(resource=resource)
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{base}/v1/traces")))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=f"{base}/v1/metrics"))
    meters = MeterProvider(resource=resource, metric_readers=[reader])
    _state.update(
        tracers=tracers,
        meters=meters,
        tracer=tracers.get_tracer("wangge"),
        meter=meters.get_meter("wangge"),
        propagator=TraceContextTextMapPropagator(),
        counters={},
    )


def stop() -> None:
    """Send what is still waiting."""
    if _state:
        _state["tracers"].shutdown()
        _state["meters"].shutdown()
        _state.clear()


def enabled() -> bool:
    return bool(_state)


def traceparent() -> str | None:
    """The W3C trace context of what is happening now; None when telemetry is off or nothing is being traced."""
    if not _state:
        return None
    carrier: dict[str, str] = {}
    _state["propagator"].inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def span(name: str, *, parent: str | None = None, **attributes: str | int | float | bool) -> Iterator[None]:
    """A span around the block, child of `parent` (a traceparent) or of the one around it."""
    if not _state:
        yield
        return
    context = _state["propagator"].extract({"traceparent": parent}) if parent else None
    with _state["tracer"].start_as_current_span(name, context=context, attributes=attributes):
        yield


def count(name: str, amount: int = 1, attributes: Mapping[str, str] | None = None) -> None:
    """Add to the counter `name`."""
    if not _state:
        return
    counters = _state["counters"]
    if name not in counters:
        counters[name] = _state["meter"].create_counter(name)
    counters[name].add(amount, dict(attributes or {}))
