"""Handling units, as the pack names them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from shared.kernel.area import AreaPath, prefix_sql
from shared.postgres import Connection

# Written only where something differs: every start of every replica comes by.
LOAD = """
    INSERT INTO dispatch.units AS u (code, name_zh, name_en, dept, area)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    ON CONFLICT (code) DO UPDATE
       SET name_zh = excluded.name_zh, name_en = excluded.name_en, dept = excluded.dept, area = excluded.area,
           retired = false
     WHERE (u.name_zh, u.name_en, u.dept, u.area, u.retired)
           IS DISTINCT FROM (excluded.name_zh, excluded.name_en, excluded.dept, excluded.area, false)
"""
# A unit that the pack no longer names stays for the cases it had.
RETIRE = "UPDATE dispatch.units SET retired = true WHERE NOT retired AND NOT code = ANY ($1::text[])"

# A unit is for an area if it works in a part of it, or the area is a part of the unit's own.
PAGE = f"""
    SELECT u.code, u.name_zh, u.name_en, u.dept, u.area FROM dispatch.units u
     WHERE NOT u.retired AND u.code > $2
       AND ({prefix_sql("u.area", "$1")} OR u.area = '' OR u.area = $1 OR starts_with($1, u.area || '.'))
     ORDER BY u.code
     LIMIT $3
"""


class UnitRow(NamedTuple):
    code: str
    name_zh: str
    name_en: str
    dept: str
    area: str


async def load(tx: Connection, units: Sequence[UnitRow]) -> None:
    """Make the table say what the pack says; doing it again changes nothing."""
    ordered = sorted(units)
    await tx.execute(LOAD, *([unit[n] for unit in ordered] for n in range(5)))
    await tx.execute(RETIRE, [unit.code for unit in ordered])


async def page(tx: Connection, area: AreaPath, after: str, limit: int) -> list[dict[str, Any]]:
    """Units that work in `area`, by code: {code, name, name_en, dept, area}."""
    rows = await tx.fetch(PAGE, area, after, limit)
    return [
        {
            "code": row["code"],
            "name": row["name_zh"],
            "name_en": row["name_en"],
            "dept": row["dept"],
            "area": row["area"],
        }
        for row in rows
    ]
