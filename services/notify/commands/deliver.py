"""Sending for webhooks: at least once, in order per subject, one sender at a time.

Each webhook has a cursor over the log and a lease. A turn reads a page after the cursor, sends the events of different
subjects side by side and those of one subject in order, and stores cursor and failures in one transaction under its
lease. An event that fails goes to a waiting list, and so does every later event of its subject: one case that the
receiver will not take holds up itself alone. A receiver that fails several times in a row is taken to be down: its
cursor stands still, and it is asked again with a single event after a rest that doubles.

A turn that is cut short (killed, lease lost) stores nothing, and the next one sends the page again: at least once.
`webhook-id` is the event's id, so a receiver can tell.
"""

import asyncio
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from services.notify.domain.interest import Interest
from services.notify.domain.standing import Outcome, Patience, Standing
from services.notify.outgoing import CONCURRENT, Line, Sender
from services.notify.store import deliveries
from services.notify.store import log as log_store
from services.notify.store.deliveries import Due, Progress, Turn, Waiting
from shared.kernel.clock import Clock
from shared.postgres import Pool, transaction

log = structlog.get_logger()

PAGE = 200
WINDOW = 20_000
DUE_SUBJECTS = 64
DUE_EACH = 20
# With so many events waiting the cursor stands still; the log keeps the rest.
WAITING_AT_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Lease:
    """Under which lease a turn was taken; after `until` (monotonic) no delivery may begin, `stop` ends it sooner."""

    id: UUID
    until: float
    stop: asyncio.Event

    @property
    def over(self) -> bool:
        return self.stop.is_set() or time.monotonic() >= self.until


@dataclass(slots=True)
class Round:
    """What came of sending some events. `untried`: left when the turn ended or the receiver was found to be down."""

    delivered: list[Due] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    untried: list[Due] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Deliver:
    """What sending needs."""

    pool: Pool
    clock: Clock
    sender: Sender
    patience: Patience


async def deliver(do: Deliver, turn: Turn, lease: Lease) -> None:
    """Send what there is to send for one webhook, as long as the lease allows; then give the turn back."""
    standing = Standing(turn.position, turn.failures, turn.failing_since, do.patience)
    async with do.sender.line(turn.url, turn.secret) as line:
        more = True
        while more and not lease.over:
            more = await _waiting_round(do, turn, lease, line, standing)
    async with transaction(do.pool) as tx:
        await deliveries.release(tx, turn.id, lease.id)


async def _waiting_round(do: Deliver, turn: Turn, lease: Lease, line: Line, standing: Standing) -> bool:
    """What is due again, or when nothing is, the next page. False when the turn is over."""
    probing = standing.down
    async with do.pool.acquire(timeout=5) as connection:
        due = await deliveries.due(connection, turn.id, subjects=DUE_SUBJECTS, each=DUE_EACH)
    if not due:
        return not probing and await _page_round(do, turn, lease, line, standing)
    chains = chains_of(due)
    result = await _send(do, line, [chains[0][:1]] if probing else chains, standing, lease)
    return await _store(do, turn, lease, standing, result)


async def _page_round(do: Deliver, turn: Turn, lease: Lease, line: Line, standing: Standing) -> bool:
    interest = interest_of(turn)
    async with do.pool.acquire(timeout=5) as connection:
        if await deliveries.count_waiting(connection, turn.id) >= WAITING_AT_MOST:
            return False
        ends = await log_store.ends(connection)
        if ends.newest <= standing.position:
            return False
        standing.skip_to(ends.oldest)
        end = min(standing.position + WINDOW, ends.newest)
        rows = await log_store.window(connection, standing.position, end, turn.area, PAGE)
        wanted = [row for row in rows if interest.allows(row.type, row.category, row.unit)]
        held = await deliveries.waiting_subjects(connection, turn.id, sorted({row.subject for row in wanted}))
    fresh = [Due(row.position, row.subject, 0, None, row.event) for row in wanted]
    free = chains_of(event for event in fresh if event.subject not in held)
    result = await _send(do, line, free, standing, lease)
    result.waiting += [_behind(event) for event in fresh if event.subject in held]
    # The cursor passes what was not tried, so it waits too: the first of a subject is due at once.
    heads = {each.subject for each in result.waiting}
    for event in result.untried:
        result.waiting.append(_behind(event) if event.subject in heads else _behind(event)._replace(wait=timedelta()))
        heads.add(event.subject)
    standing.position = rows[-1].position if len(rows) == PAGE else end
    return await _store(do, turn, lease, standing, result)


async def _send(do: Deliver, line: Line, chains: Sequence[Sequence[Due]], standing: Standing, lease: Lease) -> Round:
    """Send each chain in order, several side by side; a chain ends at its first failure."""
    result = Round()
    rest = iter(chains)

    async def one_after_another() -> None:
        for chain in rest:
            for n, event in enumerate(chain):
                if standing.asked_in_vain or lease.over:
                    result.untried += chain[n:]
                    break
                outcome = await do.sender.send(line, event.event)
                now = do.clock()
                standing.note(outcome, now, subject=event.subject, failed_at=event.failed_at)
                if outcome.delivered:
                    result.delivered.append(event)
                    continue
                result.waiting.append(_again(do, event, outcome, now))
                result.waiting += [_behind(later) for later in chain[n + 1 :]]
                break

    async with asyncio.TaskGroup() as group:
        for _ in range(min(CONCURRENT, len(chains))):
            group.create_task(one_after_another())
    return result


async def _store(do: Deliver, turn: Turn, lease: Lease, standing: Standing, result: Round) -> bool:
    """Store a round under the lease. False when the turn is over: lost, or the receiver is down."""
    progress = Progress(
        standing.position,
        standing.failures,
        standing.failing_since,
        standing.rest(random.random()),
        standing.last_status,
        standing.last_error,
        standing.last_attempt_at,
        standing.last_success_at,
        standing.disabled_because,
        standing.take_missed(),
    )
    async with transaction(do.pool) as tx:
        if not await deliveries.record(tx, turn.id, lease.id, progress):
            log.info("a webhook's turn was lost", webhook=str(turn.id))
            return False
        await deliveries.settle(tx, turn.id, result.delivered, result.waiting)
    if standing.disabled_because is not None:
        log.warning("a webhook was disabled", webhook=str(turn.id), reason=standing.disabled_because)
    return not standing.down


def interest_of(turn: Turn) -> Interest:
    """What the webhook wants to hear, its area aside: the page was read by it."""
    categories = frozenset(turn.categories) if turn.categories is not None else None
    return Interest(categories=categories, unit=turn.unit).narrowed_to(turn.types, "/types")


def chains_of(events: Iterable[Due]) -> list[list[Due]]:
    """Events by subject, each in order; subjects in the order of their first."""
    chains: dict[str, list[Due]] = {}
    for event in events:
        chains.setdefault(event.subject, []).append(event)
    return list(chains.values())


def _again(do: Deliver, event: Due, outcome: Outcome, now: datetime) -> Waiting:
    attempts = event.attempts + 1
    wait = do.patience.wait(attempts, random.random())
    return Waiting(event.position, event.subject, attempts, wait, event.failed_at or now, event.event)


def _behind(event: Due) -> Waiting:
    return Waiting(event.position, event.subject, event.attempts, None, event.failed_at, event.event)
