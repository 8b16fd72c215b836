"""Row a: one report by API, durable, authenticated, geocoded and looked at for duplicates, from 16, 64 and 256
connections.

Beside it, in the same rounds: the same app that stores nothing, and the same app with one transaction a request.
Every app is one process; reports go to the group writer's real tables, where no relay takes them away, so that nothing
but the API runs.
"""

from pathlib import Path

from tests.bench import wrk
from tests.bench.measure import Figure, Result, at_least, at_most, ratios
from tests.bench.processes import Process, folder, postgres, running, serving, set_up
from tests.bench.reports import AGAIN, bodies, matters, settle

TITLE = "one report by API"
PACK = "haidian"
CONNECTIONS = (16, 64, 256)
NAMES = ("ours", "no store", "one by one", "one statement")
ROUNDS = 5
SECONDS = 2.0
# More than are posted in one go.
REPORTS = 40_000


async def run() -> Result:
    wrk.program()
    async with folder() as where, postgres(where) as server:
        settings, key = await set_up(server.dsn, PACK, where, merge_duplicates="true")
        lines, few = where / "bodies", where / "few"
        lines.write_bytes(b"\n".join(matters(PACK, REPORTS)))
        few.write_bytes(b"\n".join(bodies(PACK, 900)))
        apps = {
            "ours": serving("intake", "api", settings, where),
            "no store": _variant("no-store", settings, where),
            "one by one": _variant("one-by-one", settings, where),
            "one statement": _variant("one-statement", settings, where),
        }
        async with running([*apps.values()]):
            loads = await _measure(apps, key, lines, server.dsn)
            merged = await _merged(apps, key, few)
    return _result(loads, merged)


def _variant(name: str, settings: dict[str, str], where: Path) -> Process:
    return Process(name, ("tests.bench.intake_variants", name), settings, where / f"{name}.log")


async def _measure(apps: dict[str, Process], key: str, lines: Path, dsn: str) -> dict[tuple[str, int], list[wrk.Load]]:
    loads: dict[tuple[str, int], list[wrk.Load]] = {}
    for number in range(-1, ROUNDS):  # the first warms up and is not counted
        for connections in CONNECTIONS:
            for name, app in apps.items():
                url = f"{app.base}/intake/v1/reports"
                seconds = SECONDS if number >= 0 else 1.0
                if name == "ours":
                    await settle(dsn)
                load = await wrk.post(url, lines, key=key, connections=connections, seconds=seconds)
                if number >= 0:
                    loads.setdefault((name, connections), []).append(load)
    return loads


async def _merged(apps: dict[str, Process], key: str, few: Path) -> list[float]:
    """Ours / no store where nearly every report is merged with another."""
    rates: dict[str, list[float]] = {"ours": [], "no store": []}
    for _ in range(ROUNDS):
        for name, samples in rates.items():
            url = f"{apps[name].base}/intake/v1/reports"
            samples.append((await wrk.post(url, few, key=key, connections=64, seconds=SECONDS)).rate)
    return ratios(rates["ours"], rates["no store"])


def _result(loads: dict[tuple[str, int], list[wrk.Load]], merged: list[float]) -> Result:
    figures = []
    for connections in CONNECTIONS:
        rates = {name: [load.rate for load in loads[name, connections]] for name in NAMES}
        at = f"at {connections} connections"
        for name, samples in rates.items():
            figures.append(Figure(f"{name} {at}", "reports/s", samples))
        against_ceiling = ratios(rates["ours"], rates["no store"])
        against_single = ratios(rates["ours"], rates["one by one"])
        figures.append(Figure(f"ours / one statement {at}", "×", ratios(rates["ours"], rates["one statement"])))
        slowest = [load.p99 for load in loads["ours", connections]]
        middle = [load.p50 for load in loads["ours", connections]]
        if connections == 64:
            figures.append(at_least(f"ours / no store {at}", "×", against_ceiling, 0.7))
            figures.append(at_least(f"ours / one by one {at}", "×", against_single, 2))
            figures.append(at_most(f"p99 {at}", "ms", slowest, 70))
            unstored = [load.p99 for load in loads["no store", connections]]
            figures.append(Figure(f"p99 of no store {at}", "ms", unstored))
            figures.append(Figure(f"ours / no store {at}, all merged", "×", merged))
        else:
            figures.append(Figure(f"ours / no store {at}", "×", against_ceiling))
            figures.append(Figure(f"ours / one by one {at}", "×", against_single))
            figures.append(Figure(f"p99 {at}", "ms", slowest))
        figures.append(Figure(f"p50 {at}", "ms", middle))
    notes = [
        f"Each app is one process on the pack {PACK} (8,562 grids); wrk posts real 311 requests, without an "
        f"Idempotency-Key (what that costs is in row h), each of another place; {AGAIN:.0%} tell of what an earlier "
        "one told of, and are merged with it. Where all are merged, 900 places are told of over and over.",
        "*no store* is the same app up to the writer; *one by one* writes the same rows in a transaction a request "
        "(begin, lock, look, three inserts, commit, on 12 connections); *one statement* looks and stores as we do, "
        "one report at a time.",
    ]
    holds = (
        "The API's one process: reading, checking and placing a report and its HTTP cost what *no store* shows, and "
        "looking for duplicates and handing rows to asyncpg the rest; Postgres works beside it on the other core. At "
        "16 connections a group has few rows, so each pays more of a commit and of the look; at 256 the wait in the "
        "queue is most of the time to the answer."
    )
    return Result("a", TITLE, figures, notes, holds)
