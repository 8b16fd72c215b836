"""Row d: from a report's 201 to its dispatched case on the stream, at half of what the whole chain does.

Reports are posted singly at an even pace; both ends are seen by one process, so one clock tells.
"""

import asyncio
import time

import orjson

from services.city.robots.wire import Wire
from tests.bench import chain
from tests.bench.measure import BenchTrouble, Figure, Result, at_most, quantile
from tests.bench.reports import bodies
from tests.bench.watcher import Watcher

TITLE = "from accepted to the stream"
PACK = "nyc-311"
PROBE = 4_000
ROUNDS = 3
SECONDS = 6.0


async def run() -> Result:
    figures = []
    for where, cities in (("on Kafka", chain.on_kafka), ("in one process, embedded", chain.in_one_process)):
        async with cities(PACK) as city, city.watcher() as watcher:
            rates, middle, slow = await _rounds(city, watcher)
        figures += [
            Figure(f"pace {where}", "reports/s", rates),
            at_most(f"p50 accepted → on the stream, {where}", "ms", middle, 30),
            at_most(f"p99 accepted → on the stream, {where}", "ms", slow, 100),
        ]
    notes = [
        f"On both carriers, as in (c), pack {PACK}; before each round the chain's full rate is measured anew, the pace "
        f"is half of it. {SECONDS:.0f} s a round; a case is on the stream when the last byte of its "
        "`case.dispatched.v1` is here."
    ]
    holds = (
        "The processor, not the disk (a commit waits 0.3 ms for it). In (c) a case takes one to two milliseconds of it "
        "in batches of hundreds; one by one the same way takes 4 ms at this pace and 18 ms at a hundred a second on "
        "Kafka: two relays, four readers, the log's tail and the broker each have a turn of a dozen statements, or a "
        "fetch that names 12 to 24 partitions, for a handful of records. Both cores are busy at any pace from a "
        "hundred a second on, and a case waits for one at each of eight hand-overs. Tried and not kept: letting 10 or "
        "25 ms pass in each reader and relay for more to gather (the median moved by less than from run to run). Cores "
        "help: on Kafka the eight are processes of their own."
    )
    return Result("d", TITLE, figures, notes, holds)


async def _rounds(city: chain.City, watcher: Watcher) -> tuple[list[float], list[float], list[float]]:
    """Of each round the pace, and the median and the 99th percentile in milliseconds."""
    reports = bodies(PACK, PROBE)
    rates: list[float] = []
    middle: list[float] = []
    slow: list[float] = []
    await chain.pass_through(city, watcher, reports)
    for _ in range(ROUNDS):
        passed = await chain.pass_through(city, watcher, reports)
        rates.append(passed.cases / passed.seconds / 2)
        waits = await _paced(city, watcher, reports, rates[-1])
        middle.append(quantile(waits, 0.5) * 1e3)
        slow.append(quantile(waits, 0.99) * 1e3)
    return rates, middle, slow


async def _paced(city: chain.City, watcher: Watcher, reports: list[bytes], rate: float) -> list[float]:
    """Seconds from the answer to the stream, of every report of a round."""
    list(watcher.events())
    wire = Wire(city.bases["intake"], connections=64)
    headers = city.app() | {"Content-Type": "application/json"}
    accepted: dict[str, float] = {}

    async def post(body: bytes) -> None:
        answer = await wire.send("POST", "/intake/v1/reports", headers, body)
        accepted[orjson.loads(answer.body)["id"]] = time.monotonic()

    began, heard, count = time.monotonic(), watcher.count, int(rate * SECONDS)
    async with asyncio.TaskGroup() as group:
        for n in range(count):
            await asyncio.sleep(max(0.0, began + n / rate - time.monotonic()))
            group.create_task(post(reports[n % len(reports)]))
    await watcher.until(heard + count, 60)
    wire.close()
    waits = []
    for at, kind, event in watcher.events():
        if kind == chain.LAST:
            waits += [max(0.0, at - accepted.pop(report)) for report in event["data"]["reports"]]
    if accepted:
        raise BenchTrouble(f"{len(accepted)} of {count} accepted reports did not reach the stream")
    return waits
