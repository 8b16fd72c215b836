"""Row l: the same act on many cases, in bulk and one by one, in the same rounds on the same database."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

import asyncpg
import orjson

from services.city.robots.wire import Wire
from shared.packs import load
from tests.bench import processor
from tests.bench.desks import open_cases
from tests.bench.lifecycles import CLIENTS, JSON
from tests.bench.measure import BenchTrouble, Figure, Result, ratios
from tests.bench.processes import Process, folder, running, serving, staff
from tests.bench.store import PACK, Store, stored

TITLE = "acts in bulk"
SIZE = 100_000
ROUNDS = 5
CASES = 800  # of each form in a round
BULK = 200
AT_ONCE = 2
NOTE = (
    f"{CASES} cases are filed, then dispatched, in requests of {BULK} with {AT_ONCE} under way, and as many others one"
    f" by one by {CLIENTS} clients; {SIZE:,} cases are stored. Every request has an Idempotency-Key. *processor* is"
    " that of dispatch's API process, or of Postgres, for a case. Built on {built}."
)
HOLDS = (
    "Of a case in bulk most is deciding it, writing its fact, its event and its answer, which the single act does too; "
    "what is saved are the request, three round trips of four, and a commit."
)


class Round(NamedTuple):
    rate: float
    api: float
    postgres: float


async def run() -> Result:
    rounds: dict[tuple[str, str], list[Round]] = {}
    async with folder() as where, stored() as store:
        await open_cases(store.dsn(SIZE), (ROUNDS + 1) * 2 * CASES, {"accepted": 1})
        api = serving("dispatch", "api", store.settings[SIZE], Path(where))
        async with running([api]):
            wire = Wire(api.base, connections=CLIENTS)
            waiting = await _waiting(store.dsn(SIZE))
            for number in range(-1, ROUNDS):
                for form in ("bulk", "single") if number % 2 else ("single", "bulk"):
                    cases = [waiting.pop() for _ in range(CASES)]
                    for act in ("file", "dispatch"):
                        spent = _spent(store, api)
                        began = time.monotonic()
                        await (_in_bulk if form == "bulk" else _singly)(wire, act, cases)
                        seconds = time.monotonic() - began
                        costs = [(b - a) * 1e3 / CASES for a, b in zip(spent, _spent(store, api), strict=True)]
                        if number >= 0:
                            rounds.setdefault((form, act), []).append(Round(CASES / seconds, *costs))
            wire.close()
    return _result(rounds, store.built)


def _spent(store: Store, api: Process) -> tuple[float, float]:
    assert api.child is not None
    assert store.server.process is not None
    return processor.seconds(api.child.pid), processor.family_seconds(store.server.process.pid)


async def _waiting(dsn: str) -> list[tuple[UUID, int, str]]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT id, revision, category FROM dispatch.cases WHERE status = 'accepted'")
        return [(row["id"], row["revision"], row["category"]) for row in rows]
    finally:
        await connection.close()


@lru_cache
def _said(act: str, category: str) -> Mapping[str, str]:
    return {"condition": load(PACK).categories[category].conditions[0].key} if act == "file" else {"unit": "drainage"}


def _revision(act: str, revision: int) -> int:
    return revision if act == "file" else revision + 1


async def _in_bulk(wire: Wire, act: str, cases: Sequence[tuple[UUID, int, str]]) -> None:
    who = staff("shift_leader" if act == "file" else "dispatcher", PACK) | JSON
    turns = asyncio.Semaphore(AT_ONCE)

    async def send(some: Sequence[tuple[UUID, int, str]]) -> None:
        items = [
            {"case": str(case), "revision": _revision(act, revision), **_said(act, category)}
            for case, revision, category in some
        ]
        async with turns:
            headers = who | {"Idempotency-Key": str(uuid4())}
            body = orjson.dumps({"act": act, "items": items})
            answer = await wire.send("POST", "/dispatch/v1/cases/bulk", headers, body)
        if answer.status != 200 or orjson.loads(answer.body)["done"] != len(some):
            raise BenchTrouble(f"bulk {act} was answered {answer.status}: {answer.body[:500].decode()}")

    await asyncio.gather(*(send(cases[n : n + BULK]) for n in range(0, len(cases), BULK)))


async def _singly(wire: Wire, act: str, cases: Sequence[tuple[UUID, int, str]]) -> None:
    who = staff("shift_leader" if act == "file" else "dispatcher", PACK) | JSON
    left = list(cases)

    async def lane() -> None:
        while left:
            case, revision, category = left.pop()
            headers = who | {"Idempotency-Key": str(uuid4()), "If-Match": f'"{_revision(act, revision)}"'}
            path = f"/dispatch/v1/cases/{case}/{act}"
            answer = await wire.send("POST", path, headers, orjson.dumps(_said(act, category)))
            if answer.status != 200:
                raise BenchTrouble(f"{act} was answered {answer.status}: {answer.body[:500].decode()}")

    await asyncio.gather(*(lane() for _ in range(CLIENTS)))


def _result(rounds: Mapping[tuple[str, str], Sequence[Round]], built: str) -> Result:
    figures = []
    for act in ("file", "dispatch"):
        for form in ("bulk", "single"):
            those = rounds[form, act]
            figures += [
                Figure(f"{act}, {form}", "cases/s", [each.rate for each in those]),
                Figure(f"{act}, {form}, processor of its API", "ms/case", [each.api for each in those]),
                Figure(f"{act}, {form}, processor of Postgres", "ms/case", [each.postgres for each in those]),
            ]
        rates = {form: [each.rate for each in rounds[form, act]] for form in ("bulk", "single")}
        figures.append(Figure(f"{act}: bulk / single", "×", ratios(rates["bulk"], rates["single"])))
    return Result("l", TITLE, figures, [NOTE.format(built=built)], HOLDS)
