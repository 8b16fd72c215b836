"""The act table: in which status who may do what, and where it leads.

There is no other way to change a status. Sources: the seven stages and the two centres that check each other (DESIGN
§4); who of a centre does what follows the Yuncheng standard and the Fugou rule of 2019: an acceptor 受理员 takes in
and sends checks, the shift leader 值班长 files and closes, a dispatcher 派遣员 dispatches, a supervisor 监督员
answers from the spot.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from services.dispatch.domain import words
from services.dispatch.domain.case import Act, Actor, Case, Centre, Post, Status
from services.dispatch.domain.clocks import Stage
from services.dispatch.domain.refusals import (
    ActNotPossibleNow,
    CheckNotPassed,
    NotThisUnit,
    OwnWork,
    WrongCentre,
    WrongPost,
)
from shared.kernel.errors import Refusal

Guard: TypeAlias = Callable[[Case, Actor], Refusal | None]


def dispatched_unit(case: Case, actor: Actor) -> Refusal | None:
    """Only the unit that the case was dispatched to takes and handles it."""
    if actor.unit is not None and actor.unit == case.unit:
        return None
    return NotThisUnit(f"case {case.number} was dispatched to unit {case.unit}; you act for {actor.unit or 'no unit'}")


def nobody_checks_own_work(case: Case, actor: Actor) -> Refusal | None:
    """Whoever handled does not check, and neither does anybody of a unit that did."""
    if actor.subject in case.handlers:
        return OwnWork(f"{actor.subject} handled case {case.number}: somebody else must check it")
    if actor.unit is not None and actor.unit in (case.unit, *case.assisting):
        return OwnWork(f"unit {actor.unit} handled case {case.number}: somebody outside it must check it")
    return None


def check_passed(case: Case, actor: Actor) -> Refusal | None:
    """A case is closed only on a check that was passed."""
    if case.passed:
        return None
    return CheckNotPassed(
        f"the last check of case {case.number} was not passed: order_rework 返工 sends it back to its unit",
        facts={"passed": case.passed, "possible": [Act.ORDER_REWORK.value]},
    )


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the table. `stops`, `starts` and `resumes` name the stage clocks that the act moves; a clock that is
    stopped keeps what it measured, so that it can be resumed.
    """

    to: Status
    centre: Centre
    posts: tuple[Post, ...]
    guards: tuple[Guard, ...] = ()
    stops: Stage | None = None
    starts: Stage | None = None
    resumes: Stage | None = None


_DESK = (Post.ACCEPTOR, Post.SHIFT_LEADER)
_LEADER = (Post.SHIFT_LEADER,)
_SPOT = (Post.SUPERVISOR, Post.GRID_WORKER, Post.GRID_LEADER)
_COMMAND = (Post.DISPATCHER, Post.COMMAND_LEADER)
_CLERK = (Post.UNIT_CLERK,)
_SYSTEM = (Post.SYSTEM,)


