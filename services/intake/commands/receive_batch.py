"""Receive a batch: many reports in one request, a thousand in a transaction, an answer for each line.

A line that is refused costs its neighbours nothing. With an Idempotency-Key each part's answers are stored in its own
transaction, with a digest of the batch as far as its end: sent again, the parts that were stored are answered as before
and the others are stored now.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import structlog

from services.intake.commands.admit_report import admit
from services.intake.commands.at_address import at_address
from services.intake.commands.at_component import at_component, named_components
from services.intake.commands.batches import Part, Shape, Work, in_parts, read_parts
from services.intake.commands.find_duplicates import KINDS, Looked, beside, looked_at, opened_by, sorted_out
from services.intake.commands.receive_report import (
    ACTION,
    Desk,
    entry,
    in_grid,
    known_media,
    place_of,
)
from services.intake.domain.component import Kept
from services.intake.domain.duplicates import Cluster
from services.intake.domain.report import Asked, AtComponent, AtPoint, InGrid
from services.intake.grids.index import GridIndex
from services.intake.store import clusters
from services.intake.store import reports as store
from services.intake.store.reports import Row
from shared import idempotency
from shared.auth import Principal, authorize
from shared.bus.outbox import Outbox
from shared.idempotency import Stored, in_flight, keyed_hash, same_request
from shared.kernel.errors import Invalid, Refusal, TooLarge
from shared.kernel.place import Place, to_wgs84
from shared.postgres import Connection, is_outage, transaction

log = structlog.get_logger()

# A thousand rows a transaction: larger ones gain nothing and hold their locks longer.
PART: Final = 1_000
# Lines are read and placed this many at a time; between them other requests have their turn (2 ms).
TURN: Final = 50
WAIT_SECONDS: Final = 2.0
LOOK_SECONDS: Final = 5.0

Outcome: TypeAlias = Row | Refusal
# A report, and where it says that it is.
Located: TypeAlias = tuple[Asked, AtPoint | InGrid | AtComponent]


class BatchTooLong(TooLarge):
    slug, title, title_zh = "batch-too-long", "Too many lines in one batch", "批量上报行数过多"


class EmptyBatch(Invalid):
    slug, title, title_zh = "empty-batch", "The batch has no line", "批量上报为空"


class NotStorable(Invalid):
    slug, title, title_zh = "not-storable", "This report cannot be stored", "该上报无法保存"


class Batch(NamedTuple):
    """A batch as it comes in. `parse` reads a line or raises a Refusal; `render` writes the answers of lines, and
    `stopped` that of the line at which the batch ended.

    `key` is the Idempotency-Key, `address` what the batch is posted to.
    """

    chunks: AsyncGenerator[bytes]
    most_lines: int
    line_bytes: int
    parse: Callable[[bytes], Asked]
    render: Callable[[Sequence[tuple[int, Outcome]]], bytes]
    stopped: Callable[[int, Exception], bytes]
    key: str | None
    address: str


def receive_batch(desk: Desk, outbox: Outbox, who: Principal, batch: Batch) -> AsyncIterator[bytes]:
    """The rendered answers as `in_parts` gives them. Raises what `authorize` and it raise."""
    authorize(who, ACTION)
    shape = Shape(batch.most_lines, PART, batch.line_bytes, BatchTooLong, EmptyBatch, "/v1/reports")

    async def prepare(part: Part) -> list[tuple[int, Outcome]]:
        return await _prepare(desk, who, part, batch)

    async def store_part(n: int, part: Part, outcomes: list[tuple[int, Outcome]]) -> bytes:
        return await _store_part(desk, outbox, who, batch, n, part.digest, outcomes)

    def refused(numbers: Sequence[int], why: Refusal) -> bytes:
        return batch.render([(number, why) for number in numbers])

    parts = read_parts(batch.chunks, shape)
    return in_parts(parts, Work(prepare, store_part, refused, batch.stopped))


async def _prepare(desk: Desk, who: Principal, part: Part, batch: Batch) -> list[tuple[int, Outcome]]:
    asked: list[tuple[int, Located | Refusal]] = []
    for n in range(0, len(part.lines), TURN):
        for number, line in part.lines[n : n + TURN]:
            try:
                if isinstance(line, Refusal):
                    raise line
                report = admit(desk.rules, who, batch.parse(line))
                located = await at_address(desk.pool, desk.names, desk.grids.current.version, report)
                if report.media:
                    await known_media(desk, report.media, who)
                asked.append((number, located))
            except Refusal as refusal:
                asked.append((number, refusal))
        await asyncio.sleep(0)
    named = await named_components(desk.pool, [each[0] for _, each in asked if not isinstance(each, Refusal)])
    grids = desk.grids.current
    # All points at once: 2 ms for a thousand, which fifty at a time would take 5 for.
    points = {
        n: to_wgs84(*each[1]) for n, each in asked if not isinstance(each, Refusal) and isinstance(each[1], AtPoint)
    }
    found = dict(zip(points, zip(points.values(), grids.locate_all([*points.values()]), strict=True), strict=True))
    outcomes: list[tuple[int, Outcome]] = []
    for n in range(0, len(asked), TURN):
        outcomes += _place(desk, who, grids, asked[n : n + TURN], found, named)
        await asyncio.sleep(0)
    await desk.vault.keep([outcome for _, outcome in outcomes if isinstance(outcome, Row)])
    return outcomes


def _place(
    desk: Desk,
    who: Principal,
    grids: GridIndex,
    asked: Sequence[tuple[int, Located | Refusal]],
    found: Mapping[int, tuple[Place, str | None]],
    named: Mapping[int, Kept],
) -> list[tuple[int, Outcome]]:
    now = desk.clock()
    outcomes: list[tuple[int, Outcome]] = []
    for number, each in asked:
        if isinstance(each, Refusal):
            outcomes.append((number, each))
            continue
        report, sent = each
        try:
            if isinstance(sent, AtPoint):
                place, located = found[number]
                grid = in_grid(grids, sent, place, located)
            elif isinstance(sent, AtComponent):
                report, place, grid = at_component(grids, report, named)
            else:
                place, grid = place_of(grids, sent)
            outcomes.append((number, entry(desk, who, report, place, grid, now, alone=False)))
        except Refusal as refusal:
            outcomes.append((number, refusal))
    return outcomes


async def _store_part(
    desk: Desk, outbox: Outbox, who: Principal, batch: Batch, n: int, digest: bytes, outcomes: list[tuple[int, Outcome]]
) -> bytes:
    if batch.key is None:
        async with transaction(desk.pool) as tx:
            await _store_outcomes(tx, desk, outcomes)
        outbox.ring()
        return batch.render(outcomes)
    asked = keyed_hash(await desk.vault.secret(), "POST", batch.address, digest)
    caller, key = f"{who.subject}/batch", f"{batch.key}/{n}"
    loop = asyncio.get_running_loop()
    until = loop.time() + WAIT_SECONDS
    while True:
        async with transaction(desk.pool) as tx:
            if await store.try_lock(tx, caller, key):
                before = await idempotency.find(tx, "intake", caller, key)
                if before is not None:
                    return same_request(before, asked).body
                await _store_outcomes(tx, desk, outcomes)
                answer = batch.render(outcomes)
                await idempotency.save(tx, "intake", caller, key, Stored(asked, 200, None, answer))
                break
        if loop.time() >= until:
            raise in_flight()
        await asyncio.sleep(0.05)
    outbox.ring()
    return answer


async def _store_outcomes(tx: Connection, desk: Desk, outcomes: list[tuple[int, Outcome]]) -> None:
    """Store the rows of `outcomes`, each in its cluster; there stands then what was stored."""
    rows = [outcome for _, outcome in outcomes if isinstance(outcome, Row)]
    looked = looked_at(rows, desk.writer.likenesses)
    touched = beside(looked)
    near = await clusters.hold(tx, touched.locks, touched.spots, LOOK_SECONDS) if touched.spots else []
    await _store_rows(tx, desk, outcomes, range(len(outcomes)), near, looked)


async def _store_rows(
    tx: Connection,
    desk: Desk,
    outcomes: list[tuple[int, Outcome]],
    places: Sequence[int],
    near: list[Cluster],
    looked: Looked | None = None,
) -> None:
    """Store the rows at `places` of `outcomes`, bisecting around one that the database refuses; in a part, the clusters
    that they open are added to those `near`. `looked` is what of them is compared, where that is known already.
    """
    given = [(n, row) for n in places if isinstance(row := outcomes[n][1], Row)]
    if not given:
        return
    rows, likenesses = [row for _, row in given], desk.writer.likenesses
    rows = sorted_out(rows, looked or looked_at(rows, likenesses), near, likenesses)
    try:
        async with tx.transaction():
            await store.add_chunk(tx, rows, KINDS)
    except Exception as error:
        if is_outage(error):
            raise
        if len(rows) == 1 and len(places) == 1:
            number, _ = outcomes[places[0]]
            log.error("a report could not be stored", line=number, exc_info=error)
            outcomes[places[0]] = (number, NotStorable(f"the database does not take it: {type(error).__name__}"))
            return
        half = len(places) // 2
        await _store_rows(tx, desk, outcomes, places[:half], near)
        await _store_rows(tx, desk, outcomes, places[half:], near)
        return
    for (n, _), row in zip(given, rows, strict=True):
        outcomes[n] = (outcomes[n][0], row)
    if looked is None:
        near += opened_by(rows)
