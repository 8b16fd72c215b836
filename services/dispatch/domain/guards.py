"""What an act asks of a case and of who acts, beyond status and post. No role setting lifts a guard."""

from collections.abc import Callable
from typing import TypeAlias

from services.dispatch.domain.case import Act, Actor, Case
from services.dispatch.domain.matters import PartKind, RequestKind
from services.dispatch.domain.refusals import (
    AppealedBefore,
    CheckNotPassed,
    HigherLevel,
    LimitPassed,
    NoAppeal,
    NoPart,
    NoSuchRequest,
    NotDissolved,
    NothingToAppeal,
    NotPartners,
    NotSelfHandled,
    NotThisUnit,
    NotUrged,
    NotYourTask,
    OwnWork,
    ReopenedBefore,
    RequestOpen,
    TopLevel,
    UnitDissolved,
    UsedUp,
)
from services.dispatch.domain.rules import Rules
from shared.kernel.errors import Refusal

Guard: TypeAlias = Callable[[Case, Actor, Rules], Refusal | None]


def dispatched_unit(case: Case, actor: Actor, rules: Rules) -> Refusal | None:
    """Only the unit that the case was dispatched to takes and handles it."""
    if actor.unit is not None and actor.unit == case.unit:
        return None
    return NotThisUnit(f"case {case.number} was dispatched to unit {case.unit}; you act for {actor.unit or 'no unit'}")


def nobody_checks_own_work(case: Case, actor: Actor, rules: Rules) -> Refusal | None:
    """Whoever handled does not check, and neither does anybody of a unit that did."""
    if actor.subject in case.handlers:
        return OwnWork(f"{actor.subject} handled case {case.number}: somebody else must check it")
    if actor.unit is not None and actor.unit in (case.unit, *case.assisting):
        return OwnWork(f"unit {actor.unit} handled case {case.number}: somebody outside it must check it")
    return None


def own_task(case: Case, actor: Actor, rules: Rules) -> Refusal | None:
    """A task that was given to somebody is answered by them; by anybody on the spot where it was given to nobody."""
    if case.assignee is None or case.assignee == actor.subject:
        return None
    return NotYourTask(
        f"this task of case {case.number} was given to {case.assignee}; you are {actor.subject}",
        facts={"assignee": case.assignee, "task": str(case.task_id)},
    )


def check_passed(case: Case, actor: Actor, rules: Rules) -> Refusal | None:
    """A case is closed only on a check that was passed."""
    if case.passed:
        return None
    return CheckNotPassed(
        f"the last check of case {case.number} was not passed: order_rework 返工 sends it back to its unit",
        facts={"passed": case.passed, "possible": [Act.ORDER_REWORK.value]},
    )


def no_open_request(case: Case, actor: Actor, rules: Rules) -> Refusal | None:
    """One request at a time: command decides it, or the unit withdraws it."""
    request = case.matters.request
    if request is None:
        return None
    return RequestOpen(
        f"a request for {request.kind} of {request.asked_at.isoformat()} is not decided yet on case {case.number}: "
        "command approves or refuses it, or the unit withdraws it (withdraw_request 撤回申请)",
        facts={"request": request.kind.value, "asked_by": request.asked_by},
    )


def open_request(kind: RequestKind | None) -> Guard:
    """The case has an undecided request of this kind (None: of any)."""

    def guard(case: Case, actor: Actor, rules: Rules) -> Refusal | None:
        request = case.matters.request
        if request is not None and kind in (None, request.kind):
            return None
        stands = f"; a request for {request.kind} is" if request else ""
        return NoSuchRequest(
            f"no request{f' for {kind}' if kind else ''} is open on case {case.number}{stands}",
            facts={"request": request.kind.value if request else None},
        )

    return guard


def extension_left(case: Case, actor: Actor, rules: Rules) -> Refusal | None:
    """Asked for before the deadline, and approved at most twice (Yuncheng standard)."""
    clock = case.handling_clock
    if clock is not None and clock.overdue:
        return LimitPassed(
            f"case {case.number} was due at {clock.due_at.isoformat()}: an extension is asked for before the deadline",
            facts={"due_at": clock.due_at.isoformat()},
        )
    if case.matters.extensions >= rules.max_extensions:
        return UsedUp(
            f"case {case.number} was extended {case.matters.extensions} times; {rules.max_extensions} is the most",
            facts={"approved": case.matters.extensions, "most": rules.max_extensions},
        )
    return None


