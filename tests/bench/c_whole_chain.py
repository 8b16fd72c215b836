"""Row c: the whole chain, from a report that is posted to its case filed, dispatched, scored and on the stream.

On Kafka with broker, Postgres and every service in processes of their own, and in one process on the embedded carrier;
in each every acknowledged report must come out at the far end. Beside it: a bare aiokafka producer and consumer that
move the same records through the same broker.
"""

from tests.bench import chain
from tests.bench.bare_kafka import bare_kafka
from tests.bench.measure import Figure, Result, at_least, ratios
from tests.bench.reports import bodies

TITLE = "the whole chain"
PACK = "nyc-311"
CASES = 6_000
ROUNDS = 5


async def run() -> Result:
    reports = bodies(PACK, CASES)
    on_kafka: list[float] = []
    bare: list[float] = []
    figures = []
    async with chain.on_kafka(PACK) as city, city.watcher() as watcher:
        await chain.pass_through(city, watcher, reports[:1000])
        before = city.processor_seconds()
        for _ in range(ROUNDS):
            passed = await chain.pass_through(city, watcher, reports)
            on_kafka.append(passed.cases / passed.seconds)
            bare.append(await bare_kafka(city.bootstrap, CASES))
        after = city.processor_seconds()
    figures.append(at_least("on Kafka", "cases/s", on_kafka, 1_200))
    figures.append(Figure("bare produce and consume of the same records", "cases/s", bare))
    figures.append(Figure("on Kafka / bare", "×", ratios(on_kafka, bare)))
    spent = {name: (after[name] - before[name]) / (CASES * ROUNDS) * 1e3 for name in after}
    figures += [Figure(f"processor: {name}", "ms/case", [each]) for name, each in spent.items()]
    in_one: list[float] = []
    async with chain.in_one_process(PACK) as city, city.watcher() as watcher:
        await chain.pass_through(city, watcher, reports[:1000])
        before = city.processor_seconds()
        for _ in range(ROUNDS):
            passed = await chain.pass_through(city, watcher, reports)
            in_one.append(passed.cases / passed.seconds)
        after = city.processor_seconds()
    figures.append(Figure("in one process, embedded", "cases/s", in_one))
    spent = {name: (after[name] - before[name]) / (CASES * ROUNDS) * 1e3 for name in after}
    figures += [Figure(f"processor, embedded: {name}", "ms/case", [each]) for name, each in spent.items()]
    return Result("c", TITLE, figures, [])
