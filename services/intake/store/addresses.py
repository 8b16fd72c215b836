"""Areas by what they are called."""

from services.intake.domain.address import NamedArea
from shared.kernel.area import AreaPath
from shared.postgres import Connection, Pool

NAMES = "SELECT path, name FROM intake.areas WHERE ended_at IS NULL AND level <> $1 ORDER BY path"
# One that the address names, first; two, to know whether there is but one.
GRIDS_BELOW = """
    SELECT path, position(name in $3) > 0 AS named FROM intake.areas
     WHERE ended_at IS NULL AND level = $1 AND path > $2::text || '.' AND path < $2::text || '/'
     ORDER BY named DESC, path LIMIT 2
"""


async def names(connection: Connection | Pool, grid_level: str) -> list[NamedArea]:
    """Every area above the grids."""
    return [NamedArea(AreaPath(path), name) for path, name in await connection.fetch(NAMES, grid_level)]


async def grids_below(
    connection: Connection | Pool, grid_level: str, path: str, address: str
) -> list[tuple[str, bool]]:
    """The first grids of an area, at the most two, those whose name stands in the address before the others."""
    return [(row[0], row[1]) for row in await connection.fetch(GRIDS_BELOW, grid_level, path, address)]
