"""Changes of the areas that are to take effect on a day: kept with all that they define until they are carried out."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.intake.domain.area import GivenArea
from shared.kernel.area import AreaPath
from shared.postgres import Connection, Pool

ADD = """
    INSERT INTO intake.area_plans (id, effective_at, planned_at, planned_by, note, retire_below, retire, whole, status)
    VALUES ($1, $2, $3, $4, $5, $6, $7::text[], $8, 'waiting')
"""
AREAS = """
    SELECT path, name, level, geometry, place_in_file, predecessors FROM intake.area_plan_areas
     WHERE plan_id = $1 ORDER BY number
"""
_COLUMNS_PART = """
    id, effective_at, planned_at, planned_by, note, retire_below, retire, whole, status, settled_at, version, wrong,
    (SELECT count(*) FROM intake.area_plan_areas a WHERE a.plan_id = p.id) AS areas
"""
DUE = f"""
    SELECT {_COLUMNS_PART} FROM intake.area_plans p WHERE status = 'waiting' AND effective_at <= $1
     ORDER BY effective_at, planned_at, id LIMIT 1
"""
FIND = f"SELECT {_COLUMNS_PART} FROM intake.area_plans p WHERE id = $1"
PAGE = f"""
    SELECT {_COLUMNS_PART} FROM intake.area_plans p WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2
"""
LOCK = "SELECT status FROM intake.area_plans WHERE id = $1 FOR UPDATE"
SETTLE = "UPDATE intake.area_plans SET status = $2, settled_at = $3, version = $4, wrong = $5 WHERE id = $1"


class Plan(NamedTuple):
    """A planned change; `status` is waiting, done, refused or withdrawn. `wrong` says why it was refused."""

    id: UUID
    effective_at: datetime
    planned_at: datetime
    planned_by: str
    note: str | None
    retire_below: str | None
    retire: Sequence[str]
    whole: bool
    status: str
    settled_at: datetime | None
    version: int | None
    wrong: Mapping[str, Any] | None
    areas: int


async def add(tx: Connection, plan: Plan, given: Sequence[GivenArea]) -> None:
    await tx.execute(ADD, *plan[:8])
    records = [
        (plan.id, n, str(a.path), a.name, a.level, a.geometry, a.where, list(a.predecessors))
        for n, a in enumerate(given)
    ]
    await tx.copy_records_to_table("area_plan_areas", schema_name="intake", records=records)


async def areas(connection: Connection | Pool, plan_id: UUID) -> list[GivenArea]:
    return [
        GivenArea(AreaPath(path), name, level, geometry, where, tuple(before))
        for path, name, level, geometry, where, before in await connection.fetch(AREAS, plan_id)
    ]


async def due(connection: Connection | Pool, now: datetime) -> Plan | None:
    """The first that should be carried out by now."""
    row = await connection.fetchrow(DUE, now)
    return None if row is None else Plan(*row)


async def find(connection: Connection | Pool, plan_id: UUID) -> Plan | None:
    row = await connection.fetchrow(FIND, plan_id)
    return None if row is None else Plan(*row)


async def page(connection: Connection | Pool, before: UUID | None, limit: int) -> list[Plan]:
    """The plan that was made last first."""
    return [Plan(*row) for row in await connection.fetch(PAGE, before, limit)]


async def lock(tx: Connection, plan_id: UUID) -> str | None:
    """Its status, held against others to the end of the transaction; None if there is none."""
    found: str | None = await tx.fetchval(LOCK, plan_id)
    return found


async def settle(
    tx: Connection,
    plan_id: UUID,
    status: str,
    at: datetime,
    version: int | None = None,
    wrong: Mapping[str, Any] | None = None,
) -> None:
    await tx.execute(SETTLE, plan_id, status, at, version, wrong)
