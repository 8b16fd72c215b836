"""Row h: what each safeguard costs: the same request with and without it, at 64 connections.

Telemetry is switched by its setting and keys by their header; an app without its auth or its outbox exists only here.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.bench import processor, wrk
from tests.bench.measure import Figure, Result, ratios
from tests.bench.processes import Process, folder, postgres, running, serving, set_up
from tests.bench.reports import matters, settle

TITLE = "the tax of each safeguard"
PACK = "haidian"
CONNECTIONS = 64
ROUNDS = 5
SECONDS = 2.0
# More than are posted in one go.
REPORTS = 40_000
# (safeguard, the app and request with it, those without it)
TAXES = (
    ("telemetry", "telemetry", "ours"),
    ("Idempotency-Key", "keys", "ours"),
    ("authentication", "ours", "no-auth"),
    ("outbox", "ours", "no-outbox"),
    ("duplicates", "merging", "ours"),
)


async def run() -> Result:
    wrk.program()
    async with folder() as where, postgres(where) as server, _collector() as endpoint:
        settings, key = await set_up(server.dsn, PACK, where)
        lines = where / "bodies"
        lines.write_bytes(b"\n".join(matters(PACK, REPORTS)))
        ours = serving("intake", "api", settings, where)
        apps = {
            "ours": ours,
            "keys": ours,
            "merging": serving("intake", "api", settings | {"WANGGE_MERGE_DUPLICATES": "true"}, where),
            "telemetry": serving("intake", "api", settings | {"WANGGE_OTLP_ENDPOINT": endpoint}, where),
            **{name: _variant(name, settings, where) for name in ("no-auth", "no-outbox")},
        }
        rates: dict[str, list[float]] = {name: [] for name in apps}
        spent: dict[str, list[float]] = {name: [] for name in apps}
        stored: dict[str, list[float]] = {name: [] for name in apps}
        async with running([*{id(app): app for app in apps.values()}.values()]):
            for number in range(-1, ROUNDS):
                for name, app in apps.items():
                    assert app.child is not None
                    await settle(server.dsn)
                    assert server.process is not None
                    before = processor.seconds(app.child.pid), processor.family_seconds(server.process.pid)
                    load = await wrk.post(
                        f"{app.base}/intake/v1/reports",
                        lines,
                        key=key,
                        connections=CONNECTIONS,
                        seconds=SECONDS if number >= 0 else 1.0,
                        idempotent=name == "keys",
                    )
                    if number >= 0:
                        rates[name].append(load.rate)
                        reports = load.rate * SECONDS
                        took = processor.seconds(app.child.pid) - before[0]
                        spent[name].append(took / reports * 1e6)
                        took = processor.family_seconds(server.process.pid) - before[1]
                        stored[name].append(took / reports * 1e6)
    figures = []
    for tax, with_it, without in TAXES:
        figures.append(Figure(f"{tax}: rate with / without", "×", ratios(rates[with_it], rates[without])))
        for whose, used in (("the API", spent), ("Postgres", stored)):
            more = [a - b for a, b in zip(used[with_it], used[without], strict=True)]
            figures.append(Figure(f"{tax}: processor of {whose}", "µs/report", more))
    figures.append(Figure("ours, for size", "reports/s", rates["ours"]))
    figures.append(Figure("ours, for size: processor of the API", "µs/report", spent["ours"]))
    figures.append(Figure("ours, for size: processor of Postgres", "µs/report", stored["ours"]))
    notes = [
        f"One process of intake's API, {CONNECTIONS} connections, reports of the pack {PACK}. *processor* is that of "
        "the API's process, and of Postgres, with the safeguard less without it. "
        "Telemetry sends every span to a collector on the same machine that throws it away. Duplicates are looked for "
        "where each report is of another place, but one in ten."
    ]
    return Result("h", TITLE, figures, notes)


def _variant(name: str, settings: dict[str, str], where: Path) -> Process:
    return Process(name, ("tests.bench.intake_variants", name), settings, where / f"{name}.log")


@asynccontextmanager
async def _collector() -> AsyncIterator[str]:
    """An OTLP/HTTP endpoint that takes everything and keeps nothing."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(int(length.partition(b":")[2]))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
