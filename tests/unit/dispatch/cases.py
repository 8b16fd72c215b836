"""A small city for tests of the domain: no pack, no clock, no database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.dispatch.domain.acts import Report, open_case, perform
from services.dispatch.domain.case import Act, Actor, Case, Place, Post, Status
from services.dispatch.domain.clocks import Stage
from services.dispatch.domain.lifecycle import TABLE
from services.dispatch.domain.order import Order
from services.dispatch.domain.routing import Decision
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.worktime import Calendar, Limit, Slot, Unit
from shared.kernel.area import AreaPath

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
    units=frozenset({"water", "roads", "light"}),
    check_radius_m=100,
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


def order(act: Act, **fields: object) -> Order:
    """An order that has all its act needs."""
    needed: dict[str, object] = {"opinion": "as seen on the photographs"}
    match act:
        case Act.FILE | Act.AUTO_FILE:
            needed["condition"] = "missing"
        case Act.DISPATCH | Act.AUTO_DISPATCH:
            needed["unit"] = "water"
        case Act.REPORT_HANDLED:
            needed["result"] = "new cover"
        case Act.ANSWER_VERIFICATION:
            needed["outcome"] = "true"
        case Act.ANSWER_CHECK:
            needed["passed"] = True
    return Order(act, **(needed | fields))  # type: ignore[arg-type]


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


def do(case: Case, act: Act, post: Post, at: datetime | None = None, rules: Rules = RULES, **fields: object) -> Case:
    """The case after an act by that post, a minute after the one before."""
    at = at or (case.facts[-1].at + MINUTE)
    return perform(case, order(act, **fields), actor(post), at, rules)


def until(status: Status) -> Case:
    """A case that came to `status` by the shortest way."""
    ways: dict[Status, Case] = {Status.REPORTED: opened()}
    waiting = [Status.REPORTED]
    while waiting:
        here = waiting.pop(0)
        for (source, act), step in TABLE.items():
            if source is here and step.to not in ways and step.posts[0] is not Post.SYSTEM:
                ways[step.to] = do(ways[here], act, step.posts[0])
                waiting.append(step.to)
    return ways[status]
