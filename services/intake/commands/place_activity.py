"""Find where an activity was: the grid it counts for, those it touched, its track."""

from services.intake.domain.activity import Asked, Placed
from services.intake.domain.masking import mask
from services.intake.domain.report import AtPoint, InGrid, OutsideEveryGrid, UnknownGrid
from services.intake.domain.track import track
from services.intake.grids.index import GridIndex
from shared.kernel.errors import FieldError
from shared.kernel.place import Place, to_wgs84


def place_activity(grids: GridIndex, asked: Asked) -> Placed:
    """Raises OutsideEveryGrid, UnknownGrid, and what `track` raises."""
    if asked.fixes:
        kept = track(asked.fixes, (asked.ended_at - asked.started_at).total_seconds())
        found = grids.locate_all([Place(fix.lon, fix.lat) for fix in asked.fixes])
        touched: dict[str, int] = {}
        for grid in found:
            if grid is not None:
                touched[grid] = touched.get(grid, 0) + 1
        if not touched:
            raise OutsideEveryGrid(
                "no fix of the track lies in a grid of this city; check longitude and latitude, and the datum",
                errors=[FieldError("/track", "in no grid of this city")],
            )
        # It counts for the grid where most of it was; of two alike, for the one that came first.
        counts_for = max(touched, key=lambda grid: touched[grid])
        fix = asked.fixes[found.index(counts_for)]
        return Placed(counts_for, list(touched), Place(fix.lon, fix.lat), kept)
    location = asked.location
    if isinstance(location, AtPoint):
        place = to_wgs84(*location)
        at = grids.locate(place)
        if at is None:
            raise OutsideEveryGrid(
                f"longitude, latitude {place.lon:.6f}, {place.lat:.6f} (WGS 84) lies in no grid of this city; "
                "check the order and the datum",
                errors=[FieldError("/location", "in no grid of this city")],
            )
        return Placed(at, [at], place, None)
    assert isinstance(location, InGrid)
    path = grids.path_of(location.grid)
    centre = None if path is None else grids.centre_of(path)
    if path is None or centre is None:
        raise UnknownGrid(
            f"there is no grid {mask(location.grid[:80])!r}; GET /intake/v1/areas?level=grid lists them",
            errors=[FieldError("/location/grid", "no such grid")],
        )
    return Placed(path, [path], centre, None)
