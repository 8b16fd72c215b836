"""Record field work: find its grid, seal whom it names, keep it with its fact, answer; what comes again stands once."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import orjson
import structlog

from services.intake import outgoing
from services.intake.commands.batches import Line, Part, Shape, Work, in_parts, read_parts
from services.intake.commands.name_media import name_each
from services.intake.commands.place_activity import place_activity
from services.intake.commands.read_personal import Once, note_once
from services.intake.commands.receive_report import Desk
from services.intake.commands.seal_visited import Sealed, add_subjects, hold_subjects, seal_visited
from services.intake.domain import activity as domain
from services.intake.domain.activity import Activity, ActivityIdReused, Asked, Personal, Placed
from services.intake.store import activities as store
from services.intake.store.activities import Row, Standing
from shared.auth import Principal, authorize
from shared.bus.outbox import Outbox
from shared.idempotency import keyed_hash
from shared.kernel.area import AreaPath
from shared.kernel.errors import FieldError, Invalid, Refusal, TooLarge
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


class _Read(NamedTuple):
    """An activity as it was read. `content`: what it is recognised by, unkeyed."""

    activity: Activity
    personal: Personal | None
    content: bytes


class _Ready(NamedTuple):
    row: Row
    read: _Read
    sealed: Sealed | None


Outcome: TypeAlias = Recorded | Refusal
Outcomes: TypeAlias = list[tuple[int, Outcome]]
Reader: TypeAlias = Callable[[bytes], Asked]


class _Prepared(NamedTuple):
    """Lines that can be stored, and what became of the others."""

    ready: list[tuple[int, _Ready]]
    refused: dict[int, Outcome]


async def record_activity(
    desk: Desk, outbox: Outbox, who: Principal, raw: bytes, read: Reader, once: Once | None = None
) -> Recorded:
    """Raises what `read` raises, refusals of authorisation, of times, place, track and media, ActivityIdReused,
    KeyReused, InFlight, SubjectBusy, PersonalKeyMissing.
    """
    authorize(who, ACTION)
    outcome = (await _record(desk, outbox, who, await _prepare(desk, who, [(0, raw)], read), once))[0]
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


class Batch(NamedTuple):
    """A batch as it comes in: see `receive_batch.Batch`."""

    chunks: AsyncGenerator[bytes]
    most_lines: int
    line_bytes: int
    read: Reader
    render: Callable[[Sequence[tuple[int, Outcome]]], bytes]
    stopped: Callable[[int, Exception], bytes]
    key: str | None
    address: str


def record_activities(desk: Desk, outbox: Outbox, who: Principal, batch: Batch) -> AsyncIterator[bytes]:
    """The rendered answers as `in_parts` gives them; a line that is refused costs the others nothing. What comes again
    under its Idempotency-Key is refused with other content; with the same it is recorded again, which changes nothing,
    for the ids are the same. Raises what `authorize` and `in_parts` raise.
    """
    authorize(who, ACTION)
    shape = Shape(batch.most_lines, PART, batch.line_bytes, ActivitiesTooMany, NoActivities, "/v1/activities")

    async def prepare(part: Part) -> _Prepared:
        return await _prepare(desk, who, part.lines, batch.read)

    async def store_part(n: int, part: Part, prepared: _Prepared) -> bytes:
        once = None
        if batch.key is not None:
            asked = keyed_hash(await desk.vault.secret(), "POST", batch.address, part.digest)
            once = Once(f"{batch.key}/{n}", asked)
        outcomes = await _record(desk, outbox, who, prepared, once)
        return batch.render([(number, outcomes[number]) for number, _ in part.lines])

    def refused(numbers: Sequence[int], why: Refusal) -> bytes:
        return batch.render([(number, why) for number in numbers])

    parts = read_parts(batch.chunks, shape)
    return in_parts(parts, Work(prepare, store_part, refused, batch.stopped))


async def _prepare(desk: Desk, who: Principal, lines: Sequence[Line], read: Reader) -> _Prepared:
    each: dict[int, _Read] = {}
    outcomes: dict[int, Outcome] = {}
    for number, line in lines:
        try:
            if isinstance(line, Refusal):
                raise line
            each[number] = await _read_line(desk, who, line, read)
        except Refusal as refusal:
            outcomes[number] = refusal
        await asyncio.sleep(0)  # others have their turn between two
    named = {number: one.activity.media for number, one in each.items() if one.activity.media}
    if named:  # before it is stored: no sweep comes between
        outcomes |= await name_each(desk.pool, who.subject, named, desk.clock())
    return _Prepared(
        await _ready(desk, [(number, one) for number, one in each.items() if number not in outcomes]), outcomes
    )


async def _record(
    desk: Desk, outbox: Outbox, who: Principal, prepared: _Prepared, once: Once | None
) -> Mapping[int, Outcome]:
    """In one transaction, an outcome for each. Raises KeyReused, InFlight, SubjectBusy, PersonalKeyMissing, and an
    outage: then nothing of it is stored.
    """
    ready, refused = prepared
    if not ready:
        return refused
    async with transaction(desk.pool) as tx:
        if once is not None:
            await note_once(tx, who, once)
        await hold_subjects(tx, [one.sealed for _, one in ready])
        outcomes = dict(await _store_each(tx, outbox, ready))
    outbox.ring()
    return outcomes | refused


async def _read_line(desk: Desk, who: Principal, raw: bytes, read: Reader) -> _Read:
    now, grids = desk.clock(), desk.grids.current

    def placed_one() -> tuple[Asked, Placed]:
        asked = read(raw)
        domain.check(asked, now)
        return asked, place_activity(grids, asked)

    asked, placed = await asyncio.to_thread(placed_one) if len(raw) > LONG_BYTES else placed_one()
    if not who.area.covers(placed.routing_key):
        authorize(who, ACTION, AreaPath(placed.routing_key))
    activity, personal = domain.record(asked, placed, worker=who.subject, post=who.post or who.kind, now=now)
    return _Read(activity, personal, _content(asked, who))


def _content(asked: Asked, who: Principal) -> bytes:
    """What it is recognised by when it comes again: who sent it, and every value of it."""
    return hashlib.sha256(orjson.dumps((who.subject, asked), default=tuple, option=orjson.OPT_SORT_KEYS)).digest()[:16]


async def _ready(desk: Desk, each: Sequence[tuple[int, _Read]]) -> list[tuple[int, _Ready]]:
    """With whom they name sealed: those that do not stand already."""
    personal = {one.activity.id: one.personal for _, one in each if one.personal is not None}
    sealed: dict[Any, Sealed] = {}
    secret = await desk.vault.secret()
    if personal:
        async with desk.pool.acquire() as connection:
            old = await store.standing(connection, list(personal))
        sealed = await seal_visited(desk.vault, {one: part for one, part in personal.items() if one not in old})
    ready = []
    for number, one in each:
        mine = sealed.get(one.activity.id)
        ready.append((number, _Ready(_row(one.activity, mine, keyed_content(secret, one.content)), one, mine)))
    return ready


def keyed_content(secret: bytes, content: bytes) -> bytes:
    """Holding a telephone number, it is kept as a keyed hash: a plain one is soon guessed."""
    return hashlib.blake2b(content, digest_size=16, key=secret, person=b"activity").digest()


def _row(activity: Activity, sealed: Sealed | None, content: bytes) -> Row:
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
        None if sealed is None else sealed.part,
        content,
        None if sealed is None else sealed.whose.subject,
    )


async def _store_each(tx: Connection, outbox: Outbox, ready: Sequence[tuple[int, _Ready]]) -> Outcomes:
    """Store, bisecting around one that the database refuses."""
    try:
        async with tx.transaction():
            return await _store(tx, outbox, ready)
    except Exception as error:
        if is_outage(error):
            raise
        if len(ready) == 1:
            number, (row, *_) = ready[0]
            log.error("an activity could not be stored", activity=str(row.id), exc_info=error)
            return [(number, NotStorable(f"the database does not take it: {type(error).__name__}"))]
        half = len(ready) // 2
        return await _store_each(tx, outbox, ready[:half]) + await _store_each(tx, outbox, ready[half:])


async def _store(tx: Connection, outbox: Outbox, ready: Sequence[tuple[int, _Ready]]) -> Outcomes:
    first: dict[str, _Ready] = {}
    for _, each in ready:
        first.setdefault(str(each.row.id), each)
    added = await store.add(tx, [each.row for each in first.values()])
    fresh = [each for each in first.values() if each.row.id in added]
    await add_subjects(tx, [(each.sealed, each.row.recorded_at) for each in fresh])
    await outbox.add(tx, [outgoing.activity_recorded(each.read.activity) for each in fresh])
    old = await store.standing(tx, [each.row.id for each in first.values() if each.row.id not in added])
    outcomes: Outcomes = []
    for number, each in ready:
        row = each.row
        stands = old.get(row.id)
        kept = first[str(row.id)].row
        content = kept.content if stands is None else stands.content
        if content not in (row.content, each.read.content):  # an older program kept it without a key
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
