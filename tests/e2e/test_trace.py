"""One trace spans report → case → stream, seen by a real OTLP receiver."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.e2e.conftest import free_port, running
from tests.e2e.test_story import a_grid, case_of, report_in

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@asynccontextmanager
async def receiver(spans: list[tuple[str, str]], metrics_seen: set[str]) -> AsyncIterator[str]:
    """An OTLP/HTTP collector that keeps (trace id, name) of every span, and every metric's name."""

    async def traces(request: Request) -> Response:
        message = ExportTraceServiceRequest.FromString(await request.body())
        for resource in message.resource_spans:
            for scope in resource.scope_spans:
                spans.extend((span.trace_id.hex(), span.name) for span in scope.spans)
        return Response(b"", media_type="application/x-protobuf")

    async def metrics(request: Request) -> Response:
        message = ExportMetricsServiceRequest.FromString(await request.body())
        for resource in message.resource_metrics:
            for scope in resource.scope_metrics:
                metrics_seen.update(metric.name for metric in scope.metrics)
        return Response(b"", media_type="application/x-protobuf")

    port = free_port()
    routes = [Route("/v1/traces", traces, methods=["POST"]), Route("/v1/metrics", metrics, methods=["POST"])]
    app = Starlette(routes=routes)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve())
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


async def test_one_trace_spans_report_case_and_stream_and_metrics_are_sent(tmp_path: Path) -> None:
    spans: list[tuple[str, str]] = []
    metrics: set[str] = set()
    async with receiver(spans, metrics) as endpoint:
        async with running(tmp_path / "data", "--no-demo", WANGGE_OTLP_ENDPOINT=endpoint) as city:
            grid = await a_grid(city)
            headers = {**city.app(), "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
            # Others around it: they are applied in the same batches, each in a trace of its own.
            others = [city.http.post("/intake/v1/reports", json=report_in(grid), headers=city.app()) for _ in range(20)]
            posting = asyncio.gather(*others)
            posted = await city.http.post("/intake/v1/reports", json=report_in(grid), headers=headers)
            assert posted.status_code == 201
            await posting
            await case_of(city, posted.json())
            await asyncio.sleep(0.5)
        # The city has stopped and has sent what it still had.
        until = time.monotonic() + 10
        while time.monotonic() < until and (TRACE, "apply wangge.dispatch.cases.v1") not in spans:
            await asyncio.sleep(0.1)
    names = {name for trace, name in spans if trace == TRACE}
    assert "POST /intake/v1/reports" in names
    assert "apply wangge.intake.reports.v1" in names
    assert "apply wangge.dispatch.cases.v1" in names
    # Sent when the process ended, a minute's wait cut short.
    assert metrics >= {
        "wangge.http.duration",
        "wangge.reports.stored",
        "wangge.reports.groups",
        "wangge.facts.relayed",
        "wangge.records.applied",
    }
