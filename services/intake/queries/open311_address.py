"""An address in words, as far as it names one area of the city."""

from services.intake.domain.open311 import UnknownAddress
from services.intake.store import open311 as store
from shared.kernel.errors import FieldError
from shared.postgres import Pool

MOST_NAMED = 5


async def grid_of(pool: Pool, address: str, *, levels: int) -> str:
    """The path of the grid in the middle of the smallest area whose name stands in `address`, and whose parents do not
    speak against it; a city of `levels` levels has no place for what names less than the level above its grids.

    Raises UnknownAddress, naming what it might be, where none is or several are. We hold no register of house numbers.
    """
    async with pool.acquire() as connection:
        found = await store.areas_named_in(connection, address)
        chosen = _chosen(found, address, levels)
        grid = await store.middle_grid(connection, chosen)
    if grid is None:
        raise _unknown(address, "names an area that has no grid")
    return grid


def _chosen(found: list[tuple[str, str]], address: str, levels: int) -> str:
    named = {path for path, _ in found}
    small = [path for path in named if path.count(".") + 1 >= levels - 1]
    if not small:
        raise _unknown(address, "names no community of this city")
    # Of areas of one name the one counts whose parents are named as well; the longest path is the smallest area.
    score = {path: (sum(path.startswith(f"{above}.") for above in named), path.count(".")) for path in small}
    best = sorted(path for path in small if score[path] == max(score.values()))
    if len(best) > 1:
        names = dict(found)
        might = ", ".join(f"{names[path]} ({path})" for path in best[:MOST_NAMED])
        raise _unknown(address, f"may be {len(best)} places: {might}")
    return best[0]


def _unknown(address: str, why: str) -> UnknownAddress:
    right = "send lat and long, or an address_id (a grid 网格), or name street and community 街道、社区 in full"
    return UnknownAddress(
        f"address_string {address[:80]!r} {why}; {right}", errors=[FieldError("/address_string", why)]
    )
