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
        "The processor. At half of (c) the reports come one by one, and so cost the API 0.9 ms each instead of "
        "the tenth of a millisecond that they cost it in batches, and the client that posts them a third: with "
        "what the chain takes in its largest batches that is 3.2 ms of processor, of the 5.7 that two cores have "
        "for a case at 350 a second, and of the 3.3 that they would have at 600. Small turns take the rest: at "
        "150 a second a case took 12 ms with four to six commits, in (c) two. Both cores are busy from there on, "
        "and a case waits for one at each of eight hand-overs. At fifty a second the median was 12 ms in one "
        "process (one run) and 29 to 30 on Kafka (two; 78 and 117 before). What nobody waits for, evaluation and "
        "intake's status, lets its records gather, and the broker has one compiler: with both the median at 200 a"
        " second was 107 and 78 ms, 173 and 209 before; at 400 it was 174 to 470 ms, 480 before, so no gain can "
        "be told there. Tried and not kept: relays that space their turns by 20 or 40 ms (42 and 66 ms at fifty a"
        " second, nothing told at 400), a group commit that does so by 4 ms and three partitions a topic instead "
        "of twelve (nothing told)."
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
