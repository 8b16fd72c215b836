"""Row k: the situation of a district, with ten thousand and a million cases stored, from counters and without them."""

from collections.abc import Mapping
from pathlib import Path

import asyncpg

from shared.packs import load
from tests.bench.desks import Batch, answers, figures_of, open_cases
from tests.bench.measure import Figure, Result, at_most, ratios
from tests.bench.processes import folder, running, serving, staff
from tests.bench.store import PACK, SIZES, stored

TITLE = "the situation of a district"
OPENED = 3_000
UNFOLDED = 2_000
ROUNDS = 5
# The kernel counts a processor's time in hundredths of a second: fewer requests tell it too coarsely.
EACH = 60
COMPARED = (SIZES[0], SIZES[-1])
NOTE = (
    "Open cases by status, overdue, warned, and what was opened and closed today, for each of the district's streets: "
    f"from the counters, with {OPENED:,} open cases beside the stored ones. *unfolded*: {UNFOLDED:,} changes are not in"
    " the counters yet, a second of a busy city; *a unit's* cases are counted one by one: no counter has what it sees."
    " *grouped* is the statement that the counters replaced, on the same database. Built on {built}."
)
HOLDS = (
    "Three hundred rows of counters, and every change that was not folded yet, which is what a dead worker would let "
    "grow. How many cases are stored does not matter."
)
GROUPED = """
    SELECT array_to_string((string_to_array(c.area, '.'))[1:2], '.') AS area, c.status, count(*) AS cases,
           count(*) FILTER (WHERE c.overdue) AS overdue
      FROM dispatch.cases c
     WHERE c.area >= '110108' AND c.area < '110108/' AND c.status NOT IN ('rejected', 'closed', 'voided')
     GROUP BY 1, 2
"""
UNFOLD = """
    UPDATE dispatch.cases SET warned = NOT warned
     WHERE id IN (SELECT id FROM dispatch.cases WHERE status NOT IN ('rejected', 'closed', 'voided') LIMIT $1)
"""


async def run() -> Result:
    found: dict[tuple[str, int], list[Batch]] = {}
    grouped: dict[int, list[float]] = {}
    path = f"/dispatch/v1/situation?area={load(PACK).area}"
    leader, clerk = staff("command_leader", PACK), staff("unit_clerk", PACK, "drainage")
    async with folder() as where, stored() as store:
        for size in COMPARED:
            await open_cases(store.dsn(size), OPENED)
        apis = {size: serving("dispatch", "api", store.settings[size], _made(where / str(size))) for size in COMPARED}
        async with running(list(apis.values())):
            for name, who in (("situation", leader), ("a unit's situation", clerk), ("unfolded situation", leader)):
                if name.startswith("unfolded"):
                    for size in COMPARED:
                        await _execute(store.dsn(size), UNFOLD, UNFOLDED)
                for number in range(-1, ROUNDS):
                    for size in COMPARED if number % 2 else reversed(COMPARED):
                        batch = await answers(store, apis[size], [(path, who)] * EACH)
                        if number >= 0:
                            found.setdefault((name, size), []).append(batch)
            for size in COMPARED:
                grouped[size] = [await _execute(store.dsn(size), GROUPED) for _ in range(ROUNDS)]
    return _result(found, grouped, store.built)


def _made(path: Path) -> Path:
    path.mkdir()
    return path


async def _execute(dsn: str, statement: str, *given: object) -> float:
    """Milliseconds that it takes the server, the connection not counted."""
    connection = await asyncpg.connect(dsn)
    try:
        plan = await connection.fetch(f"EXPLAIN (ANALYZE, TIMING OFF) {statement}", *given)
        return float(plan[-1][0].split()[2])
    finally:
        await connection.close()


def _result(found: Mapping[tuple[str, int], list[Batch]], grouped: Mapping[int, list[float]], built: str) -> Result:
    figures: list[Figure] = []
    small, large = COMPARED
    for (name, size), batches in found.items():
        figures += figures_of(f"{name} at {size:,}", batches, 20 if (name, size) == ("situation", large) else None)
    figures += [Figure(f"grouped at {size:,}, in the server", "ms", grouped[size]) for size in COMPARED]
    spent = {size: [batch.api + batch.postgres for batch in found["situation", size]] for size in COMPARED}
    label = f"situation, processor: with {large:,} / with {small:,} cases"
    figures.append(at_most(label, "×", ratios(spent[large], spent[small]), 1.15))
    return Result("k", TITLE, figures, [NOTE.format(built=built)], HOLDS)
