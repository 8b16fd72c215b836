"""Traces and metrics over OTLP. Off by default: nothing is imported and every call returns at once.

The only module that imports opentelemetry. `traceparent()` goes into the outbox row and comes back with the record, so
that one trace spans report → case → score → stream.
"""

import time
from collections.abc import Iterable, Iterator
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
        instruments={},
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


def rename_span(name: str) -> None:
    """Give the span around this another name."""
    if _state:
        from opentelemetry.trace import get_current_span

        get_current_span().update_name(name)


@contextmanager
def batch_span(name: str, parents: Iterable[str | None], **attributes: str | int | float | bool) -> Iterator[None]:
    """A span around work for many at once: one in each of their traces, all from the same start to the same end."""
    if not _state:
        yield
        return
    distinct = list(dict.fromkeys(parents)) or [None]
    began = time.time_ns()
    with span(name, parent=distinct[0], **attributes):
        yield
    for parent in distinct[1:]:
        if parent is not None:
            context = _state["propagator"].extract({"traceparent": parent})
            other = _state["tracer"].start_span(name, context=context, attributes=attributes, start_time=began)
            other.end()


def count(name: str, amount: int = 1, **attributes: str) -> None:
    """Add to the counter `name`. Metrics are sent every minute and at the end of the process."""
    if not _state:
        return
    instruments = _state["instruments"]
    if name not in instruments:
        instruments[name] = _state["meter"].create_counter(name)
    instruments[name].add(amount, attributes)


def observe(name: str, seconds: float, **attributes: str) -> None:
    """Add one duration to the histogram `name`."""
    if not _state:
        return
    instruments = _state["instruments"]
    if name not in instruments:
        instruments[name] = _state["meter"].create_histogram(name, unit="s")
    instruments[name].record(seconds, attributes)
