"""The areas of the city as intake defines them: where a case may be moved to."""

from collections.abc import Sequence
from typing import NamedTuple

from shared.kernel.area import AreaPath
from shared.postgres import Connection

SAVE = """
    INSERT INTO dispatch.areas AS a (path, level, version, retired)
    SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::boolean[])
    ON CONFLICT (path) DO UPDATE
       SET level = CASE WHEN excluded.retired THEN a.level ELSE excluded.level END,
           version = excluded.version, retired = excluded.retired
     WHERE a.version < excluded.version
"""
KNOWN = "SELECT EXISTS (SELECT FROM dispatch.areas WHERE path = $1 AND NOT retired)"


class AreaRow(NamedTuple):
    path: str
    level: str
    version: int
    retired: bool


async def save(tx: Connection, areas: Sequence[AreaRow]) -> None:
    """Each path once; an older version than the stored one changes nothing."""
    await tx.execute(SAVE, *zip(*areas, strict=True))


async def known(tx: Connection, path: AreaPath) -> bool:
    """Whether the area is in use."""
    found: bool = await tx.fetchval(KNOWN, path)
    return found
