"""A small city for tests of the domain: no pack, no clock, no database."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.dispatch.domain.acts import Report, open_case, perform
from services.dispatch.domain.case import Act, Actor, Case, Place, Post, Status
from services.dispatch.domain.clocks import Stage
from services.dispatch.domain.lifecycle import TABLE
from services.dispatch.domain.matters import Appeal, Part, PartKind, Urging
from services.dispatch.domain.order import Order, PartWanted
from services.dispatch.domain.routing import Decision
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.worktime import Calendar, Limit, Slot, Unit
from shared.kernel.area import AreaPath
from shared.kernel.errors import Refusal

# Monday, 10:00 in Beijing.
START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

CALENDAR = Calendar(
    "test", "Asia/Shanghai", (Slot(8 * 60, 12 * 60), Slot(14 * 60, 18 * 60)), published=frozenset({2026})
)
# What the one routing rule says of every case.
_SAID = Decision("by category", 3, "water", (), "missing", None, ())
QUARTER = Limit(15, Unit.URGENT_MINUTE)
RULES = Rules(
    number_prefix="YC",
    calendar=CALENDAR,
    stages={stage: QUARTER for stage in Stage if stage is not Stage.HANDLE},
    handling={
        ("cover", "missing"): Limit(2, Unit.URGENT_HOUR),
        ("cover", "rattling"): Limit(2, Unit.WORK_DAY),
        ("lamp", "dark"): Limit(1, Unit.WORK_DAY),
    },
    units={"water": "water", "roads": "roads", "light": "roads", "street": "subdistrict"},
    check_radius_m=100,
    two_way=frozenset({frozenset({"water", "subdistrict"})}),
    top_level=1,
    route=lambda matter, at, units: _SAID,
)
_ALL = (Act.AUTO_ACCEPT, Act.AUTO_FILE, Act.AUTO_DISPATCH)
AUTOMATIC = replace(RULES, route=lambda matter, at, units: _SAID._replace(automatic=_ALL))
CENTRE = {
    Post.ACCEPTOR: "supervision",
    Post.SHIFT_LEADER: "supervision",
    Post.SUPERVISOR: "on_site",
    Post.GRID_WORKER: "on_site",
    Post.GRID_LEADER: "on_site",
    Post.DISPATCHER: "command",
    Post.COMMAND_LEADER: "command",
    Post.UNIT_CLERK: "unit",
    Post.SYSTEM: "system",
}


def actor(post: Post, subject: str | None = None, unit: str | None = None) -> Actor:
    if post is Post.UNIT_CLERK:
        unit = unit or "water"
    return Actor(subject or f"{post}-1", CENTRE[post], post, unit)


NEEDED: dict[Act, dict[str, object]] = {
    Act.FILE: {"condition": "missing"},
    Act.AUTO_FILE: {"condition": "missing"},
    Act.DISPATCH: {"unit": "water"},
    Act.AUTO_DISPATCH: {"unit": "water"},
    Act.REPORT_HANDLED: {"result": "new cover"},
    Act.ANSWER_VERIFICATION: {"outcome": "true"},
    Act.ANSWER_CHECK: {"passed": True},
    Act.SPOT_CHECK: {"passed": True},
    Act.WITHDRAW: {"report_id": UUID(int=1)},
    Act.NOTE_WITHDRAWAL: {"report_id": UUID(int=1)},
    Act.NOTE_ADDITION: {"report_id": UUID(int=1), "evidence": (UUID(int=7),)},
    Act.SELF_HANDLE: {"result": "swept", "evidence": (UUID(int=7),)},
    Act.REQUEST_RETURN: {"reason": "not our pipe"},
    Act.REQUEST_EXTENSION: {"reason": "parts are late"},
    Act.REQUEST_SUSPENSION: {"reason": "frozen ground", "until": START + timedelta(days=90)},
    Act.PASS_ON: {"unit": "street"},
    Act.COORDINATE: {"parts": (PartWanted("roads", "close the lane", Limit(4, Unit.URGENT_HOUR)),)},
    Act.SUMMON: {"parts": (PartWanted("light"),)},
    Act.REPORT_PART: {"result": "lane closed"},
    Act.CORRECT: {"location": Place(116.31, 39.91)},
    Act.MERGE: {"other_id": UUID(int=3)},
    Act.REOPEN: {"other_id": UUID(int=4)},
    Act.APPEAL: {"reason": "the road was closed by others"},
    Act.REVIEW_APPEAL: {"recommended": True},
    Act.DECIDE_APPEAL: {"approved": True},
    Act.REASSIGN_TASK: {"task_id": UUID(int=9), "assignee": "b-post"},
    Act.ADD_REPORT: {"reports": (UUID(int=5),), "media": (UUID(int=6),)},
    Act.REMOVE_REPORT: {"reports": (UUID(int=5),)},
}


def order(act: Act, **fields: object) -> Order:
    """An order that has all its act needs."""
    needed: dict[str, object] = {"opinion": "as seen on the photographs", **NEEDED.get(act, {})}
    if act in (Act.MERGE, Act.ABSORB):
        needed["other"] = another()
    return Order(act, **(needed | fields))  # type: ignore[arg-type]


def another() -> Case:
    """Another open case, of another report."""
    return replace(opened(), id=UUID(int=3), number="YC20261123000002", reports=(UUID(int=5),))


def opened(at: datetime = START) -> Case:
    report = Report(
        UUID(int=1), "cover", "a cover is missing", Place(116.3, 39.9), AreaPath("110108.012.003.017"), "app"
    )
    return open_case(report, UUID(int=2), "YC20261123000001", at, RULES)


STRAIGHT = (
    (Act.ACCEPT, Post.ACCEPTOR),
    (Act.FILE, Post.SHIFT_LEADER),
    (Act.DISPATCH, Post.DISPATCHER),
    (Act.TAKE, Post.UNIT_CLERK),
    (Act.REPORT_HANDLED, Post.UNIT_CLERK),
    (Act.REQUEST_CHECK, Post.ACCEPTOR),
    (Act.ANSWER_CHECK, Post.SUPERVISOR),
    (Act.CLOSE, Post.SHIFT_LEADER),
)


def do(
    case: Case,
    act: Act,
    post: Post,
    at: datetime | None = None,
    by: Actor | None = None,
    rules: Rules = RULES,
    **fields: object,
) -> Case:
    """The case after an act by that post, a minute after the one before."""
    at = at or (case.facts[-1].at + MINUTE)
    return perform(case, order(act, **fields), by or actor(post), at, replace(rules, **CHANGED))  # type: ignore[arg-type]


# What a test changes in the rules for a while.
CHANGED: dict[str, object] = {}


@contextmanager
def ruled(**rules: object) -> Iterator[None]:
    """Other rules, as a pack may state them."""
    CHANGED.update(rules)
    try:
        yield
    finally:
        CHANGED.clear()


def gone(unit: str) -> AbstractContextManager[None]:
    """A city in which that unit was dissolved."""
    return ruled(units={code: dept for code, dept in RULES.units.items() if code != unit})


def until(status: Status) -> Case:
    """A case that came to `status` by the shortest way."""
    ways: dict[Status, Case] = {Status.REPORTED: opened()}
    waiting = [Status.REPORTED]
    while waiting:
        here = waiting.pop(0)
        for (source, act), step in TABLE.items():
            if source is here and step.to not in ways and step.posts[0] is not Post.SYSTEM:
                try:
                    ways[step.to] = do(prepared(ways[here], act), act, step.posts[0])
                except Refusal:
                    continue
                waiting.append(step.to)
    return ways[status]


def prepared(case: Case, act: Act) -> Case:
    """The case with what must have come before `act`, by the acts that bring it about or, where none can any more, by
    its own word.
    """
    if (kind := REQUESTS.get(act)) and case.matters.request is None and (case.status, kind) in TABLE:
        return do(case, kind, Post.UNIT_CLERK)
    matters = case.matters
    match act:
        case Act.REPLY_URGING:
            matters = replace(matters, urgings=(Urging(1, "water", "c", START, START + 9 * HOUR),))
        case Act.REPORT_PART:
            matters = replace(matters, parts=(Part(PartKind.ASSIST, "water", None, START),))
        case Act.ANSWER_SUMMONS:
            matters = replace(matters, parts=(Part(PartKind.SUMMONS, "water", None, START),))
        case Act.APPEAL:
            return replace(case, overdue=True, unit="water")
        case Act.REVIEW_APPEAL:
            matters = replace(matters, appeal=Appeal("water", "u", START, "r"))
        case Act.DECIDE_APPEAL:
            matters = replace(matters, appeal=Appeal("water", "u", START, "r", recommended=True, reviewed_by="c"))
        case Act.SPOT_CHECK:
            return replace(case, matters=replace(matters, self_handled=True), handlers=("worker-9",))
    return replace(case, matters=matters)


REQUESTS = {
    Act.WITHDRAW_REQUEST: Act.REQUEST_RETURN,
    Act.APPROVE_RETURN: Act.REQUEST_RETURN,
    Act.REFUSE_RETURN: Act.REQUEST_RETURN,
    Act.APPROVE_EXTENSION: Act.REQUEST_EXTENSION,
    Act.REFUSE_EXTENSION: Act.REQUEST_EXTENSION,
    Act.APPROVE_SUSPENSION: Act.REQUEST_SUSPENSION,
    Act.REFUSE_SUSPENSION: Act.REQUEST_SUSPENSION,
}
