"""Changes of the areas that take effect on a day: kept, carried out when the day has come, withdrawn before it has."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import structlog

from services.intake.commands.import_areas import Checked, Once, Told, change_areas, check_areas
from services.intake.domain.area import AreasRefused, BadEffective, PlanNotFound, PlanSettled, refuse
from services.intake.grids.change import Change, Rules
from services.intake.store import area_plans as store
from services.intake.store import areas
from services.intake.store.area_plans import Plan
from shared.bus.outbox import Outbox
from shared.jobs import Job
from shared.kernel.area import AreaPath
from shared.kernel.clock import Clock
from shared.kernel.errors import FieldError
from shared.kernel.ids import uuid7
from shared.polling import polling_job
from shared.postgres import Pool, transaction

__all__ = ["FEW_AREAS", "Plan", "Planned", "area_plans_job", "carry_out_due", "plan_areas", "withdraw_plan"]

log = structlog.get_logger()

# A change that is due at midnight is in force within this and the second that the index polls by.
POLL_SECONDS: Final = 1.0
# A change is weighed against all areas that there are: in a larger city that is done in a process of its own.
FEW_AREAS: Final = 5_000


class Planned(NamedTuple):
    """A plan that is kept, and what it would come to as things stand."""

    plan: Plan
    checked: Checked


async def plan_areas(
    pool: Pool, clock: Clock, change: Change, rules: Rules, effective_at: datetime, told: Told, once: Once | None = None
) -> Planned:
    """Keep `change` until `effective_at`.

    Raises BadEffective, and AreasRefused if it is wrong already; where another change is to come before it, what is
    wrong may be right by then and is only told.
    """
    now = clock()
    if effective_at <= now:
        raise BadEffective(
            f"{effective_at.isoformat()} has passed: leave effective out to change the areas now",
            errors=[FieldError("?effective", "a day or time to come")],
        )
    checked = await check_areas(pool, change, rules)
    plan = Plan(
        uuid7(),
        effective_at,
        now,
        told.by,
        told.note,
        None if change.retire_below is None else str(change.retire_below),
        list(change.retire),
        change.whole,
        "waiting",
        None,
        None,
        None,
        len(change.given),
    )
    async with transaction(pool) as tx:
        if await store.due(tx, effective_at) is None:
            refuse(checked.found)
        await store.add(tx, plan, change.given)
        planned = Planned(plan, checked)
        if once is not None:
            await once.keep(tx, planned)
    return planned


async def withdraw_plan(pool: Pool, clock: Clock, plan_id: UUID) -> Plan:
    """Take a planned change back before it took effect. Raises PlanNotFound, PlanSettled."""
    async with transaction(pool) as tx:
        status = await store.lock(tx, plan_id)
        if status is None:
            raise PlanNotFound(f"there is no planned change {plan_id}")
        if status != "waiting":
            raise PlanSettled(f"the change {plan_id} is {status}", facts={"status": status})
        await store.settle(tx, plan_id, "withdrawn", clock())
        plan = await store.find(tx, plan_id)
    assert plan is not None
    return plan


async def carry_out_due(pool: Pool, outbox: Outbox, clock: Clock, rules: Rules) -> bool:
    """Carry out the first planned change that is due. True if there was one.

    Any number of workers may try: the plan is settled in the transaction that changes the areas. One that is wrong by
    now is refused, kept with the reasons, and does not hold up the next.
    """
    plan = await store.due(pool, clock())
    if plan is None:
        return False
    given = await store.areas(pool, plan.id)
    below = None if plan.retire_below is None else AreaPath(plan.retire_below)
    change = Change(given, below, plan.retire, plan.whole)
    try:
        done = await change_areas(pool, outbox, clock, change, rules, Told(plan.planned_by, plan.note), plan)
        log.info("planned change of areas carried out", plan=str(plan.id), defined=done.defined, version=done.version)
    except AreasRefused as refusal:
        wrong = {"detail": refusal.detail, "errors": [each._asdict() for each in refusal.errors]}
        async with transaction(pool) as tx:
            if await store.lock(tx, plan.id) == "waiting":
                await store.settle(tx, plan.id, "refused", clock(), None, wrong)
                log.error("planned change of areas refused", plan=str(plan.id), detail=refusal.detail)
    return True


def area_plans_job(pool: Pool, outbox: Outbox, clock: Clock, rules: Rules, apart: Callable[[], Awaitable[bool]]) -> Job:
    """Carries out planned changes as they become due; in a large city `apart` does, where it holds up nobody."""

    async def work() -> bool:
        if await store.due(pool, clock()) is None:
            return False
        if await areas.count(pool) <= FEW_AREAS:
            return await carry_out_due(pool, outbox, clock, rules)
        carried_out = await apart()
        outbox.ring()
        return carried_out

    return polling_job("area-plans", work, every=POLL_SECONDS)
