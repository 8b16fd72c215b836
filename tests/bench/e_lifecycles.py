"""Row e: whole lifecycles by HTTP, nothing automatic, with ten thousand, a hundred thousand and a million cases stored.

Beside it, in the same rounds: a bare FastAPI app in which each of the nine is one transaction (lock the row, update it,
a row of its timeline, a row of its outbox) on a table with as many cases. All on one server, sizes and forms in turn.
"""

import asyncio
import itertools
import statistics
import time
from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import asyncpg

from shared.contracts import topics
from shared.kernel.ids import uuid7
from tests.bench import processor
from tests.bench.lifecycles import REQUESTS, BareClients, Clients, OurClients
from tests.bench.measure import BenchTrouble, Figure, Result, at_least, at_most, quantile, ratios
from tests.bench.processes import Process, folder, running, serving
from tests.bench.reports import bodies
from tests.bench.store import PACK, SIZES, Store, open_cases, stored
from tests.bench.store_sql import BARE_WAITING

TITLE = "whole lifecycles"
CLAIM = 100_000
ROUNDS = 7
SECONDS = 2.0
WARM_SECONDS = 1.5
# More than are played at any rate that two cores allow; those of the size of the claim are played three times over.
WAITING = 6_000
WAITING_OF_CLAIM = 12_000
PACED_SECONDS, PACED_ROUNDS = 4.0, 3
ALL_WORKERS = (("intake", "worker"), ("dispatch", "worker"), ("evaluation", "all"), ("notify", "all"))
CARRY_SECONDS = 60
UNDER_WAY = """
    SELECT EXISTS (SELECT FROM intake.outbox) OR EXISTS (SELECT FROM dispatch.outbox) OR EXISTS (
        SELECT FROM bus.counters c LEFT JOIN evaluation.inbox_progress p USING (topic, partition)
         WHERE c.topic = $1 AND coalesce(p.next_offset, 0) < c.next_offset)
"""
NOTE = (
    "Nine requests a lifecycle on the pack haidian: a report to intake's API, and accept, file, dispatch, take, "
    "report_handled, request_check, answer_check and close to dispatch's, each with its post's own token, the ETag of"
    " the answer before as If-Match, and an Idempotency-Key of its own; 64 clients. In the timed rounds only the two "
    "API processes run, and their facts stay in the outboxes, as those of the bare form do, which has no workers: the"
    " cases that are acted on were opened by the workers before, and the reports that are posted in a round are one "
    "of its nine requests and become no case. The bare form is one process with as many connections, every request "
    "the same transaction of six round trips; it knows no caller, rule or key, and its tables have no index beside "
    "their primary keys. The stored cases are closed ones, with a report and a timeline of nine rows each: copies of "
    "300 that were played through the services, in other grids and times (built on {built}, and kept); answers kept "
    "for keys of earlier days are not among them. *processor* is that of the API processes, or of Postgres, for a "
    "request. The last lines: the same requests with intake's, dispatch's, evaluation's and notify's workers running,"
    " on the embedded carrier in the same database."
)
HOLDS = (
    "The processor, which the two APIs, Postgres and the clients share; ours take about twice of what the bare form's "
    "take for a request. An act is two round trips, a look and a save that holds only if nobody was quicker (the bare "
    "form makes six; four, with a lock, had this row at 0.46). It is answered without the framework's dependency "
    "machinery: that and trying two dozen paths had been a third of its time. What is left of the process is a quarter "
    "for the two statements, a fifth for the layers that every request passes, and the decision with its fact and its "
    "answer. In Postgres it is the one statement that saves, half of it starting seven plans: a change of status moves "
    "the case's row with the entries of its indexes, and the Idempotency-Key's row keeps the whole answer. How many "
    "cases are stored hardly matters: every statement finds its rows by a key, and the rows of open cases lie together."
)


class Form(NamedTuple):
    """Clients of one form on one database, and the processes that answer them."""

    name: str
    size: int
    clients: Clients
    answering: Sequence[Process]


class Sample(NamedTuple):
    """A round: requests a second; seconds from request to answer; processor milliseconds a request."""

    rate: float
    waits: list[float]
    api: float
    postgres: float


Samples = Mapping[tuple[str, int], Sequence[Sample]]


async def run() -> Result:
    samples: dict[tuple[str, int], list[Sample]] = {}
    async with folder() as where, stored() as store:
        apis = {size: _processes(store, size, where / str(size)) for size in SIZES}
        async with running([process for each in apis.values() for process in each]):
            forms = {size: await _forms(store, size, apis[size], where / str(size)) for size in SIZES}
            for number in range(-1, ROUNDS):  # the first warms up and is not counted
                for size in SIZES if number % 2 else reversed(SIZES):
                    for form in forms[size]:
                        sample = await _sample(store, form, SECONDS if number >= 0 else WARM_SECONDS)
                        if number >= 0:
                            samples.setdefault((form.name, size), []).append(sample)
            rate = statistics.median(sample.rate for sample in samples["ours", SIZES[-1]])
            largest = forms[SIZES[-1]][0].clients
            half = [await largest.paced(rate / 2, PACED_SECONDS) for _ in range(PACED_ROUNDS)]
            ours = forms[CLAIM][0].clients
            with_workers, behind = await _with_all_workers(store, ours, where / str(CLAIM))
            for form in itertools.chain(*forms.values()):
                form.clients.close()
    return _result(samples, half, with_workers, behind, store.built)


