"""One act on one case: every act that a person does comes through here."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.dispatch.answers import case_bytes, case_shown
from services.dispatch.commands.open_cases import case_number
from services.dispatch.domain import words
from services.dispatch.domain.acts import absorbed, automatic, perform, reopened
from services.dispatch.domain.case import Act, Actor, Case
from services.dispatch.domain.order import Order
from services.dispatch.domain.refusals import CaseChanged, CaseNotFound, UnknownArea
from services.dispatch.outgoing import events_of
from services.dispatch.store import acts, areas, opening, timeline
from services.dispatch.wiring import SCHEMA, Wired
from shared import telemetry
from shared.http import etag
from shared.idempotency import Stored, find, in_flight, same_request
from shared.kernel.area import AreaPath
from shared.kernel.errors import FieldError, Refusal
from shared.postgres import ACQUIRE_SECONDS, Connection, transaction

# What changes a second case in the same transaction.
_OF_TWO = frozenset({Act.MERGE, Act.REOPEN})


@dataclass(frozen=True, slots=True)
class Asked:
    """An act as it was asked for. `expected` gives the revision it was decided on (None: the act names the task that it
    answers instead), or raises for want of one: it is called only when no earlier answer is found under `key`. `area`
    is the caller's.
    """

    case_id: UUID
    order: Order
    actor: Actor
    area: AreaPath
    expected: Callable[[], int | None]
    key: str | None
    request_hash: bytes


async def act_on_case(wired: Wired, asked: Asked) -> Stored:
    """Look, decide, save. Returns the answer: now, or the one given when the same request came before.

    Two round trips and no lock between them: nearly always nobody else acts on the same case within the same two
    milliseconds. If somebody did, it is decided again under a lock.

    Raises CaseNotFound, CaseChanged, KeyReused, InFlight, what `asked.expected` raises, and the refusals of the domain.
    """
    await wired.routing.ready()
    done = None if asked.order.act in _OF_TWO else await _at_once(wired, asked)
    answer, new = done or await _locked(wired, asked)
    if new:
        wired.outbox.ring()
        telemetry.count("wangge.acts", act=asked.order.act)
    return answer


class _Done(NamedTuple):
    """The answer; whether it is of an act done now."""

    answer: Stored
    new: bool


async def _at_once(wired: Wired, asked: Asked) -> _Done | None:
    """Without a lock; None if somebody else was first."""
    async with wired.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        order = await _complete(connection, asked)
        found = await acts.look(connection, asked.case_id, asked.actor.subject, asked.key)
        if found.answered:
            return _Done(same_request(found.answered, asked.request_hash), new=False)
        case = await decide(connection, wired, found.case, asked, order, found.now)
        answer = await _save(connection, wired, asked, case, found)
    return _Done(answer, new=True) if answer else None


async def _locked(wired: Wired, asked: Asked) -> _Done:
    """Under the case's lock, with what the act means for another case."""
    async with transaction(wired.pool) as tx:
        order = await _complete(tx, asked)
        found = await acts.lock(tx, asked.case_id, asked.actor.subject, asked.key)
        if found.answered:
            return _Done(same_request(found.answered, asked.request_hash), new=False)
        try:
            case = await decide(tx, wired, found.case, asked, order, found.now)
        except Refusal:
            # The same request may have been carried out while this one waited for the lock.
            if asked.key and (answered := await find(tx, SCHEMA, asked.actor.subject, asked.key)):
                return _Done(same_request(answered, asked.request_hash), new=False)
            raise
        answer = await _save(tx, wired, asked, case, found)
        if answer is None:
            raise in_flight()
        await _follow(tx, wired, case, order, found.now)
    return _Done(answer, new=True)


async def _save(connection: Connection, wired: Wired, asked: Asked, case: Case, found: acts.Found) -> Stored | None:
    """The answer that was stored with the case; None if somebody else was first."""
    body = case_bytes(case, asked.actor, found.now, wired.rules)
    answer = Stored(asked.request_hash, 200, etag(case.revision), body)
    kept = acts.Kept(asked.actor.subject, asked.key, answer) if asked.key else None
    assert found.case is not None
    saved = await acts.save(connection, found.case, case, events_of([case]), kept, wired.audit.current, found.seen)
    return answer if saved else None


async def _complete(tx: Connection, asked: Asked) -> Order:
    """The order with what it needs beside its own case: the other case of a merge, under its lock; an area that exists.

    Both cases of a merge are locked here, in one order, before either is looked at.
    """
    order = asked.order
    if order.act is Act.MERGE and order.other_id:
        other = (await acts.lock_both(tx, asked.case_id, order.other_id)).get(order.other_id)
        return order._replace(other=other if other and asked.area.covers(other.area) else None)
    if order.area and not await areas.known(tx, order.area):
        raise UnknownArea(
            f"{order.area} is no area of this city that is in use; GET /intake/v1/areas lists them",
            errors=[FieldError("/area", "the path of an area")],
        )
    return order


async def decide(tx: Connection, wired: Wired, case: Case | None, asked: Asked, order: Order, now: datetime) -> Case:
    """The case after what was asked. Raises CaseNotFound, CaseChanged and the refusals of the domain."""
    before = await _as_decided_on(tx, case, asked, now, wired)
    return perform(before, order, asked.actor, now, wired.rules.for_area(before.area))


def not_in_area(case_id: UUID) -> CaseNotFound:
    """Whether there is such a case elsewhere is told to nobody."""
    return CaseNotFound(f"there is no case {case_id} in your area")


async def _as_decided_on(tx: Connection, case: Case | None, asked: Asked, now: datetime, wired: Wired) -> Case:
    """The case, if it is there for this actor and as it was when they decided."""
    if case is None or not asked.area.covers(case.area):
        raise not_in_area(asked.case_id)
    expected = asked.expected()
    if expected in (None, case.revision):
        return case
    if not case.shown_to(asked.actor):  # the answer would show it
        raise CaseNotFound(f"there is no case {asked.case_id} among those you may see")
    since = await timeline.since(tx, case.id, expected or 0)
    done = "; ".join(
        f"{each['actor']} ({words.named_post(each['post'])}) did {words.act(Act(each['act']))}" for each in since[-3:]
    )
    raise CaseChanged(
        f"you decided on revision {expected} of case {case.number}; it is at revision {case.revision} now: "
        f"{done or 'nothing that you could have seen'}. Look at it again, then send the act with the new ETag",
        facts={
            "etag": etag(case.revision),
            "since": since,
            "case": case_shown(case, asked.actor, now, wired.rules),
        },
    )


async def _follow(tx: Connection, wired: Wired, case: Case, order: Order, now: datetime) -> None:
    """What the act means for another case: the one that absorbs this, or the one that is opened anew."""
    rules = wired.rules.for_area(case.area)
    if order.act is Act.MERGE and order.other:
        survivor = absorbed(order.other, case, now, wired.rules.for_area(order.other.area))
        await acts.save(tx, order.other, survivor, events_of([survivor]), None, wired.audit.current)
    elif order.act is Act.REOPEN and order.other_id:
        number = case_number(rules.number_prefix, now, rules.calendar.zone, await opening.serial(tx))
        new = automatic(reopened(case, order.other_id, number, now, rules), now, rules)
        await opening.add(tx, [new], events_of([new]), wired.audit.current)