def suspension_left(case: Case, actor: Actor, rules: Rules) -> Refusal | None:
    """A case is suspended once (Yuncheng standard)."""
    if case.matters.suspensions < rules.max_suspensions:
        return None
    return UsedUp(
        f"case {case.number} was suspended before; {rules.max_suspensions} time is the most",
        facts={"approved": case.matters.suspensions, "most": rules.max_suspensions},
    )


def unit_gone(case: Case, actor: Actor, rules: Rules) -> Refusal | None:
    """Command takes a case from a unit at work only when there is no such unit any more."""
    if case.unit not in rules.units:
        return None
    return NotDissolved(
        f"unit {case.unit} handles case {case.number}: it asks for a return itself (request_return 申请退单)",
        facts={"unit": case.unit},
    )


def unit_there(case: Case, actor: Actor, rules: Rules) -> Refusal | None:
    """Nobody acts for a unit that was dissolved, and nothing is sent back to one."""
    if case.unit is None or case.unit in rules.units:
        return None
    return UnitDissolved(
        f"unit {case.unit} was dissolved: command takes case {case.number} back (recall 收回) and dispatches it anew",
        facts={"unit": case.unit},
    )


def has_partner(case: Case, actor: Actor, rules: Rules) -> Refusal | None:
    """The unit's department agreed with another to send work to one another."""
    dept = rules.units.get(case.unit or "")
    if any(dept in pair for pair in rules.two_way):
        return None
    return NotPartners(f"unit {case.unit} has no partner that it sends work to: ask for a return 申请退单 instead")


def level_answers(case: Case, actor: Actor, rules: Rules) -> Refusal | None:
    """A case that climbed is answered for by the level it reached, and by those above."""
    if actor.area.level <= case.level:
        return None
    return HigherLevel(
        f"case {case.number} climbed to level {case.level}; you answer for {actor.area}, level {actor.area.level}",
        facts={"level": case.level, "yours": actor.area.level},
    )


def room_above(case: Case, actor: Actor, rules: Rules) -> Refusal | None:
    """There is a level to climb to."""
    if case.level > rules.top_level:
        return None
    return TopLevel(
        f"case {case.number} is at level {case.level}, the highest of this city", facts={"level": case.level}
    )


def open_part(kind: PartKind) -> Guard:
    """The actor's unit was asked to do something of this kind, and has not done it."""

    def guard(case: Case, actor: Actor, rules: Rules) -> Refusal | None:
        if case.matters.open_part(kind, actor.unit):
            return None
        return NoPart(
            f"unit {actor.unit or 'of nobody'} has no open {kind} in case {case.number}",
            facts={"open": [part.unit for part in case.matters.parts if part.kind is kind and part.done_at is None]},
        )

    return guard


def urged(case: Case, actor: Actor, rules: Rules) -> Refusal | None:
    """The actor's unit was urged and has not replied."""
    if any(urging.unit == actor.unit and urging.replied_at is None for urging in case.matters.urgings):
        return None
    return NotUrged(f"no urging of unit {actor.unit or 'of nobody'} waits for a reply on case {case.number}")


def self_handled(case: Case, actor: Actor, rules: Rules) -> Refusal | None:
    """Looked at again is what was handled on the spot, once, and by somebody else."""
    if not case.matters.self_handled or case.matters.spot_checked:
        return NotSelfHandled(f"case {case.number} was not handled on the spot, or was looked at again before")
    return None


def not_reopened(case: Case, actor: Actor, rules: Rules) -> Refusal | None:
    """A closed case leads to one new case at the most."""
    if case.matters.reopened_as is None:
        return None
    return ReopenedBefore(
        f"case {case.number} was reopened as {case.matters.reopened_as}",
        facts={"reopened_as": str(case.matters.reopened_as)},
    )


def may_appeal(case: Case, actor: Actor, rules: Rules) -> Refusal | None:
    """A unit appeals against an overdue mark of its own, once (Yuncheng standard)."""
    if case.matters.appeal is not None:
        return AppealedBefore(f"unit {case.matters.appeal.unit} appealed before in case {case.number}")
    if not case.overdue:
        return NothingToAppeal(f"case {case.number} was not overdue at its unit")
    return None


def appeal_at(reviewed: bool) -> Guard:
    """An appeal waits for its review by command (False), or for its decision by supervision (True)."""

    def guard(case: Case, actor: Actor, rules: Rules) -> Refusal | None:
        appeal = case.matters.appeal
        if appeal is not None and appeal.approved is None and (appeal.recommended is not None) == reviewed:
            return None
        return NoAppeal(
            f"no appeal of case {case.number} waits for {'a decision after review' if reviewed else 'a review'}"
        )

    return guard
