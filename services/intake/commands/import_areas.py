"""Change the areas: check against all that is defined, define what is new or changed, publish that and no more."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import shapely

from services.intake import outgoing
from services.intake.domain.area import Area, Finding, GivenArea, refuse
from services.intake.grids.change import Change, Rules, Weighed, weigh
from services.intake.store import area_history, area_plans
from services.intake.store import areas as store
from services.intake.store.area_plans import Plan
from shared import idempotency
from shared.bus.event import Event
from shared.bus.outbox import Outbox
from shared.kernel.area import AreaPath
from shared.kernel.clock import Clock
from shared.postgres import Connection, Pool, transaction

# Facts written in one turn of the event loop: 5 ms.
FACTS: Final = 500
OPERATOR: Final = "operator"


class Imported(NamedTuple):
    """What an import did. `version` is that of the areas as a whole after it, and of each area it defined."""

    defined: int
    unchanged: int
    retired: int
    version: int
    noted: Sequence[Finding] = ()


class Once(NamedTuple):
    """An Idempotency-Key, whose it is, the hash of the request it came with, and how its answer is written."""

    caller: str
    key: str
    asked: bytes
    render: Callable[[Any], bytes]

    async def answered(self, tx: Connection | Pool) -> bytes | None:
        """The answer that was given before. Raises KeyReused."""
        before = await idempotency.find(tx, "intake", self.caller, self.key)  # type: ignore[arg-type]
        return None if before is None else idempotency.same_request(before, self.asked).body

    async def keep(self, tx: Connection, done: Any) -> None:
        """Keep the answer to what was done in this transaction. Raises InFlight."""
        stored = idempotency.Stored(self.asked, 200, None, self.render(done))
        await idempotency.save(tx, "intake", self.caller, self.key, stored)


class Told(NamedTuple):
    """Who changes the areas, and why, as the list of versions shows it."""

    by: str = OPERATOR
    note: str | None = None


class Checked(NamedTuple):
    """What an import would do and what is wrong with it; `weighed.drawn` is what a picture of it is drawn from."""

    defined: int
    unchanged: int
    retired: int
    found: list[Finding]
    weighed: Weighed


async def import_areas(
    pool: Pool,
    outbox: Outbox,
    clock: Clock,
    given: Sequence[GivenArea],
    *,
    levels: Sequence[str],
    tolerance_m2: float,
    retire_below: AreaPath | None = None,
) -> Imported:
    """Define the areas of `given`; an area that stands as given keeps its version and is not published again.

    `levels` are the pack's, the last one that of grids. With `retire_below`, areas below it that `given` does not hold
    are retired. Grids must cover without gaps and overlaps above `tolerance_m2`. Raises AreasRefused, listing what is
    wrong; then nothing was changed.
    """
    return await change_areas(pool, outbox, clock, Change(given, retire_below), Rules(levels, tolerance_m2), Told())


async def check_areas(pool: Pool, change: Change, rules: Rules, found: Sequence[Finding] = ()) -> Checked:
    """What `change` would come to now, and what is wrong with it beside what reading it `found`. Changes nothing."""
    _, weighed = await _weigh(pool, change, rules)
    defined, given = len(weighed.changed), len(change.given)
    return Checked(defined, given - defined, len(weighed.retired), [*found, *weighed.found], weighed)


async def change_areas(
    pool: Pool,
    outbox: Outbox,
    clock: Clock,
    change: Change,
    rules: Rules,
    told: Told,
    plan: Plan | None = None,
    once: Once | None = None,
) -> Imported:
    """Carry out `change`, and with it settle the `plan` that it was kept in: in one transaction, so once.

    A planned change counts from the time that was planned, unless the areas were changed after that: then from now.
    Raises AreasRefused, InFlight. Of a plan that is no longer waiting nothing is done.
    """
    while True:
        seen, weighed = await _weigh(pool, change, rules)
        refuse(weighed.found)
        unchanged = len(change.given) - len(weighed.changed)
        async with transaction(pool) as tx:
            if await store.lock_head(tx) != seen:
                continue  # another import came first: check against what it left
            if plan is not None and await area_plans.lock(tx, plan.id) != "waiting":
                return Imported(0, len(change.given), 0, seen)
            now = clock()
            version = seen
            if weighed.changed or weighed.retired:
                version = await store.raise_head(tx)
                since = now
                if plan is not None:
                    last = await area_history.last_change(tx)
                    since = plan.effective_at if last is None or last <= plan.effective_at else now
                fresh = [area._replace(version=version) for area in weighed.changed]
                await store.end(tx, [area.path for area in fresh] + weighed.retired, since)
                await store.add(tx, fresh, since)
                counts = (len(fresh), len(weighed.retired))
                await area_history.add_version(tx, version, since, told.by, told.note, *counts)
                await area_history.add_successions(tx, weighed.successions, version)
                before, after = _links(weighed.successions)
                for begin in range(0, len(fresh), FACTS):  # written as they are made: the transaction is never idle
                    part = fresh[begin : begin + FACTS]
                    await outbox.add(tx, await asyncio.to_thread(_defined, part, before, now))
                ended = [outgoing.area_retired(path, version, now, after[path]) for path in weighed.retired]
                for begin in range(0, len(ended), FACTS):
                    await outbox.add(tx, ended[begin : begin + FACTS])
            if plan is not None:
                await area_plans.settle(tx, plan.id, "done", now, version)
            done = Imported(len(weighed.changed), unchanged, len(weighed.retired), version, weighed.found)
            if once is not None:
                await once.keep(tx, done)
        outbox.ring()
        return done


async def _weigh(pool: Pool, change: Change, rules: Rules) -> tuple[int, Weighed]:
    """The version that was read and what `change` comes to against it. Geometry is checked in a thread (1 s for 8,562
    grids), outside any transaction.
    """
    async with transaction(pool) as tx:
        seen = await store.head(tx)
        known = await store.current(tx)
        ended = await store.ever(tx, [before for area in change.given for before in area.predecessors])
    return seen, await asyncio.to_thread(weigh, change, known, rules, ended)


def _links(successions: Sequence[tuple[str, str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """What each came from, and what each became."""
    before: dict[str, list[str]] = defaultdict(list)
    after: dict[str, list[str]] = defaultdict(list)
    for predecessor, successor in successions:
        before[successor].append(predecessor)
        after[predecessor].append(successor)
    return before, after


def _defined(part: Sequence[Area], before: dict[str, list[str]], at: datetime) -> list[Event]:
    texts: Any = shapely.to_geojson(shapely.from_wkb([area.geometry for area in part]))
    return [outgoing.area_defined(area, text, at, before[area.path]) for area, text in zip(part, texts, strict=True)]
