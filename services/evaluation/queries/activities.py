"""What field workers did in a period, a line for each."""

from pydantic import BaseModel

from services.evaluation.domain.period import Period
from services.evaluation.store import activities as store
from shared.http import Listing, decode_cursor, encode_cursor
from shared.kernel.area import AreaPath
from shared.postgres import Pool


class WorkerActivities(BaseModel):
    """Activities 工作记录 that began in the period, by kind; on how many `days`; `minutes` they took together, metres
    walked on patrol, matters `handled` on the spot, hazards found, and reports that came of it.
    """

    worker: str
    period: str
    patrols: int
    visits: int
    inspections: int
    diaries: int
    meetings: int
    days: int
    minutes: int
    length_m: float
    handled: int
    hazards: int
    reports: int


async def worker_activities(
    pool: Pool, period: Period, area: AreaPath, zone: str, *, cursor: str | None, limit: int
) -> Listing[WorkerActivities]:
    """In the order of the workers. Raises BadCursor."""
    after = "" if cursor is None else str(decode_cursor(cursor, 1)[0])
    found = await store.count(pool, period.start, period.end, area, after, limit + 1, zone)
    items = []
    for count in found[:limit]:
        counted = count._asdict()
        minutes = counted.pop("seconds") // 60
        items.append(WorkerActivities(**counted, minutes=minutes, period=period.name))
    following = encode_cursor(found[limit - 1].worker) if len(found) > limit else None
    return Listing(items=items, next=following)
