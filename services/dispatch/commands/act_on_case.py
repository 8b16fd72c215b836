"""One act on one case: every act that a person does comes through here."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.dispatch.answers import case_bytes, case_shown
from services.dispatch.domain.acts import perform
from services.dispatch.domain.case import Actor, Case
from services.dispatch.domain.order import Order
from services.dispatch.domain.refusals import CaseChanged, CaseNotFound
from services.dispatch.domain.rules import Rules
from services.dispatch.outgoing import events_of
from services.dispatch.store import acts
from services.dispatch.wiring import SCHEMA, Wired
from shared import telemetry
from shared.http import etag
from shared.idempotency import Stored, find, in_flight, same_request
from shared.kernel.area import AreaPath
from shared.kernel.errors import Refusal
from shared.postgres import transaction


@dataclass(frozen=True, slots=True)
class Asked:
    """An act as it was asked for. `expected` gives the revision it was decided on, or raises for want of one: it is
    called only when no earlier answer is found under `key`. `area` is the caller's.
    """

    case_id: UUID
    order: Order
    actor: Actor
    area: AreaPath
    expected: Callable[[], int]
    key: str | None
    request_hash: bytes


async def act_on_case(wired: Wired, asked: Asked) -> Stored:
    """Lock, decide, save. Returns the answer: now, or the one given when the same request came before.

    Raises CaseNotFound, CaseChanged, KeyReused, InFlight, what `asked.expected` raises, and the refusals of the domain.
    """
    async with transaction(wired.pool) as tx:
        found = await acts.lock(tx, asked.case_id, asked.actor.subject, asked.key)
        if found.answered:
            return same_request(found.answered, asked.request_hash)
        try:
            case = decide(found.case, asked, found.now, wired.rules)
        except Refusal:
            # The same request may have been carried out while this one waited for the lock.
            if asked.key and (answered := await find(tx, SCHEMA, asked.actor.subject, asked.key)):
                return same_request(answered, asked.request_hash)
            raise
        body = case_bytes(case, asked.actor, found.now, wired.rules.calendar)
        answer = Stored(asked.request_hash, 200, etag(case.revision), body)
        kept = acts.Kept(asked.actor.subject, asked.key, answer) if asked.key else None
        if not await acts.save(tx, case, events_of([case]), kept):
            raise in_flight()
    wired.outbox.ring()
    telemetry.count("wangge.acts", act=asked.order.act)
    return answer


def not_in_area(case_id: UUID) -> CaseNotFound:
    return CaseNotFound(f"there is no case {case_id} in your area")


def decide(case: Case | None, asked: Asked, now: datetime, rules: Rules) -> Case:
    """The case after what was asked. Raises CaseNotFound, CaseChanged and the refusals of the domain."""
    if case is None or not asked.area.covers(case.area):
        raise not_in_area(asked.case_id)
    expected = asked.expected()
    if expected != case.revision:
        if not case.shown_to(asked.actor):  # the answer would show it
            raise CaseNotFound(f"there is no case {asked.case_id} among those you may see")
        raise CaseChanged(
            f"you decided on revision {expected} of case {case.number}; it is at revision {case.revision} now: "
            "look at it again, then send the act with the new ETag",
            facts={
                "etag": etag(case.revision),
                "case": case_shown(case, asked.actor, now, rules.calendar),
            },
        )
    return perform(case, asked.order, asked.actor, now, rules)
