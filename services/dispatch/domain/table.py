"""The act table: in which status who may do what, and where it leads.

There is no other way to change a status. Sources: the seven stages and the two centres that check each other (DESIGN
§4); who of a centre does what follows the Yuncheng standard and the Fugou rule of 2019: an acceptor 受理员 takes in
and sends checks, the shift leader 值班长 files and closes, a dispatcher 派遣员 dispatches and decides requests, a
supervisor 监督员 answers from the spot. `table.py` has the rows, `guards.py` what they ask beyond status and post,
`effects/` what an act changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypedDict, Unpack

from services.dispatch.domain import guards
from services.dispatch.domain.case import Act, Centre, Post, Status
from services.dispatch.domain.clocks import Stage
from services.dispatch.domain.guards import Guard
from services.dispatch.domain.matters import PartKind, RequestKind


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the table. `stops`, `starts` and `resumes` name the stage clocks that the act moves; a clock that is
    stopped keeps what it measured, so that it can be resumed. `stops` of several stops whichever runs. A row with
    `single_desk` is there only where one desk accepts and files.
    """

    to: Status
    centre: Centre
    posts: tuple[Post, ...]
    guards: tuple[Guard, ...] = ()
    stops: Stage | tuple[Stage, ...] | None = None
    starts: Stage | None = None
    resumes: Stage | None = None
    single_desk: bool = False


S, A = Status, Act

OPEN = tuple(status for status in Status if not status.terminal)
_BEFORE_DISPATCH = (S.REPORTED, S.VERIFYING, S.ACCEPTED, S.FILED)
_WITH_UNIT = (S.DISPATCHED, S.HANDLING)
# From the filing to the hand-over a case is command's to see through.
_COMMANDS_OWN = (S.FILED, *_WITH_UNIT, S.HANDLED, S.SUSPENDED)

DESK_POSTS = (Post.ACCEPTOR, Post.SHIFT_LEADER)
_LEADER = (Post.SHIFT_LEADER,)
_SPOT = (Post.SUPERVISOR, Post.GRID_WORKER, Post.GRID_LEADER)
COMMAND_POSTS = (Post.DISPATCHER, Post.COMMAND_LEADER)
_CLERK = (Post.UNIT_CLERK,)
_SYSTEM = (Post.SYSTEM,)


class Clocks(TypedDict, total=False):
    """The clocks that a row moves."""

    stops: Stage | tuple[Stage, ...]
    starts: Stage
    resumes: Stage


def _desk(to: Status, *guard: Guard, posts: tuple[Post, ...] = DESK_POSTS, **clocks: Unpack[Clocks]) -> Step:
    return Step(to, Centre.SUPERVISION, posts, guard, **clocks)


def _spot(to: Status, *guard: Guard, **clocks: Unpack[Clocks]) -> Step:
    return Step(to, Centre.ON_SITE, _SPOT, guard, **clocks)


def _command(to: Status, *guard: Guard, **clocks: Unpack[Clocks]) -> Step:
    return Step(to, Centre.COMMAND, COMMAND_POSTS, (guards.level_answers, *guard), **clocks)


def _unit(to: Status, *guard: Guard, **clocks: Unpack[Clocks]) -> Step:
    return Step(to, Centre.UNIT, _CLERK, guard, **clocks)


def _system(to: Status, **clocks: Unpack[Clocks]) -> Step:
    return Step(to, Centre.SYSTEM, _SYSTEM, **clocks)


