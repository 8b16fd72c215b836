"""Row p: the same reports by Open311 and by our own address, in turn, from 64 connections."""

from pathlib import Path
from urllib.parse import urlencode

import orjson

from tests.bench import wrk
from tests.bench.measure import Figure, Result, at_least, ratios
from tests.bench.processes import Process, folder, postgres, running, serving, set_up
from tests.bench.reports import matters, settle

TITLE = "one report by Open311"
PACK = "haidian"
CONNECTIONS = 64
ROUNDS = 5
SECONDS = 2.0
# More than are posted in one go.
REPORTS = 40_000
FORM = "application/x-www-form-urlencoded"
PATHS = {"ours": "/intake/v1/reports", "Open311": "/intake/open311/v2/requests.json"}


async def run() -> Result:
    wrk.program()
    async with folder() as where, postgres(where) as server:
        settings, key = await set_up(server.dsn, PACK, where, merge_duplicates="true")
        reports = matters(PACK, REPORTS)
        lines = {"ours": where / "bodies", "Open311": where / "forms"}
        lines["ours"].write_bytes(b"\n".join(reports))
        lines["Open311"].write_bytes(b"\n".join(form_of(report, key) for report in reports))
        app = serving("intake", "api", settings, where)
        async with running([app]):
            rates = await _measure(app, key, lines, server.dsn)
    figures = [Figure(f"{name} at {CONNECTIONS} connections", "reports/s", rates[name]) for name in PATHS]
    figures.append(at_least("Open311 / ours", "×", ratios(rates["Open311"], rates["ours"]), 0.8))
    notes = ["The same 311 requests; as forms they carry the key as a field, and are answered in the protocol's JSON."]
    holds = "Reading a form in place of JSON, and the answer's second rendering; all else is the same command."
    return Result("p", TITLE, figures, notes, holds)


def form_of(report: bytes, key: str) -> bytes:
    """A report of our own as a form of the protocol."""
    given = orjson.loads(report)
    fields = {
        "api_key": key,
        "service_code": given["category"],
        "lat": given["location"]["lat"],
        "long": given["location"]["lon"],
        "description": given["description"],
    }
    return urlencode(fields).encode()


async def _measure(app: Process, key: str, lines: dict[str, Path], dsn: str) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {name: [] for name in PATHS}
    for number in range(-1, ROUNDS):  # the first warms up and is not counted
        for name, path in PATHS.items():
            await settle(dsn)
            load = await wrk.post(
                f"{app.base}{path}",
                lines[name],
                key=key if name == "ours" else "",
                connections=CONNECTIONS,
                seconds=SECONDS if number >= 0 else 1.0,
                kind=FORM if name == "Open311" else wrk.JSON,
            )
            if number >= 0:
                rates[name].append(load.rate)
    return rates
