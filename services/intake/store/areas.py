"""Areas: defined by the thousand, read whole by the index and page by page by people."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import NamedTuple

from services.intake.domain.area import Area
from shared.kernel.area import AreaPath
from shared.kernel.place import Place
from shared.postgres import Connection, Pool


class Defined(NamedTuple):
    """The current definition of an area, as far as an import has to know it."""

    version: int
    level: str
    fingerprint: bytes
    geometry: bytes | None


HEAD = "SELECT version FROM intake.areas_head"
LOCK_HEAD = "SELECT version FROM intake.areas_head FOR UPDATE"
RAISE_HEAD = "UPDATE intake.areas_head SET version = version + 1 RETURNING version"
CURRENT = "SELECT path, version, level, fingerprint, geometry FROM intake.areas WHERE ended_at IS NULL"
GRIDS = "SELECT path, geometry, lon, lat FROM intake.areas WHERE ended_at IS NULL AND level = $1 ORDER BY path"
# Of every area that is or was, by its newest definition.
CENTRES = """
    SELECT DISTINCT ON (path) path, lon, lat FROM intake.areas WHERE lon IS NOT NULL ORDER BY path, version DESC
"""
END = "UPDATE intake.areas SET ended_at = $2 WHERE path = ANY($1::text[]) AND ended_at IS NULL"
ADD = """
    INSERT INTO intake.areas (path, version, name, level, parent, geometry, lon, lat, fingerprint, defined_at)
    SELECT path, version, name, level, parent, geometry, lon, lat, fingerprint, $10
      FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::float8[], $8::float8[],
                  $9::bytea[]) AS a (path, version, name, level, parent, geometry, lon, lat, fingerprint)
"""
_COLUMNS_PART = "path, name, level, CASE WHEN $1 THEN geometry END, lon, lat, version, fingerprint"
FIND = f"SELECT {_COLUMNS_PART} FROM intake.areas WHERE path = $2 AND ended_at IS NULL"
PAGE = f"""
    SELECT {_COLUMNS_PART} FROM intake.areas
     WHERE ended_at IS NULL AND path > $2 AND ($4::text IS NULL OR level = $4)
       AND ($3::text IS NULL OR parent = $3 OR ($4 IS NOT NULL AND path > $3 || '.' AND path < $3 || '/'))
     ORDER BY path LIMIT $5
"""


async def head(connection: Connection | Pool) -> int:
    """The version of the areas as a whole: rises with every import that changed something."""
    return int(await connection.fetchval(HEAD))


async def lock_head(tx: Connection) -> int:
    """The same, held against other imports to the end of the transaction."""
    return int(await tx.fetchval(LOCK_HEAD))


async def raise_head(tx: Connection) -> int:
    return int(await tx.fetchval(RAISE_HEAD))


async def current(connection: Connection | Pool) -> dict[str, Defined]:
    return {row[0]: Defined(*row[1:]) for row in await connection.fetch(CURRENT)}


async def grids(connection: Connection, level: str) -> list[tuple[str, bytes | None, Place | None]]:
    """Path, geometry and centre of every area of `level`."""
    rows = await connection.fetch(GRIDS, level)
    return [(path, geometry, None if lon is None else Place(lon, lat)) for path, geometry, lon, lat in rows]


async def grids_in_parts(
    tx: Connection, level: str, size: int
) -> AsyncIterator[list[tuple[str, bytes | None, Place | None]]]:
    """The same in path order, `size` at a time, so that no turn of the event loop takes long."""
    cursor = await tx.cursor(GRIDS, level)
    while rows := await cursor.fetch(size):
        yield [(path, geometry, None if lon is None else Place(lon, lat)) for path, geometry, lon, lat in rows]


async def centres(connection: Connection) -> dict[str, Place]:
    """A point inside each area that is or was one."""
    return {path: Place(lon, lat) for path, lon, lat in await connection.fetch(CENTRES)}


async def end(tx: Connection, paths: Sequence[str], at: datetime) -> None:
    await tx.execute(END, list(paths), at)


async def add(tx: Connection, areas: Sequence[Area], at: datetime) -> None:
    await tx.execute(
        ADD,
        [str(a.path) for a in areas],
        [a.version for a in areas],
        [a.name for a in areas],
        [a.level for a in areas],
        [str(a.path.parent) for a in areas],
        [a.geometry for a in areas],
        [a.centre.lon if a.centre else None for a in areas],
        [a.centre.lat if a.centre else None for a in areas],
        [a.fingerprint for a in areas],
        at,
    )


async def find(connection: Connection | Pool, path: str, *, geometry: bool) -> Area | None:
    row = await connection.fetchrow(FIND, geometry, path)
    return None if row is None else _area(*row)


async def page(
    connection: Connection | Pool, *, after: str, parent: str | None, level: str | None, limit: int, geometry: bool
) -> list[Area]:
    """Areas in path order from behind `after`; if given only those of `level` and those below `parent`:
    directly below it, or with `level` anywhere.
    """
    return [_area(*row) for row in await connection.fetch(PAGE, geometry, after, parent, level, limit)]


def _area(
    path: str,
    name: str,
    level: str,
    geometry: bytes | None,
    lon: float | None,
    lat: float | None,
    version: int,
    fingerprint: bytes,
) -> Area:
    centre = None if lon is None or lat is None else Place(lon, lat)
    return Area(AreaPath(path), name, level, geometry, centre, version, fingerprint)
