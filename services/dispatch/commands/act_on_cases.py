"""One act on many cases at once: each decided for itself, all that may be saved together."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from services.dispatch.answers import case_shown
from services.dispatch.commands.act_on_case import Asked, decide, not_in_area
from services.dispatch.domain.case import Act, Actor, Case
from services.dispatch.outgoing import events_of
from services.dispatch.store import bulk
from services.dispatch.store.acts import Kept
from services.dispatch.wiring import SCHEMA, Wired
from shared import telemetry
from shared.http import etag, problem
from shared.idempotency import Stored, find, in_flight, same_request
from shared.kernel.errors import Refusal
from shared.postgres import Connection, transaction

# Deciding one takes 0.1 ms: after so many, others get their turn.
_TURN = 25


@dataclass(frozen=True, slots=True)
class Item:
    """One case of many: what is asked of it, or why it was refused before it was looked at."""

    case_id: UUID | None
    asked: Asked | Refusal


@dataclass(frozen=True, slots=True)
class BulkAsked:
    """`path` is named in problems. No two items name the same case."""

    act: Act
    items: Sequence[Item]
    actor: Actor
    key: str | None
    request_hash: bytes
    path: str


async def act_on_cases(wired: Wired, asked: BulkAsked) -> Stored:
    """Lock all, decide each, save what may be saved. One that is refused keeps no other from being done.

    The answer has an outcome for each item, in their order: {id, status, etag, case, problem}. It is stored under the
    key if any was done. Raises KeyReused, InFlight.
    """
    await wired.routing.ready()
    async with transaction(wired.pool) as tx:
        if stored := await _answered(tx, asked):
            return stored
        locked = await bulk.lock(tx, [item.asked.case_id for item in asked.items if isinstance(item.asked, Asked)])
        done: list[Case] = []
        outcomes = []
        for number, item in enumerate(asked.items, 1):
            case, outcome = await _decided(tx, wired, asked, item, locked)
            outcomes.append(outcome)
            if case:
                done.append(case)
            if number % _TURN == 0:
                await asyncio.sleep(0)
        body = orjson.dumps({"done": len(done), "refused": len(outcomes) - len(done), "items": outcomes}, default=str)
        answer = Stored(asked.request_hash, 200, None, body)
        if not done:
            # The same request may have been carried out while this one waited for the locks.
            return await _answered(tx, asked) or answer
        kept = Kept(asked.actor.subject, asked.key, answer) if asked.key else None
        if not await bulk.save(tx, done, events_of(done), kept, wired.audit.current):
            raise in_flight()
    wired.outbox.ring()
    telemetry.count("wangge.acts", len(done), act=asked.act)
    return answer


async def _answered(tx: Connection, asked: BulkAsked) -> Stored | None:
    stored = await find(tx, SCHEMA, asked.actor.subject, asked.key) if asked.key else None
    return same_request(stored, asked.request_hash) if stored else None


async def _decided(
    tx: Connection, wired: Wired, asked: BulkAsked, item: Item, locked: dict[UUID, bulk.Locked]
) -> tuple[Case | None, dict[str, Any]]:
    outcome: dict[str, Any] = {"id": item.case_id, "status": 200, "etag": None, "case": None, "problem": None}
    try:
        if isinstance(item.asked, Refusal):
            raise item.asked
        if (found := locked.get(item.asked.case_id)) is None:
            raise not_in_area(item.asked.case_id)
        case = await decide(tx, wired, found.case, item.asked, item.asked.order, found.now)
    except Refusal as refusal:
        told = problem(refusal, asked.path)
        return None, outcome | {"status": told["status"], "problem": told}
    shown = case_shown(case, asked.actor, found.now, wired.rules)
    return case, outcome | {"etag": etag(case.revision), "case": shown}
