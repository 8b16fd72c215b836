"""What waits for whom: the reasons for which a case stands in somebody's queue 待办.

A case in a status waits for every post that carries it on from there, so these come from the act table. What is open
beside the status (a request, an urging, a part, an appeal) is another row: `ask` names it as `Matters.asks` does.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from services.dispatch.domain import words
from services.dispatch.domain.case import Act, Post, Status
from services.dispatch.domain.table import COMMAND_POSTS, DESK_POSTS, TABLE

# Acts that carry a case on. Others are possible at almost any time (void, urge, correct), and nothing waits for them.
CARRY_ON = frozenset(
    {
        Act.ACCEPT,
        Act.DECLINE,
        Act.REQUEST_VERIFICATION,
        Act.ANSWER_VERIFICATION,
        Act.FILE,
        Act.REFUSE_FILING,
        Act.DISPATCH,
        Act.TAKE,
        Act.REPORT_HANDLED,
        Act.REQUEST_CHECK,
        Act.ANSWER_CHECK,
        Act.ORDER_REWORK,
        Act.CLOSE,
    }
)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a case waits, and for which posts: `statuses` say it, or `ask`, of which each unit has its own where it is
    `of_unit`. `ended`: it waits on cases that came to their end.
    """

    name: str
    zh: str
    posts: frozenset[Post]
    statuses: tuple[Status, ...] = ()
    ask: str | None = None
    of_unit: bool = False
    ended: bool = False


# Posts that look at a queue; auditors and the like have none.
ON_SITE = frozenset({Post.SUPERVISOR, Post.GRID_WORKER, Post.GRID_LEADER})
_COMMAND, _DESK, _UNIT = frozenset(COMMAND_POSTS), frozenset(DESK_POSTS), frozenset({Post.UNIT_CLERK})


def _by_status() -> tuple[Reason, ...]:
    found = []
    for status in Status:
        steps = [
            step for (other, act), step in TABLE.items() if other is status and act in CARRY_ON and not step.single_desk
        ]
        posts = frozenset(post for step in steps for post in step.posts)
        if posts:
            found.append(Reason(status.value, words.STATUS_ZH[status], posts, statuses=(status,)))
    return tuple(found)


BESIDE = (
    Reason("request", "待审批申请", _COMMAND, ask="request"),
    Reason("urging", "待回复督办", _UNIT, ask="urging", of_unit=True),
    Reason("assist", "待协办", _UNIT, ask="assist", of_unit=True),
    Reason("summons", "待报到", _UNIT, ask="summons", of_unit=True),
    Reason("appeal_review", "待初审申诉", _COMMAND, ask="appeal_review", ended=True),
    Reason("appeal_decision", "待终审申诉", _DESK, ask="appeal_decision", ended=True),
)
REASONS: tuple[Reason, ...] = (*_by_status(), *BESIDE)
OF_POST: Mapping[str, tuple[Reason, ...]] = {
    post.value: found for post in Post if (found := tuple(reason for reason in REASONS if post in reason.posts))
}
