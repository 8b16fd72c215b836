"""Whether an act may be done now, by this actor: the questions asked of the act table."""

from services.dispatch.domain import words
from services.dispatch.domain.case import Act, Actor, Case, Centre, Status
from services.dispatch.domain.refusals import ActNotPossibleNow, WrongCentre, WrongPost
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.table import TABLE, Step
from shared.kernel.errors import Refusal

__all__ = ["PERSONAL", "TABLE", "Step", "acts_now", "authorised", "permitted"]

# Acts that a person does, each a route of its own, in the order of a case's life.
PERSONAL = tuple(act for act in Act if any(a is act and s.centre is not Centre.SYSTEM for (_, a), s in TABLE.items()))
_OF_ACT = {act: tuple(step for (_, other), step in TABLE.items() if other is act) for act in Act}
_OF_STATUS = {
    status: tuple((act, step) for (other, act), step in TABLE.items() if other is status) for status in Status
}


def authorised(act: Act, actor: Actor, rules: Rules) -> None:
    """Refuse an actor whose centre or post never does this act, whatever the case. Raises WrongCentre, WrongPost."""
    steps = tuple(step for step in _OF_ACT[act] if rules.single_desk or not step.single_desk)
    if not any(actor.post in step.posts for step in steps):
        raise _wrong_post(act, actor, steps)


def permitted(case: Case, act: Act, actor: Actor, rules: Rules) -> Step:
    """The row for this act, if this actor may do it now. Raises WrongCentre, WrongPost, ActNotPossibleNow or the
    refusal of a guard.
    """
    authorised(act, actor, rules)
    step = TABLE.get((case.status, act))
    if step is None or (step.single_desk and not rules.single_desk):
        raise _not_now(case, act, actor, rules)
    if actor.post not in step.posts:
        raise _wrong_post(act, actor, (step,))
    for guard in step.guards:
        if refusal := guard(case, actor, rules):
            raise refusal
    return step


def acts_now(case: Case, actor: Actor, rules: Rules) -> list[Act]:
    """What this actor may do with the case as it stands."""
    return [
        act
        for act, step in _OF_STATUS[case.status]
        if actor.post in step.posts
        and (rules.single_desk or not step.single_desk)
        and not any(guard(case, actor, rules) for guard in step.guards)
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


def _not_now(case: Case, act: Act, actor: Actor, rules: Rules) -> Refusal:
    sources = [s for (s, other), step in TABLE.items() if other is act and (rules.single_desk or not step.single_desk)]
    possible = acts_now(case, actor, rules)
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
