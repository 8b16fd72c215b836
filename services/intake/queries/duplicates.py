"""What was reported already near a place: asked before posting, so that whoever stands there need not type it again."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from services.intake.domain.duplicates import Likenesses, Seen, alike, spots
from services.intake.domain.report import RECEIVED, UnknownCategory
from services.intake.store import clusters as store
from shared.auth import OutsideScope, Principal, authorize
from shared.kernel.errors import FieldError
from shared.kernel.ids import uuid7
from shared.kernel.place import Place
from shared.packs import Pack
from shared.postgres import Pool


class PointView(BaseModel):
    lon: float
    lat: float


class DuplicateView(BaseModel):
    """A matter that was reported and is not settled. A report sent now joins the nearest."""

    report_id: UUID = Field(description="the first report of it: `merged_into` of those that join")
    category: str
    location: PointView
    distance_m: float
    seen_at: datetime
    reports: int
    status: str
    case_id: UUID | None


class DuplicatesView(BaseModel):
    """The nearest first; none, where nothing is near or the category's reports are never merged."""

    items: list[DuplicateView]


async def duplicates(
    pool: Pool, pack: Pack, likenesses: Likenesses, who: Principal, category: str, place: Place, now: datetime
) -> DuplicatesView:
    """What a report of `category` at `place` would join now. Raises UnknownCategory, OutsideScope."""
    authorize(who, "reports:create")
    if category not in pack.categories:
        raise UnknownCategory(
            f"{category[:64]!r} is not in the catalogue; GET /intake/v1/catalogue lists what may be reported",
            errors=[FieldError("?category", "not in the catalogue")],
        )
    if who.categories is not None and category not in who.categories:
        raise OutsideScope(
            f"{who.subject} may not report {category}", errors=[FieldError("?category", "outside the key's categories")]
        )
    likeness = likenesses.get(category)
    if likeness is None:
        return DuplicatesView(items=[])
    seen = Seen(uuid7(), category, place.lon, place.lat, now)
    found = [
        (away, each)
        for each in await store.look(pool, spots(likeness, place.lon, place.lat))
        if (away := alike(seen, each.cluster, likenesses)) is not None and who.area.covers(each.area)
    ]
    return DuplicatesView(
        items=[
            DuplicateView(
                report_id=each.cluster.id,
                category=each.cluster.category,
                location=PointView(lon=each.cluster.lon, lat=each.cluster.lat),
                distance_m=round(away, 1),
                seen_at=each.cluster.at,
                reports=each.cluster.reports,
                status=each.status or RECEIVED,
                case_id=each.case_id,
            )
            for away, each in sorted(found, key=lambda one: (one[0], one[1].cluster.id))
        ]
    )
