"""Find where an activity was: the grid it counts for, those it touched, its track."""

from services.intake.commands.receive_report import in_grid, place_of
from services.intake.domain.activity import Asked, Placed
from services.intake.domain.report import AtPoint, OutsideEveryGrid
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
        at = in_grid(grids, location, place, grids.locate(place))
        return Placed(at, [at], place, None)
    assert location is not None  # a patrol has its track, all others a place
    centre, path = place_of(grids, location)
    return Placed(path, [path], centre, None)
