"""Who has work in hand: units that open cases were dispatched to, persons whom open tasks wait for."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from services.dispatch.store.wanted import OPEN, Sight
from shared.kernel.area import AreaPath, prefix_sql
from shared.postgres import Connection

# A unit that was sent a case has it until the case ends or goes to another; where it only assists it is counted apart.
UNITS = f"""
    SELECT code, led, assisted FROM unnest($1::text[]) AS u (code),
         LATERAL (SELECT count(*) AS led FROM dispatch.cases c
                   WHERE c.unit = u.code AND c.status = ANY ($2::text[])
                     AND {prefix_sql("c.area", "$3")} AND ($4::text IS NULL OR c.unit = $4)) AS l,
         LATERAL (SELECT count(*) AS assisted FROM dispatch.cases c
                   WHERE c.assisting <> '{{}}' AND c.assisting @> ARRAY[u.code] AND c.status = ANY ($2::text[])
                     AND {prefix_sql("c.area", "$3")} AND ($4::text IS NULL OR c.unit = $4)) AS a
     WHERE led + assisted > 0
     ORDER BY code
"""
NUMBERS = """
    SELECT c.number FROM dispatch.cases c
     WHERE c.unit = $1 AND c.status = ANY ($2::text[]) ORDER BY c.id LIMIT $3
"""
PERSONS = f"""
    SELECT c.assignee AS subject, count(*) AS tasks
      FROM dispatch.cases c JOIN unnest($1::text[], $2::text[]) AS p (subject, reach) ON p.subject = c.assignee
     WHERE c.task_id IS NOT NULL AND {prefix_sql("c.area", "$3")}
       AND (p.reach <> '' AND c.area <> p.reach AND NOT starts_with(c.area, p.reach || '.')) IS NOT FALSE
     GROUP BY 1 ORDER BY 1
"""


class Holding(NamedTuple):
    """Open cases that a unit leads, and those it assists in."""

    led: int
    assisted: int


async def units(connection: Connection, codes: Collection[str], sight: Sight) -> dict[str, Holding]:
    """Of these units those that have open cases in hand, as far as the caller may see."""
    rows = await connection.fetch(UNITS, list(codes), OPEN, sight.area, sight.unit)
    return {row["code"]: Holding(row["led"], row["assisted"]) for row in rows}


async def case_numbers(connection: Connection, code: str, limit: int) -> list[str]:
    """Numbers of the oldest open cases of a unit."""
    return [row["number"] for row in await connection.fetch(NUMBERS, code, OPEN, limit)]


async def persons(connection: Connection, reach: Mapping[str, AreaPath | None], seen: AreaPath) -> dict[str, int]:
    """Of these persons those whom open verifications and checks wait for that they cannot answer, and how many.

    `reach` has the area in which each can answer, None for nowhere; `seen` is what the caller sees.
    """
    rows = await connection.fetch(PERSONS, list(reach), list(reach.values()), seen)
    return {row["subject"]: row["tasks"] for row in rows}