_INTAKE: dict[tuple[Status, Act], Step] = {
    # reported: the supervision desk decides whether there is a case at all
    (S.REPORTED, A.ACCEPT): _desk(S.ACCEPTED, stops=Stage.ACCEPT, starts=Stage.FILE),
    # nobody has acted on it yet, and whoever reported it takes that back
    (S.REPORTED, A.WITHDRAW): _system(S.VOIDED, stops=Stage.ACCEPT),
    (S.REPORTED, A.AUTO_ACCEPT): _system(S.ACCEPTED, stops=Stage.ACCEPT, starts=Stage.FILE),
    (S.REPORTED, A.DECLINE): _desk(S.REJECTED, stops=Stage.ACCEPT),
    (S.REPORTED, A.REQUEST_VERIFICATION): _desk(S.VERIFYING, stops=Stage.ACCEPT, starts=Stage.VERIFY),
    (S.VERIFYING, A.ANSWER_VERIFICATION): _spot(S.REPORTED, guards.own_task, stops=Stage.VERIFY, resumes=Stage.ACCEPT),
    # whoever sees it on the spot and puts it right has done all there was to do
    (S.REPORTED, A.SELF_HANDLE): _spot(S.CLOSED, stops=Stage.ACCEPT),
    (S.VERIFYING, A.SELF_HANDLE): _spot(S.CLOSED, guards.own_task, stops=Stage.VERIFY),
    # a regime with a single desk accepts and files in one: two facts, one act
    (S.REPORTED, A.FILE): replace(_desk(S.FILED, stops=Stage.ACCEPT, starts=Stage.DISPATCH), single_desk=True),
    # accepted: the shift leader files it under a condition, which fixes the limit
    (S.ACCEPTED, A.FILE): _desk(S.FILED, posts=_LEADER, stops=Stage.FILE, starts=Stage.DISPATCH),
    (S.ACCEPTED, A.AUTO_FILE): _system(S.FILED, stops=Stage.FILE, starts=Stage.DISPATCH),
    (S.ACCEPTED, A.REFUSE_FILING): _desk(S.REJECTED, posts=_LEADER, stops=Stage.FILE),
    (S.ACCEPTED, A.SEND_BACK): _desk(S.REPORTED, posts=_LEADER, stops=Stage.FILE, resumes=Stage.ACCEPT),
}
_COMMANDING: dict[tuple[Status, Act], Step] = {
    # filed: the command centre names the unit, and the handling clock starts
    (S.FILED, A.DISPATCH): _command(S.DISPATCHED, stops=Stage.DISPATCH, starts=Stage.HANDLE),
    (S.FILED, A.AUTO_DISPATCH): _system(S.DISPATCHED, stops=Stage.DISPATCH, starts=Stage.HANDLE),
    (S.FILED, A.SEND_BACK): _command(S.ACCEPTED, stops=Stage.DISPATCH, resumes=Stage.FILE),
    # what was not begun can be called back; what was, only from a unit that is no more
    (S.DISPATCHED, A.RECALL): _command(S.FILED, stops=Stage.HANDLE, starts=Stage.DISPATCH),
    (S.HANDLING, A.RECALL): _command(S.FILED, guards.unit_gone, stops=Stage.HANDLE, starts=Stage.DISPATCH),
    (S.HANDLED, A.ORDER_REWORK): _command(S.HANDLING, guards.unit_there, resumes=Stage.HANDLE),
    (S.SUSPENDED, A.RESUME): _command(S.HANDLING, resumes=Stage.HANDLE),
    (S.SUSPENDED, A.RESUME_ON_DATE): _system(S.HANDLING, resumes=Stage.HANDLE),
    (S.HANDLING, A.APPROVE_SUSPENSION): _command(
        S.SUSPENDED, guards.open_request(RequestKind.SUSPENSION), stops=Stage.HANDLE
    ),
    (S.HANDLING, A.REFUSE_SUSPENSION): _command(S.HANDLING, guards.open_request(RequestKind.SUSPENSION)),
    (S.HANDLING, A.APPROVE_EXTENSION): _command(S.HANDLING, guards.open_request(RequestKind.EXTENSION)),
    (S.HANDLING, A.REFUSE_EXTENSION): _command(S.HANDLING, guards.open_request(RequestKind.EXTENSION)),
}
_HANDLING: dict[tuple[Status, Act], Step] = {
    # with the unit: its clock stops at the hand-over and goes on when the work comes back
    (S.DISPATCHED, A.TAKE): _unit(S.HANDLING, guards.dispatched_unit, guards.no_open_request),
    (S.HANDLING, A.REPORT_HANDLED): _unit(
        S.HANDLED, guards.dispatched_unit, guards.no_open_request, stops=Stage.HANDLE
    ),
    (S.HANDLING, A.REQUEST_EXTENSION): _unit(
        S.HANDLING, guards.dispatched_unit, guards.no_open_request, guards.extension_left
    ),
    (S.HANDLING, A.REQUEST_SUSPENSION): _unit(
        S.HANDLING, guards.dispatched_unit, guards.no_open_request, guards.suspension_left
    ),
}
_CHECKING: dict[tuple[Status, Act], Step] = {
    # checked on the spot by others than those who handled, then closed by the centre that filed
    (S.HANDLED, A.REQUEST_CHECK): _desk(S.CHECKING, starts=Stage.CHECK),
    (S.CHECKING, A.ANSWER_CHECK): _spot(S.CHECKED, guards.nobody_checks_own_work, guards.own_task, stops=Stage.CHECK),
    (S.CHECKED, A.ORDER_REWORK): _desk(S.HANDLING, guards.unit_there, resumes=Stage.HANDLE),
    (S.CHECKED, A.CLOSE): _desk(S.CLOSED, guards.check_passed, posts=_LEADER),
    # closed is final: what is done afterwards changes what is known of it, and opens another case
    (S.CLOSED, A.SPOT_CHECK): _spot(S.CLOSED, guards.self_handled, guards.nobody_checks_own_work),
    (S.CLOSED, A.REOPEN): _desk(S.CLOSED, guards.not_reopened),
    (S.CLOSED, A.APPEAL): _unit(S.CLOSED, guards.dispatched_unit, guards.may_appeal),
    (S.CLOSED, A.REVIEW_APPEAL): _command(S.CLOSED, guards.appeal_at(reviewed=False)),
    (S.CLOSED, A.DECIDE_APPEAL): _desk(S.CLOSED, guards.appeal_at(reviewed=True)),
}


