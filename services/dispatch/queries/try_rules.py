"""Changed routing rules on past cases: what would move, and who would answer for what. Reads only."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from services.dispatch.domain.rerouting import Moved, Said, Tally, asks_attributes
from services.dispatch.domain.routing import Routing
from services.dispatch.pack_routing import rules_from
from services.dispatch.store import replaying
from services.dispatch.store.replaying import PastCase, Period
from services.dispatch.wiring import Wired
from shared.kernel.area import AreaPath
from shared.kernel.clock import utc_now
from shared.packs import BadPack, Problem
from shared.packs.routing_references import check_rules
from shared.postgres import transaction

PAGE = 1000
# A process whose clock is behind the database's makes ids that are older than their cases by so much at the most.
SKEW = timedelta(hours=1)

__all__ = ["Asked", "Moved", "PastCase", "Tally", "Tried", "try_rules"]


class Asked(NamedTuple):
    """Which cases: of an area, opened in a period, the newest so many of them. `against_active` compares with the rules
    in force, otherwise with the unit that each case has.
    """

    area: AreaPath
    since: datetime | None = None
    until: datetime | None = None
    most: int | None = None
    against_active: bool = False


class Tried(NamedTuple):
    """What was found, and the rules that were tried. `active` is the version compared with, if it was one."""

    tally: Tally
    rules: list[str]
    never_matched: list[str]
    active: int | None


async def try_rules(
    wired: Wired,
    source: str,
    file: str,
    asked: Asked,
    *,
    told: Callable[[int, int], None] = lambda done, of: None,
    moved: Callable[[PastCase, Moved], None] = lambda case, how: None,
) -> Tried:
    """Decide past cases by the rules in `source`; `moved` is called for each that would go elsewhere.

    A thousand cases at a time and each page a transaction of its own: memory stays the same whatever their number, and
    vacuum is not held up. Raises BadPack for rules that cannot be evaluated.
    """
    problems: list[Problem] = []
    stated = check_rules(source.encode(), file, wired.pack, problems, wired.rules.units)
    if problems:
        raise BadPack(wired.pack.name, problems)
    await wired.routing.ready()
    trial = Routing(rules_from(stated), 0, wired.routing.city)
    async with transaction(wired.pool) as tx:
        period = _period(asked)
        of = await replaying.count(tx, period)
    active = wired.routing.in_force(utc_now()) if asked.against_active else None
    of = of if asked.most is None else min(of, asked.most)
    tally, look, before = Tally(), asks_attributes(trial), None
    while tally.cases < of:
        page = await _page(wired, period, before, min(PAGE, of - tally.cases))
        if not page:
            break
        for case in page:
            said = trial.decide(case, case.decided_at, wired.rules.units)
            beside = (
                active.decide(case, case.decided_at, wired.rules.units) if active else Said(case.unit, case.assisting)
            )
            if how := tally.count(case.number, said, beside):
                moved(case, how)
            if look:
                tally.look_for_faults(trial, case, case.decided_at, said.rule)
        before = page[-1].id
        told(tally.cases, of)
    names = [rule.name for rule in trial.rules]
    return Tried(tally, names, tally.never_matched(trial), active.version if active else None)


async def _page(wired: Wired, period: Period, before: UUID | None, limit: int) -> list[PastCase]:
    async with transaction(wired.pool) as tx:
        return await replaying.page(tx, period, before, limit)


def _period(asked: Asked) -> Period:
    lowest = _first_id(asked.since - SKEW) if asked.since else None
    return Period(asked.area, asked.since, asked.until, lowest)


def _first_id(at: datetime) -> UUID:
    """The smallest UUIDv7 of an instant."""
    return UUID(int=max(0, int(at.timestamp() * 1000)) << 80)