async def _sample(store: Store, form: Form, seconds: float) -> Sample:
    def spent() -> tuple[float, float]:
        assert store.server.process is not None
        api = sum(processor.seconds(process.child.pid) for process in form.answering if process.child)
        return api, processor.family_seconds(store.server.process.pid)

    api, postgres = spent()
    rate = await form.clients.rate(seconds)
    requests = rate * seconds / 1e3
    return Sample(
        rate, form.clients.waits, *((b - a) / requests for a, b in zip((api, postgres), spent(), strict=True))
    )


def _processes(store: Store, size: int, where: Path) -> tuple[Process, Process, Process]:
    where.mkdir()
    settings = store.settings[size]
    bare = Process("bare", ("tests.bench.bare_desk",), settings, where / "bare.log")
    return serving("intake", "api", settings, where), serving("dispatch", "api", settings, where), bare


async def _forms(store: Store, size: int, apis: Sequence[Process], where: Path) -> list[Form]:
    """Everything that is measured at this size, with enough cases waiting; all of ours share them."""
    intake, dispatch, bare = (process.base for process in apis)
    count = WAITING_OF_CLAIM if size == CLAIM else WAITING
    cases = await open_cases(store, size, intake, count, where)
    reports = bodies(PACK, 900)
    rows: deque[UUID] = deque(uuid7() for _ in range(count))
    connection = await asyncpg.connect(store.dsn(size))
    await connection.execute(BARE_WAITING, list(rows))
    await connection.execute("CHECKPOINT")
    await connection.close()
    ours = partial(OurClients, intake, dispatch, PACK, store.key, cases, reports)
    forms = [Form("ours", size, ours(), apis[:2]), Form("bare", size, BareClients(bare, rows), apis[2:])]
    return [*forms, Form("keyless", size, ours(keys=False), apis[:2])] if size == CLAIM else forms


async def _with_all_workers(store: Store, ours: Clients, where: Path) -> tuple[list[float], float]:
    """Requests a second while every worker runs, and the seconds until the last fact was counted after the last round.

    Before it starts, the workers have carried what the rounds without them left in the outboxes.
    """
    settings = store.settings[CLAIM]
    async with running([serving(service, role, settings, where) for service, role in ALL_WORKERS]):
        await _carried(store.dsn(CLAIM))
        rates = [await ours.rate(SECONDS) for _ in range(ROUNDS)]
        return rates, await _carried(store.dsn(CLAIM))


async def _carried(dsn: str) -> float:
    """Seconds until every fact was published, and read by evaluation."""
    connection = await asyncpg.connect(dsn)
    began = time.monotonic()
    try:
        while await connection.fetchval(UNDER_WAY, topics.CASES.name):
            if time.monotonic() > began + CARRY_SECONDS:
                raise BenchTrouble(f"the workers did not carry the facts of the rounds in {CARRY_SECONDS} s")
            await asyncio.sleep(0.1)
        return time.monotonic() - began
    finally:
        await connection.close()


def _result(samples: Samples, half: list[list[float]], with_workers: list[float], behind: float, built: str) -> Result:
    rates = {form: [sample.rate for sample in each] for form, each in samples.items()}
    figures = []
    for size in SIZES:
        ours, bare = rates["ours", size], rates["bare", size]
        at = f"at {size:,} cases"
        figures.append(Figure(f"ours {at}", "lifecycles/s", [each / REQUESTS for each in ours]))
        figures.append(Figure(f"ours {at}", "requests/s", ours))
        figures.append(Figure(f"bare {at}", "requests/s", bare))
        figures.append(at_least(f"ours / bare {at}", "×", ratios(ours, bare), 0.5))
    smallest, largest = SIZES[0], SIZES[-1]
    for name, least in (("ours", 0.85), ("bare", None)):
        kept = ratios(rates[name, largest], rates[name, smallest])
        label = f"{name}: with {largest:,} / with {smallest:,} cases"
        figures.append(at_least(label, "×", kept, least) if least else Figure(label, "×", kept))
    claimed = f"at {CLAIM:,} cases"
    figures.append(
        Figure(f"ours without keys / bare {claimed}", "×", ratios(rates["keyless", CLAIM], rates["bare", CLAIM]))
    )
    for name in ("ours", "bare"):
        those = samples[name, CLAIM]
        waits = sorted(itertools.chain(*(sample.waits for sample in those)))
        figures += [
            Figure(f"{name}, processor of its API {claimed}", "ms/request", [sample.api for sample in those]),
            Figure(f"{name}, processor of Postgres {claimed}", "ms/request", [sample.postgres for sample in those]),
            Figure(f"{name}, request to answer {claimed}: p50", "ms", [quantile(waits, 0.5) * 1e3]),
            Figure(f"{name}, request to answer {claimed}: p99", "ms", [quantile(waits, 0.99) * 1e3]),
        ]
    at_half = f"ours at {SIZES[-1]:,} cases and half of its rate, due to answer"
    figures.append(Figure(f"{at_half}: p50", "ms", [quantile(waits, 0.5) * 1e3 for waits in half]))
    figures.append(at_most(f"{at_half}: p99", "ms", [quantile(waits, 0.99) * 1e3 for waits in half], 40))
    figures.append(Figure(f"ours {claimed}, with all workers running", "requests/s", with_workers))
    figures.append(Figure("until the last fact was counted, after these", "s", [behind]))
    return Result("e", TITLE, figures, [NOTE.format(built=built)], HOLDS)
