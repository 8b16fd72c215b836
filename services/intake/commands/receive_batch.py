"""Receive a batch: many reports in one request, a thousand in a transaction, an answer for each line.

A line that is refused costs its neighbours nothing. With an Idempotency-Key each part's answers are stored in its own
transaction: sent again, the parts that were stored are answered as before, and the others are stored now.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import structlog

from services.intake.commands.admit_report import admit
from services.intake.commands.at_address import at_address
from services.intake.commands.at_component import at_component, named_components
from services.intake.commands.find_duplicates import KINDS, beside, looked_at, opened_by, sorted_out
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
from services.intake.domain.report import Asked, AtComponent, AtPoint
from services.intake.store import clusters
from services.intake.store import reports as store
from services.intake.store.reports import Row
from shared import idempotency
from shared.auth import Principal, authorize
from shared.bus.outbox import Outbox
from shared.idempotency import Stored, in_flight, same_request
from shared.kernel.errors import Invalid, Refusal, TooLarge, Unavailable
from shared.kernel.place import Place, to_wgs84
from shared.postgres import Connection, is_outage, transaction

log = structlog.get_logger()

# A thousand rows a transaction: larger ones gain nothing and hold their locks longer.
PART: Final = 1_000
# Lines are read and placed this many at a time; between them other requests have their turn (2 ms).
TURN: Final = 50
WAIT_SECONDS: Final = 2.0
LOOK_SECONDS: Final = 5.0

Line: TypeAlias = tuple[int, bytes]
Outcome: TypeAlias = Row | Refusal


class BatchTooLong(TooLarge):
    slug, title, title_zh = "batch-too-long", "Too many lines in one batch", "批量上报行数过多"


class EmptyBatch(Invalid):
    slug, title, title_zh = "empty-batch", "The batch has no line", "批量上报为空"


class NotStorable(Invalid):
    slug, title, title_zh = "not-storable", "This report cannot be stored", "该上报无法保存"


class Batch(NamedTuple):
    """A batch as it was sent. `parse` reads a line or raises a Refusal; `render` writes the answers of a part.

    `key` is the Idempotency-Key, `request_hash` what the whole batch is recognised by.
    """

    lines: Sequence[Line]
    parse: Callable[[bytes], Asked]
    render: Callable[[Sequence[tuple[int, Outcome]]], bytes]
    key: str | None
    request_hash: bytes


async def receive_batch(desk: Desk, outbox: Outbox, who: Principal, batch: Batch) -> AsyncIterator[bytes]:
    """The rendered answers, part by part, each once it is durable.

    Until the first part is stored, a refusal of the whole batch or an outage is raised; after it, an outage becomes the
    answer of the lines that are left.
    """
    authorize(who, ACTION)
    parts = [batch.lines[n : n + PART] for n in range(0, len(batch.lines), PART)]
    ahead = [await _prepare(desk, who, parts[0], batch)] if parts else []
    for n in range(len(parts)):
        storing = asyncio.create_task(_store_part(desk, outbox, who, batch, n, ahead.pop()))
        try:
            if n + 1 < len(parts):  # read the next part while the database stores this one
                ahead.append(await _prepare(desk, who, parts[n + 1], batch))
            yield await storing
        except Exception as error:
            if n == 0 or not (is_outage(error) or isinstance(error, Unavailable)):
                raise
            late = Unavailable("the database cannot be reached; this line was not stored", facts={"retry_after": 2})
            yield batch.render([(number, late) for rest in parts[n:] for number, _ in rest])
            return
        finally:
            if not storing.done():
                storing.cancel()


async def _prepare(desk: Desk, who: Principal, part: Sequence[Line], batch: Batch) -> list[tuple[int, Outcome]]:
    outcomes: list[tuple[int, Outcome]] = []
    for n in range(0, len(part), TURN):
        asked: list[tuple[int, Asked | Refusal]] = []
        for number, line in part[n : n + TURN]:
            try:
                report = admit(desk.rules, who, batch.parse(line))
                report = await at_address(desk.pool, desk.names, desk.grids.current.version, report)
                if report.media:
                    await known_media(desk, report.media, who)
                asked.append((number, report))
            except Refusal as refusal:
                asked.append((number, refusal))
        named = await named_components(desk.pool, [report for _, report in asked if isinstance(report, Asked)])
        outcomes += _place(desk, who, asked, named)
        await asyncio.sleep(0)
    await desk.vault.keep([outcome for _, outcome in outcomes if isinstance(outcome, Row)])
    return outcomes


def _place(
    desk: Desk, who: Principal, asked: Sequence[tuple[int, Asked | Refusal]], named: Mapping[int, Kept]
) -> list[tuple[int, Outcome]]:
    grids, now = desk.grids.current, desk.clock()
    points: dict[int, Place] = {}
    for number, report in asked:
        if isinstance(report, Asked) and isinstance(report.location, AtPoint):
            points[number] = to_wgs84(*report.location)
    found = dict(zip(points, grids.locate_all([*points.values()]), strict=True))
    outcomes: list[tuple[int, Outcome]] = []
    for number, report in asked:
        if isinstance(report, Refusal):
            outcomes.append((number, report))
            continue
        try:
            place, sent = points.get(number), report.location
            if place is not None and isinstance(sent, AtPoint):
                grid = in_grid(grids, sent, place, found[number])
            elif isinstance(sent, AtComponent):
                report, place, grid = at_component(grids, report, named)
            else:
                place, grid = place_of(grids, sent)
            outcomes.append((number, entry(desk, who, report, place, grid, now, alone=False)))
        except Refusal as refusal:
            outcomes.append((number, refusal))
    return outcomes


async def _store_part(
    desk: Desk, outbox: Outbox, who: Principal, batch: Batch, n: int, outcomes: list[tuple[int, Outcome]]
) -> bytes:
    if batch.key is None:
        async with transaction(desk.pool) as tx:
            await _store_outcomes(tx, desk, outcomes)
        outbox.ring()
        return batch.render(outcomes)
    caller, key = f"{who.subject}/batch", f"{batch.key}/{n}"
    loop = asyncio.get_running_loop()
    until = loop.time() + WAIT_SECONDS
    while True:
        async with transaction(desk.pool) as tx:
            if await store.try_lock(tx, caller, key):
                before = await idempotency.find(tx, "intake", caller, key)
                if before is not None:
                    return same_request(before, batch.request_hash).body
                await _store_outcomes(tx, desk, outcomes)
                answer = batch.render(outcomes)
                await idempotency.save(tx, "intake", caller, key, Stored(batch.request_hash, 200, None, answer))
                break
        if loop.time() >= until:
            raise in_flight()
        await asyncio.sleep(0.05)
    outbox.ring()
    return answer


async def _store_outcomes(tx: Connection, desk: Desk, outcomes: list[tuple[int, Outcome]]) -> None:
    """Store the rows of `outcomes`, each in its cluster; there stands then what was stored."""
    rows = [outcome for _, outcome in outcomes if isinstance(outcome, Row)]
    touched = beside(looked_at(rows, desk.writer.likenesses))
    near = await clusters.hold(tx, touched.locks, touched.spots, LOOK_SECONDS) if touched.spots else []
    await _store_rows(tx, desk, outcomes, range(len(outcomes)), near)


async def _store_rows(
    tx: Connection, desk: Desk, outcomes: list[tuple[int, Outcome]], places: Sequence[int], near: list[Cluster]
) -> None:
    """Store the rows at `places` of `outcomes`, bisecting around one that the database refuses; clusters that they
    open are added to those `near`.
    """
    given = [(n, row) for n in places if isinstance(row := outcomes[n][1], Row)]
    if not given:
        return
    rows, likenesses = [row for _, row in given], desk.writer.likenesses
    rows = sorted_out(rows, looked_at(rows, likenesses), near, likenesses)
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
    near += opened_by(rows)
