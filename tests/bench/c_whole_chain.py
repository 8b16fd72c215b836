"""Row c: the whole chain, from a report that is posted to its case filed, dispatched, scored and on the stream.

On Kafka with broker, Postgres and every service in processes of their own, and in one process on the embedded carrier;
in each every acknowledged report must come out at the far end. Beside it: a bare aiokafka producer and consumer that
move the same records through the same broker.
"""

from collections import Counter
from collections.abc import Awaitable, Callable

from tests.bench import chain
from tests.bench.bare_kafka import bare_kafka
from tests.bench.measure import Figure, Result, at_least, ratios
from tests.bench.reports import bodies

TITLE = "the whole chain"
PACK = "nyc-311"
CASES = 6_000
ROUNDS = 5


async def run() -> Result:
    bare: list[float] = []
    async with chain.on_kafka(PACK) as city:

        async def beside() -> None:
            bare.append(await bare_kafka(city.bootstrap, CASES))

        on_kafka, spent = await _rounds(city, beside)
    async with chain.in_one_process(PACK) as city:
        in_one, spent_in_one = await _rounds(city)
    figures = [
        at_least("on Kafka", "cases/s", on_kafka, 1_200),
        Figure("bare produce and consume of the same records", "cases/s", bare),
        Figure("on Kafka / bare", "×", ratios(on_kafka, bare)),
        Figure("in one process, embedded", "cases/s", in_one),
        Figure("processor, all processes", "ms/case", [sum(spent.values())]),
        *(Figure(f"processor: {name}", "ms/case", [each]) for name, each in spent.items()),
        *(Figure(f"processor, embedded: {name}", "ms/case", [each]) for name, each in spent_in_one.items()),
    ]
    layout = ", ".join(f"{service} {role}" for service, role in chain.LAYOUT)
    notes = [
        f"{ROUNDS} rounds of {CASES:,} real requests on the pack {PACK}, after one that warms up (a broker's first "
        "seconds go to its own compiler): five facts a case (report received; case "
        "opened, accepted, filed, dispatched), all five on the stream. Fed by the batch door, a thousand a request on "
        "two connections, so that the client is not the limit. A round ends when the last case is on the stream and "
        "evaluation has counted it; every report that was answered 201 was found on the stream with each of its four "
        f"case facts, or the row would have failed. Processes: {layout}, one of each."
    ]
    holds = (
        "The processor: what the processes take for a case, added up, against the two cores that they and the load "
        "share. A quarter of it is Postgres, for about forty rows and 25 kB of its log a case (five outbox rows come "
        "and go, evaluation and the stream's log keep the facts, each reader keeps the version of each subject); the "
        "rest is Python, a tenth of a millisecond to half of one a process, and the broker. No statement scans, and "
        "batches are 700 records on average. The machine's own speed moves by 1.7 within minutes, and this row with "
        "it. More cores help at once: every worker may run several times."
    )
    return Result("c", TITLE, figures, notes, holds)


async def _rounds(
    city: chain.City, beside: Callable[[], Awaitable[None]] | None = None
) -> tuple[list[float], dict[str, float]]:
    """Cases a second of each round, and the processor milliseconds of each process a case."""
    reports, rates = bodies(PACK, CASES), []
    spent: Counter[str] = Counter()
    async with city.watcher() as watcher:
        await chain.pass_through(city, watcher, reports)
        for _ in range(ROUNDS):
            before = city.processor_seconds()
            passed = await chain.pass_through(city, watcher, reports)
            spent.update({name: after - before[name] for name, after in city.processor_seconds().items()})
            rates.append(passed.cases / passed.seconds)
            if beside is not None:
                await beside()
    return rates, {name: seconds / (CASES * ROUNDS) * 1e3 for name, seconds in spent.items()}