TABLE: Mapping[tuple[Status, Act], Step] = {
    # reported: the supervision desk decides whether there is a case at all
    (Status.REPORTED, Act.ACCEPT): Step(
        Status.ACCEPTED, Centre.SUPERVISION, _DESK, stops=Stage.ACCEPT, starts=Stage.FILE
    ),
    (Status.REPORTED, Act.AUTO_ACCEPT): Step(
        Status.ACCEPTED, Centre.SYSTEM, _SYSTEM, stops=Stage.ACCEPT, starts=Stage.FILE
    ),
    (Status.REPORTED, Act.DECLINE): Step(Status.REJECTED, Centre.SUPERVISION, _DESK, stops=Stage.ACCEPT),
    (Status.REPORTED, Act.REQUEST_VERIFICATION): Step(
        Status.VERIFYING, Centre.SUPERVISION, _DESK, stops=Stage.ACCEPT, starts=Stage.VERIFY
    ),
    (Status.VERIFYING, Act.ANSWER_VERIFICATION): Step(
        Status.REPORTED, Centre.ON_SITE, _SPOT, stops=Stage.VERIFY, resumes=Stage.ACCEPT
    ),
    # accepted: the shift leader files it under a condition, which fixes the limit
    (Status.ACCEPTED, Act.FILE): Step(
        Status.FILED, Centre.SUPERVISION, _LEADER, stops=Stage.FILE, starts=Stage.DISPATCH
    ),
    (Status.ACCEPTED, Act.AUTO_FILE): Step(
        Status.FILED, Centre.SYSTEM, _SYSTEM, stops=Stage.FILE, starts=Stage.DISPATCH
    ),
    (Status.ACCEPTED, Act.REFUSE_FILING): Step(Status.REJECTED, Centre.SUPERVISION, _LEADER, stops=Stage.FILE),
    # filed: the command centre names the unit, and the handling clock starts
    (Status.FILED, Act.DISPATCH): Step(
        Status.DISPATCHED, Centre.COMMAND, _COMMAND, stops=Stage.DISPATCH, starts=Stage.HANDLE
    ),
    (Status.FILED, Act.AUTO_DISPATCH): Step(
        Status.DISPATCHED, Centre.SYSTEM, _SYSTEM, stops=Stage.DISPATCH, starts=Stage.HANDLE
    ),
    # with the unit: its clock stops at the hand-over and goes on when the work comes back
    (Status.DISPATCHED, Act.TAKE): Step(Status.HANDLING, Centre.UNIT, _CLERK, (dispatched_unit,)),
    (Status.HANDLING, Act.REPORT_HANDLED): Step(
        Status.HANDLED, Centre.UNIT, _CLERK, (dispatched_unit,), stops=Stage.HANDLE
    ),
    (Status.HANDLED, Act.ORDER_REWORK): Step(Status.HANDLING, Centre.COMMAND, _COMMAND, resumes=Stage.HANDLE),
    # checked on the spot by others than those who handled, then closed by the centre that filed
    (Status.HANDLED, Act.REQUEST_CHECK): Step(Status.CHECKING, Centre.SUPERVISION, _DESK, starts=Stage.CHECK),
    (Status.CHECKING, Act.ANSWER_CHECK): Step(
        Status.CHECKED, Centre.ON_SITE, _SPOT, (nobody_checks_own_work,), stops=Stage.CHECK
    ),
    (Status.CHECKED, Act.ORDER_REWORK): Step(Status.HANDLING, Centre.SUPERVISION, _DESK, resumes=Stage.HANDLE),
    (Status.CHECKED, Act.CLOSE): Step(Status.CLOSED, Centre.SUPERVISION, _LEADER, (check_passed,)),
} | {
    # marks of a clock change nothing that may be done
    (status, mark): Step(status, Centre.SYSTEM, _SYSTEM)
    for status in (
        Status.REPORTED,
        Status.VERIFYING,
        Status.ACCEPTED,
        Status.FILED,
        Status.DISPATCHED,
        Status.HANDLING,
        Status.CHECKING,
    )
    for mark in (Act.MARK_WARNED, Act.MARK_OVERDUE, Act.AUTO_ESCALATE)
}
# Nor does a deadline that is counted again, which may move while a clock stands, too: as long as the case is open.
TABLE = {**TABLE, **{(s, Act.RECOMPUTE): Step(s, Centre.SYSTEM, _SYSTEM) for s in Status if not s.terminal}}

# Acts that a person does, each a route of its own, in the order of a case's life.
PERSONAL = tuple(dict.fromkeys(act for (_, act), step in TABLE.items() if step.centre is not Centre.SYSTEM))
_OF_ACT = {act: tuple(step for (_, other), step in TABLE.items() if other is act) for act in Act}
_OF_STATUS = {
    status: tuple((act, step) for (other, act), step in TABLE.items() if other is status) for status in Status
}


def authorised(act: Act, actor: Actor) -> None:
    """Refuse an actor whose centre or post never does this act, whatever the case. Raises WrongCentre, WrongPost."""
    steps = _OF_ACT[act]
    if not any(actor.post in step.posts for step in steps):
        raise _wrong_post(act, actor, steps)


def permitted(case: Case, act: Act, actor: Actor) -> Step:
    """The row for this act, if this actor may do it now. Raises WrongCentre, WrongPost, ActNotPossibleNow or the
    refusal of a guard.
    """
    authorised(act, actor)
    step = TABLE.get((case.status, act))
    if step is None:
        raise _not_now(case, act, actor)
    if actor.post not in step.posts:
        raise _wrong_post(act, actor, (step,))
    for guard in step.guards:
        if refusal := guard(case, actor):
            raise refusal
    return step


def acts_now(case: Case, actor: Actor) -> list[Act]:
    """What this actor may do with the case as it stands."""
    return [
        act
        for act, step in _OF_STATUS[case.status]
        if actor.post in step.posts and not any(guard(case, actor) for guard in step.guards)
    ]


def _wrong_post(act: Act, actor: Actor, steps: tuple[Step, ...]) -> Refusal:
    posts = [post for step in steps for post in step.posts]
    centres = list(dict.fromkeys(step.centre for step in steps))
    kind = WrongPost if actor.centre in centres else WrongCentre
    who = " or ".join(words.centre(centre) for centre in centres)
    return kind(
        f"{words.act(act)} is an act of {who}, done by {', '.join(words.post(post) for post in posts)}; "
        f"you are {actor.post or 'without a post'} of {actor.centre or 'no centre'}",
        facts={"act": act.value, "posts": [post.value for post in posts]},
    )


def _not_now(case: Case, act: Act, actor: Actor) -> Refusal:
    sources = [status for (status, other) in TABLE if other is act]
    possible = acts_now(case, actor)
    return ActNotPossibleNow(
        f"case {case.number} is {words.status(case.status)}; {words.act(act)} is possible when it is "
        f"{' or '.join(words.status(status) for status in sources)}. "
        f"You may now: {', '.join(words.act(other) for other in possible) or 'nothing'}",
        facts={
            "act": act.value,
            "case_status": case.status.value,
            "possible_from": [status.value for status in sources],
            "acts": [other.value for other in possible],
        },
    )
