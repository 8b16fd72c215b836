"""Record field work: find its grid, keep it with its fact, answer; what comes again is recorded once."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import orjson
import structlog

from services.intake import outgoing
from services.intake.commands.batches import Part, Shape, Work, in_parts, read_parts
from services.intake.commands.name_media import name_media
from services.intake.commands.receive_report import Desk, in_grid, place_of
from services.intake.domain import activity as domain
from services.intake.domain.activity import Activity, ActivityIdReused, Asked, Placed
from services.intake.domain.report import AtPoint, OutsideEveryGrid
from services.intake.domain.track import track
from services.intake.grids.index import GridIndex
from services.intake.store import activities as store
from services.intake.store.activities import Row, Standing
from shared.auth import Principal, authorize
from shared.bus.outbox import Outbox
from shared.kernel.area import AreaPath
from shared.kernel.errors import FieldError, Invalid, Refusal, TooLarge
from shared.kernel.place import Place, to_wgs84
from shared.postgres import Connection, is_outage, transaction

log = structlog.get_logger()

ACTION: Final = "activities:create"

# Some 500 fixes. A longer track is judged in a thread: one of 10,000 takes 0.1 to 0.25 s, in which nobody should wait.
LONG_BYTES: Final = 16_384

# A hundred a transaction: an activity with a long track is a hundred times a report.
PART: Final = 100


class ActivitiesTooMany(TooLarge):
    slug, title, title_zh = "activities-too-many", "Too many lines in one batch", "批量行数过多"


class NoActivities(Invalid):
    slug, title, title_zh = "no-activities", "The batch has no line", "批量内容为空"


class NotStorable(Invalid):
    slug, title, title_zh = "not-storable", "This cannot be stored", "无法保存"


class Recorded(NamedTuple):
    """The answer to one activity. `again`: it stood already."""

    id: str
    kind: str
    routing_key: str
    grids: Sequence[str]
    length_m: float | None
    recorded_at: str
    again: bool


class _Ready(NamedTuple):
    row: Row
    activity: Activity


Outcome: TypeAlias = Recorded | Refusal
Read: TypeAlias = Callable[[bytes], Asked]


async def record_activity(desk: Desk, outbox: Outbox, who: Principal, raw: bytes, read: Read) -> Recorded:
    """Raises what `read` raises, refusals of authorisation, of times, place, track and media, and ActivityIdReused."""
    authorize(who, ACTION)
    ready = await _prepare(desk, who, raw, read)
    async with transaction(desk.pool) as tx:
        (outcome,) = await _store(tx, outbox, [(0, ready)])
    outbox.ring()
    if isinstance(outcome[1], Refusal):
        raise outcome[1]
    return outcome[1]


class Batch(NamedTuple):
    """A batch as it comes in: see `receive_batch.Batch`."""

    chunks: AsyncGenerator[bytes]
    most_lines: int
    line_bytes: int
    read: Read
    render: Callable[[Sequence[tuple[int, Outcome]]], bytes]
    stopped: Callable[[int, Exception], bytes]


def record_activities(desk: Desk, outbox: Outbox, who: Principal, batch: Batch) -> AsyncIterator[bytes]:
    """The rendered answers as `in_parts` gives them; a line that is refused costs the others nothing. Raises what
    `authorize` and it raise.
    """
    authorize(who, ACTION)
    shape = Shape(batch.most_lines, PART, batch.line_bytes, ActivitiesTooMany, NoActivities, "/v1/activities")

    async def prepare(part: Part) -> list[tuple[int, _Ready | Refusal]]:
        found: list[tuple[int, _Ready | Refusal]] = []
        for number, line in part.lines:
            try:
                if isinstance(line, Refusal):
                    raise line
                found.append((number, await _prepare(desk, who, line, batch.read)))
            except Refusal as refusal:
                found.append((number, refusal))
            await asyncio.sleep(0)  # others have their turn between two
        return found

    async def store_part(_: int, part: Part, found: list[tuple[int, _Ready | Refusal]]) -> bytes:
        ready = [(number, each) for number, each in found if not isinstance(each, Refusal)]
        outcomes: dict[int, Outcome] = {number: each for number, each in found if isinstance(each, Refusal)}
        if ready:
            async with transaction(desk.pool) as tx:
                outcomes.update(await _store_each(tx, outbox, ready))
            outbox.ring()
        return batch.render([(number, outcomes[number]) for number, _ in part.lines])

    def refused(numbers: Sequence[int], why: Refusal) -> bytes:
        return batch.render([(number, why) for number in numbers])

    parts = read_parts(batch.chunks, shape, b"")
    return in_parts(parts, Work(prepare, store_part, refused, batch.stopped))


async def _prepare(desk: Desk, who: Principal, raw: bytes, read: Read) -> _Ready:
    now, grids = desk.clock(), desk.grids.current

    def placed_one() -> tuple[Asked, Placed]:
        asked = read(raw)
        domain.check(asked, now)
        return asked, _place(grids, asked)

    asked, placed = await asyncio.to_thread(placed_one) if len(raw) > LONG_BYTES else placed_one()
    if not who.area.covers(placed.routing_key):
        authorize(who, ACTION, AreaPath(placed.routing_key))
    if asked.media:
        await name_media(desk.pool, who.subject, asked.media, now)
    activity, personal = domain.record(asked, placed, worker=who.subject, post=who.post or who.kind, now=now)
    sealed = None
    if personal is not None:
        secret = orjson.dumps({"person": personal.person and personal.person._asdict(), "details": personal.details})
        sealed = desk.sealer.lock_up(asked.id.bytes, secret)
    return _Ready(_row(activity, sealed, _content(asked, who)), activity)


def _content(asked: Asked, who: Principal) -> bytes:
    """What it is recognised by when it comes again: who sent it, and every value of it."""
    return hashlib.sha256(orjson.dumps((who.subject, asked), default=tuple, option=orjson.OPT_SORT_KEYS)).digest()[:16]


def _row(activity: Activity, sealed: bytes | None, content: bytes) -> Row:
    placed = activity.placed
    details = dict(activity.details)
    if placed.track is not None:
        kept = placed.track
        details |= {"length_m": kept.length_m, "recorded": kept.recorded, "tolerance_m": kept.tolerance_m}
    lists: dict[str, Any] = {"grids": placed.grids, "media": activity.media, "reports": activity.reports}
    if placed.track is not None:
        lists["track"] = [[round(f[0], 6), round(f[1], 6), f[2]] for f in placed.track.fixes]
    return Row(
        activity.id,
        activity.kind,
        activity.worker,
        activity.post,
        placed.routing_key,
        placed.place.lon,
        placed.place.lat,
        activity.started_at,
        activity.ended_at,
        activity.recorded_at,
        details,
        lists,
        sealed,
        content,
    )


def _place(grids: GridIndex, asked: Asked) -> Placed:
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


async def _store_each(tx: Connection, outbox: Outbox, ready: Sequence[tuple[int, _Ready]]) -> list[tuple[int, Outcome]]:
    """Store, bisecting around one that the database refuses."""
    try:
        async with tx.transaction():
            return await _store(tx, outbox, ready)
    except Exception as error:
        if is_outage(error):
            raise
        if len(ready) == 1:
            number, (row, _) = ready[0]
            log.error("an activity could not be stored", activity=str(row.id), exc_info=error)
            return [(number, NotStorable(f"the database does not take it: {type(error).__name__}"))]
        half = len(ready) // 2
        return await _store_each(tx, outbox, ready[:half]) + await _store_each(tx, outbox, ready[half:])


async def _store(tx: Connection, outbox: Outbox, ready: Sequence[tuple[int, _Ready]]) -> list[tuple[int, Outcome]]:
    first: dict[str, _Ready] = {}
    for _, each in ready:
        first.setdefault(str(each.row.id), each)
    fresh = await store.add(tx, [each.row for each in first.values()])
    await outbox.add(tx, [outgoing.activity_recorded(e.activity) for e in first.values() if e.row.id in fresh])
    old = await store.standing(tx, [each.row.id for each in first.values() if each.row.id not in fresh])
    outcomes: list[tuple[int, Outcome]] = []
    for number, each in ready:
        row = each.row
        stands = old.get(row.id)
        kept = first[str(row.id)].row
        content = kept.content if stands is None else stands.content
        if content != row.content:
            outcomes.append((number, _reused(row)))
            continue
        by = kept if stands is None else stands
        outcomes.append(
            (
                number,
                Recorded(
                    str(row.id),
                    row.kind,
                    by.routing_key,
                    by.grids if isinstance(by, Standing) else by.lists["grids"],
                    by.details.get("length_m"),
                    by.recorded_at.isoformat(),
                    again=each is not first[str(row.id)] or stands is not None,
                ),
            )
        )
    return outcomes


def _reused(row: Row) -> ActivityIdReused:
    return ActivityIdReused(
        f"{row.id} was used for an activity with other content, or by somebody else; make a fresh UUIDv7",
        errors=[FieldError("/id", "already used for another activity")],
    )
