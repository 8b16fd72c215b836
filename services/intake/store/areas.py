"""Areas: defined by the thousand, read whole by the index and page by page by people."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from services.intake.domain.area import Area, Defined
from shared.kernel.area import AreaPath
from shared.kernel.place import Place
from shared.postgres import Connection, Pool

# Rows in one turn of the event loop, to or from the database: a few milliseconds.
PART = 1_000

HEAD = "SELECT version FROM intake.areas_head"
LOCK_HEAD = "SELECT version FROM intake.areas_head FOR UPDATE"
COUNT = "SELECT count(*) FROM intake.areas WHERE ended_at IS NULL"
RAISE_HEAD = "UPDATE intake.areas_head SET version = version + 1 RETURNING version"
CURRENT = "SELECT path, version, name, level, fingerprint, geometry FROM intake.areas WHERE ended_at IS NULL"
ENDED = "SELECT DISTINCT path FROM intake.areas WHERE path = ANY($1::text[])"
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
_COLUMNS_PART = """
    path, name, level, CASE WHEN $1 THEN geometry END, lon, lat, version, fingerprint, defined_at, ended_at
"""
FIND = f"SELECT {_COLUMNS_PART} FROM intake.areas WHERE path = $2 AND ended_at IS NULL"
# Of versions that began at one instant the last one counts: the others were in force for no time.
FIND_AT = f"""
    SELECT {_COLUMNS_PART} FROM intake.areas
     WHERE path = $2 AND defined_at <= $3 AND (ended_at IS NULL OR ended_at > $3)
     ORDER BY version DESC LIMIT 1
"""
_BELOW_PART = """
    path > $2 AND ($4::text IS NULL OR level = $4)
       AND ($3::text IS NULL OR parent = $3 OR ($4 IS NOT NULL AND path > $3 || '.' AND path < $3 || '/'))
"""
PAGE = f"""
    SELECT {_COLUMNS_PART} FROM intake.areas WHERE ended_at IS NULL AND {_BELOW_PART} ORDER BY path LIMIT $5
"""
PAGE_AT = f"""
    SELECT {_COLUMNS_PART} FROM intake.areas
     WHERE defined_at <= $6 AND (ended_at IS NULL OR ended_at > $6) AND {_BELOW_PART} ORDER BY path LIMIT $5
"""
HISTORY = f"SELECT {_COLUMNS_PART} FROM intake.areas WHERE path = $2 ORDER BY version DESC LIMIT $3"


async def head(connection: Connection | Pool) -> int:
    """The version of the areas as a whole: rises with every import that changed something."""
    return int(await connection.fetchval(HEAD))


async def count(pool: Pool) -> int:
    """How many areas stand."""
    return int(await pool.fetchval(COUNT))


async def lock_head(tx: Connection) -> int:
    """The same, held against other imports to the end of the transaction."""
    return int(await tx.fetchval(LOCK_HEAD))


async def raise_head(tx: Connection) -> int:
    return int(await tx.fetchval(RAISE_HEAD))


async def current(tx: Connection) -> dict[str, Defined]:
    """Every area that stands, by path; read in parts, so that no turn of the event loop takes long."""
    cursor = await tx.cursor(CURRENT)
    found: dict[str, Defined] = {}
    while rows := await cursor.fetch(PART):
        found.update((row[0], Defined(*row[1:])) for row in rows)
    return found


async def ever(connection: Connection | Pool, paths: Sequence[str]) -> set[str]:
    """Those of `paths` that are or were areas."""
    return {row["path"] for row in await connection.fetch(ENDED, list(paths))} if paths else set()


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
    """Areas that stand from `at` on."""
    for begin in range(0, len(areas), PART):
        await _add_part(tx, areas[begin : begin + PART], at)


async def _add_part(tx: Connection, areas: Sequence[Area], at: datetime) -> None:
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


async def find(connection: Connection | Pool, path: str, *, geometry: bool, at: datetime | None = None) -> Area | None:
    """The area as it stands, or as it stood at a time."""
    if at is None:
        row = await connection.fetchrow(FIND, geometry, path)
    else:
        row = await connection.fetchrow(FIND_AT, geometry, path, at)
    return None if row is None else _area(*row)


async def history(connection: Connection | Pool, path: str, limit: int) -> list[Area]:
    """The versions of an area, the youngest first, without geometry."""
    return [_area(*row) for row in await connection.fetch(HISTORY, False, path, limit)]


async def page(
    connection: Connection | Pool,
    *,
    after: str,
    parent: str | None,
    level: str | None,
    limit: int,
    geometry: bool,
    at: datetime | None = None,
) -> list[Area]:
    """Areas in path order from behind `after`, as they stand or stood at a time; if given only those of `level` and
    those below `parent`: directly below it, or with `level` anywhere.
    """
    if at is None:
        rows = await connection.fetch(PAGE, geometry, after, parent, level, limit)
    else:
        rows = await connection.fetch(PAGE_AT, geometry, after, parent, level, limit, at)
    return [_area(*row) for row in rows]


def _area(
    path: str,
    name: str,
    level: str,
    geometry: bytes | None,
    lon: float | None,
    lat: float | None,
    version: int,
    fingerprint: bytes,
    since: datetime,
    until: datetime | None,
) -> Area:
    centre = None if lon is None or lat is None else Place(lon, lat)
    return Area(AreaPath(path), name, level, geometry, centre, version, fingerprint, since, until)
