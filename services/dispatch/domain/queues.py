"""What waits for whom: the reasons for which a case stands in somebody's queue 待办.

A case in a status waits for every post that has an act in it, so these come from the act table. A reason that is no
status (a request on a case, an urging) is another row: `flag` names the column that says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from services.dispatch.domain import words
from services.dispatch.domain.case import Centre, Post, Status
from services.dispatch.domain.lifecycle import TABLE


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a case waits, and for which posts. Either `statuses` say it, or `flag`, a boolean column of the case."""

    name: str
    zh: str
    posts: frozenset[Post]
    statuses: tuple[Status, ...] = ()
    flag: str | None = None


# Posts that look at a queue; auditors and the like have none.
ON_SITE = frozenset({Post.SUPERVISOR, Post.GRID_WORKER, Post.GRID_LEADER})


def _by_status() -> tuple[Reason, ...]:
    found = []
    for status in Status:
        steps = [step for (other, _), step in TABLE.items() if other is status and step.centre is not Centre.SYSTEM]
        posts = frozenset(post for step in steps for post in step.posts)
        if posts:
            found.append(Reason(status.value, words.STATUS_ZH[status], posts, statuses=(status,)))
    return tuple(found)


REASONS: tuple[Reason, ...] = _by_status()
OF_POST: Mapping[str, tuple[Reason, ...]] = {
    post.value: found for post in Post if (found := tuple(reason for reason in REASONS if post in reason.posts))
}
