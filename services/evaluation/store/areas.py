"""The names of the areas, and which lies in which."""

from collections.abc import Sequence
from typing import NamedTuple

from services.evaluation.incoming import AreaFact
from shared.kernel.area import prefix_sql
from shared.postgres import Connection

# A retirement carries no name: the one known stays, since old cases keep their old grid.
SAVE = """
    INSERT INTO evaluation.areas AS a (path, name, level, parent, version, retired)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::boolean[])
    ON CONFLICT (path) DO UPDATE
       SET name = CASE WHEN excluded.retired THEN a.name ELSE excluded.name END,
           level = CASE WHEN excluded.retired THEN a.level ELSE excluded.level END,
           parent = CASE WHEN excluded.retired THEN a.parent ELSE excluded.parent END,
           version = excluded.version, retired = excluded.retired
     WHERE a.version < excluded.version
"""
# The area itself, those directly below it, and those whose paths are named.
NEAR = """
    SELECT path, name, retired FROM evaluation.areas
     WHERE path = $1 OR coalesce(parent, '') = $1 OR path = ANY($2::text[])
"""
# A city whose areas have not arrived yet knows none and refuses none.
EXISTS = f"""
    SELECT EXISTS (SELECT FROM evaluation.areas WHERE path = $1)
        OR EXISTS (SELECT FROM evaluation.cases WHERE {prefix_sql("routing_key", "$1")})
        OR NOT EXISTS (SELECT FROM evaluation.areas)
"""


class Area(NamedTuple):
    path: str
    name: str
    retired: bool


async def save(tx: Connection, areas: Sequence[AreaFact]) -> None:
    """Each path once; an older version than the stored one changes nothing."""
    await tx.execute(SAVE, *zip(*areas, strict=True))


async def near(tx: Connection, area: str, also: Sequence[str]) -> dict[str, Area]:
    rows = await tx.fetch(NEAR, area, list(also))
    return {row["path"]: Area(row["path"], row["name"], row["retired"]) for row in rows}


async def exists(tx: Connection, area: str) -> bool:
    """It was defined once, or a case lies in it."""
    return bool(await tx.fetchval(EXISTS, area))
