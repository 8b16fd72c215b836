"""A report whose place is an address in words: the area that it names, and a grid in it."""

from services.intake.domain.address import POINTER, NamedArea, UnknownAddress, area_named
from services.intake.domain.report import Asked, AtAddress, AtComponent, AtPoint, InGrid
from services.intake.store import addresses as store
from shared.kernel.errors import FieldError
from shared.postgres import Pool


class AreaNames:
    """The names of the areas above the grids, which are `depth` segments deep and of the level `grid`; read once for
    each version of the areas.
    """

    def __init__(self, grid: str, depth: int) -> None:
        self.grid = grid
        self.depth = depth
        self._version: int | None = None
        self._names: list[NamedArea] = []

    async def of(self, pool: Pool, version: int) -> list[NamedArea]:
        """Those of this version."""
        if self._version != version:
            self._names = await store.names(pool, self.grid)
            self._version = version
        return self._names


async def at_address(
    pool: Pool, names: AreaNames, version: int, asked: Asked
) -> tuple[Asked, AtPoint | InGrid | AtComponent]:
    """The report, and where it says that it is: for an address in a grid of the area that it names, the one that is
    named too, or its first.

    `approximate`, unless the grid was named or is the only one. Any other report comes back as it is. `version` is that
    of the areas in use. Raises UnknownAddress, AmbiguousAddress.
    """
    if not isinstance(asked.location, AtAddress):
        return asked, asked.location
    address = asked.location.address
    area = area_named(address, await names.of(pool, version), names.depth - 1)
    below = await store.grids_below(pool, names.grid, area.path, address)
    if not below:
        raise UnknownAddress(
            f"{area.name} ({area.path}) has no grid; send lon and lat, or a grid",
            errors=[FieldError(POINTER, "names an area without grids")],
        )
    (path, named), *others = below
    grid = InGrid(path)
    return asked._replace(location=grid, approximate=bool(others) and not named), grid
