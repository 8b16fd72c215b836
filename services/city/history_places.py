"""Where the cases of a history file lie: areas as intake has or had them, for dispatch, which knows none."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from services.dispatch.domain.case import Place
from services.intake.grids.index import Grid, GridIndex
from services.intake.store import areas as store
from shared.kernel.area import AreaPath
from shared.kernel.place import Place as Point
from shared.packs import Pack
from shared.postgres import Connection


class CityPlaces:
    """Grids by point, centres by path. Sent to the process that reads a file, where it builds its index."""

    def __init__(self, grids: Sequence[Grid], centres: dict[str, Point]) -> None:
        self._grids = grids
        self._centres = centres

    @cached_property
    def _index(self) -> GridIndex:
        return GridIndex(self._grids, 0)

    @cached_property
    def _paths(self) -> dict[str, str]:
        return {path.replace(".", ""): path for path in self._centres}

    def __reduce__(self) -> tuple[Any, ...]:
        return CityPlaces, (self._grids, self._centres)

    def grids_at(self, places: Sequence[Place]) -> list[str | None]:
        """The grid that holds each of `places`."""
        return self._index.locate_all([Point(place.lon, place.lat) for place in places])

    def path_of(self, area: str) -> str | None:
        """The path of an area that is or was one of this city, named by it or by the same digits without dots."""
        return area if area in self._centres else self._paths.get(area)

    def centre_of(self, path: str) -> Place | None:
        """A point inside the area, or inside the next larger one that is known."""
        here = AreaPath(path)
        while here:
            if (centre := self._centres.get(here)) is not None:
                return Place(centre.lon, centre.lat)
            here = here.parent
        return None


async def city_places(connection: Connection, pack: Pack) -> CityPlaces:
    """The places of the city as intake defines them now, and the centres of all that ever were."""
    grids = [Grid(*row) for row in await store.grids(connection, pack.levels[-1].key)]
    return CityPlaces(grids, await store.centres(connection))