def _in_each(statuses: tuple[Status, ...], act: Act, step: Step) -> dict[tuple[Status, Act], Step]:
    """The same row for several statuses; `to` is kept where the row leads to an end, else the status stays."""
    return {
        (status, act): step if step.to.terminal else Step(status, step.centre, step.posts, step.guards)
        for status in statuses
    }


def _with_the_unit() -> dict[tuple[Status, Act], Step]:
    """What a unit asks for, and command decides, before and after it began."""
    rows: dict[tuple[Status, Act], Step] = {}
    for status in _WITH_UNIT:
        rows |= {
            (status, A.REQUEST_RETURN): _unit(status, guards.dispatched_unit, guards.no_open_request),
            (status, A.WITHDRAW_REQUEST): _unit(status, guards.dispatched_unit, guards.open_request(None)),
            (status, A.APPROVE_RETURN): _command(
                S.FILED, guards.open_request(RequestKind.RETURN), stops=Stage.HANDLE, starts=Stage.DISPATCH
            ),
            (status, A.REFUSE_RETURN): _command(status, guards.open_request(RequestKind.RETURN), guards.unit_there),
            (status, A.PASS_ON): _unit(
                S.DISPATCHED, guards.dispatched_unit, guards.no_open_request, guards.has_partner
            ),
            (status, A.COORDINATE): _command(status),
        }
    return rows


_EVERYWHERE = (
    _in_each(_BEFORE_DISPATCH, A.CORRECT, _desk(S.REPORTED))
    | _in_each((*_WITH_UNIT, S.SUSPENDED), A.URGE, _command(S.HANDLING, guards.unit_there))
    | _in_each(OPEN, A.REPLY_URGING, _unit(S.HANDLING, guards.urged))
    | _in_each(OPEN, A.REPORT_PART, _unit(S.HANDLING, guards.open_part(PartKind.ASSIST)))
    | _in_each((S.FILED, *_WITH_UNIT), A.SUMMON, _command(S.HANDLING))
    | _in_each(OPEN, A.ANSWER_SUMMONS, _unit(S.HANDLING, guards.open_part(PartKind.SUMMONS)))
    | _in_each(_COMMANDS_OWN, A.ESCALATE, _command(S.HANDLING, guards.room_above))
    | _in_each(OPEN, A.VOID, _desk(S.VOIDED, posts=_LEADER, stops=tuple(Stage)))
    | _in_each(OPEN, A.FORCE_CLOSE, _desk(S.CLOSED, posts=_LEADER, stops=tuple(Stage)))
    | _in_each(OPEN, A.MERGE, _desk(S.VOIDED, stops=tuple(Stage)))
)
# Marks of a clock, and what falls due beside it, change nothing that may be done by those who have the case.
_MARKS = (
    _in_each(
        (S.REPORTED, S.VERIFYING, S.ACCEPTED, S.FILED, S.DISPATCHED, S.HANDLING, S.CHECKING),
        A.MARK_WARNED,
        _system(S.HANDLING),
    )
    | _in_each(
        (S.REPORTED, S.VERIFYING, S.ACCEPTED, S.FILED, S.DISPATCHED, S.HANDLING, S.CHECKING),
        A.MARK_OVERDUE,
        _system(S.HANDLING),
    )
    | _in_each(
        (S.REPORTED, S.VERIFYING, S.ACCEPTED, S.FILED, S.DISPATCHED, S.HANDLING, S.CHECKING),
        A.AUTO_ESCALATE,
        _system(S.HANDLING),
    )
    # a deadline may move while a clock stands, too: as long as the case is open
    | _in_each(OPEN, A.RECOMPUTE, _system(S.HANDLING))
    | _in_each(OPEN, A.MARK_UNANSWERED, _system(S.HANDLING))
    | _in_each(OPEN, A.ABSORB, _system(S.HANDLING))
    | _in_each(OPEN, A.ADD_REPORT, _system(S.HANDLING))
    | _in_each(OPEN, A.REMOVE_REPORT, _system(S.HANDLING))
    | _in_each((S.VERIFYING, S.CHECKING), A.REASSIGN_TASK, _system(S.HANDLING))
    # what a reporter says afterwards is heard whatever became of the case
    | _in_each(tuple(S), A.NOTE_WITHDRAWAL, _system(S.HANDLING))
    | _in_each(tuple(S), A.NOTE_ADDITION, _system(S.HANDLING))
)

TABLE: Mapping[tuple[Status, Act], Step] = (
    _INTAKE | _COMMANDING | _HANDLING | _with_the_unit() | _CHECKING | _EVERYWHERE | _MARKS
)
# Acts that change nothing that may be done: the revision stays, so that nobody's If-Match goes stale by them.
MARKS = frozenset(
    {A.MARK_WARNED, A.MARK_OVERDUE, A.AUTO_ESCALATE, A.RECOMPUTE, A.MARK_UNANSWERED}
    | {A.ABSORB, A.ADD_REPORT, A.REMOVE_REPORT, A.NOTE_WITHDRAWAL, A.NOTE_ADDITION}
)
