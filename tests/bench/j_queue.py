"""Row j: what a desk asks all day, with ten thousand and a million cases stored: its queue, a list, a search.

One client, one request at a time, through dispatch's API process; sizes in turn.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from shared.packs import load
from tests.bench.desks import Batch, answers, figures_of, open_cases
from tests.bench.measure import Figure, Result, at_most, ratios
from tests.bench.processes import Process, folder, running, serving, staff
from tests.bench.store import PACK, SIZES, Store, stored

TITLE = "a desk's queue, lists and searches"
OPENED, DEEP = 3_000, 50_000
ROUNDS = 5
# The kernel counts a processor's time in hundredths of a second: fewer requests tell it too coarsely.
EACH = 60
COMPARED = (SIZES[0], SIZES[-1])
NOTE = (
    f"{OPENED:,} open cases beside the stored ones, which are closed, at each size: the same work waits in a young city"
    " and in an old one. A queue page is the 50 most urgent cases of a post with the counts of each reason: by turns an"
    " acceptor, a shift leader, a dispatcher and a supervisor of the whole district, an acceptor of one street and a "
    "unit's clerk. A list is the district's newest fifty, a search that of a rare word (six digits of a number) and of"
    " one that every case has; the stored texts are copies of 300, so there are few in between. "
    f"*deep*: the same queues with {DEEP:,} open cases more. One client, one request at a time. Built on {{built}}."
)
HOLDS = (
    "For a queue and a list it is this process: reading fifty rows of 1.5 kB and writing fifty cases as JSON. The "
    "database reads the index of open cases, which the closed ones are not in. A search costs what its rarest pairs of "
    "characters leave to be looked at."
)
Asked = Sequence[tuple[str, Mapping[str, str]]]


async def run() -> Result:
    found: dict[tuple[str, int], list[Batch]] = {}
    async with folder() as where, stored() as store:
        for size in COMPARED:
            await open_cases(store.dsn(size), OPENED)
        apis = {size: serving("dispatch", "api", store.settings[size], _made(where / str(size))) for size in COMPARED}
        async with running(list(apis.values())):
            for number in range(-1, ROUNDS):
                for size in COMPARED if number % 2 else reversed(COMPARED):
                    for name, asked in _asked().items():
                        batch = await answers(store, apis[size], asked)
                        if number >= 0:
                            found.setdefault((name, size), []).append(batch)
            await _deep(store, apis[COMPARED[-1]], found)
    return _result(found, store.built)


async def _deep(store: Store, api: Process, found: dict[tuple[str, int], list[Batch]]) -> None:
    await open_cases(store.dsn(COMPARED[-1]), DEEP)
    asked = _asked()["queue page"]
    await answers(store, api, asked)
    found["deep queue page", COMPARED[-1]] = [await answers(store, api, asked) for _ in range(ROUNDS)]


def _made(path: Path) -> Path:
    path.mkdir()
    return path


def _asked() -> dict[str, Asked]:
    area = load(PACK).area
    posts = [(area, staff(post, PACK)) for post in ("acceptor", "shift_leader", "dispatcher", "supervisor")]
    posts += [(f"{area}.011", staff("acceptor", PACK)), (area, staff("unit_clerk", PACK, "drainage"))]
    queues = [(f"/dispatch/v1/queue?area={where}", who) for where, who in posts]
    reader = staff("auditor", PACK)
    return {
        "queue page": queues * (EACH // len(queues)),
        "list page": [(f"/dispatch/v1/cases?area={area}", reader)] * EACH,
        "rare word": [(f"/dispatch/v1/cases?area={area}&q=00{n:04d}", reader) for n in range(4000, 4000 + EACH)],
        "common word": [(f"/dispatch/v1/cases?area={area}&q=nyc", reader)] * EACH,
    }


def _result(found: Mapping[tuple[str, int], list[Batch]], built: str) -> Result:
    figures: list[Figure] = []
    small, large = COMPARED
    for (name, size), batches in found.items():
        figures += figures_of(f"{name} at {size:,}", batches, 20 if (name, size) == ("queue page", large) else None)
    for name in ("queue page", "list page"):
        spent = {size: [batch.api + batch.postgres for batch in found[name, size]] for size in COMPARED}
        label = f"{name}, processor: with {large:,} / with {small:,} cases"
        figures.append(at_most(label, "×", ratios(spent[large], spent[small]), 1.15))
    return Result("j", TITLE, figures, [NOTE.format(built=built)], HOLDS)
