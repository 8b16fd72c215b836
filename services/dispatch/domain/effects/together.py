"""Several parties to one case: urging 督办, assisting units 协办, street whistles 吹哨报到, two-way dispatch 双向派单,
and the climb to a higher level.
"""

from datetime import datetime

from services.dispatch.domain.case import Actor, Case
from services.dispatch.domain.changed import changed
from services.dispatch.domain.effects.effect import Effect, known_unit, with_matters, words_needed
from services.dispatch.domain.matters import Part, PartKind, Urging
from services.dispatch.domain.order import Order, PartWanted
from services.dispatch.domain.refusals import FieldMissing, NotPartners, NotUrged
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.worktime import Limit, due
from shared.kernel.errors import FieldError


def urge(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """A record of its own: what is urged, until when the unit must reply."""
    words_needed(order, "opinion", "what is urged")
    due_at = due(at, order.limit or rules.urging_limit, rules.calendar)
    urging = Urging(len(case.matters.urgings) + 1, case.unit or "", actor.subject, at, due_at)
    details = {"urging": urging.number, "reply_due_at": due_at}
    return with_matters(case, details, urgings=(*case.matters.urgings, urging))


def reply_urging(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """The reply to the urging named, or to the oldest open one."""
    words_needed(order, "opinion", "the reply")
    waiting = [u for u in case.matters.urgings if u.unit == actor.unit and u.replied_at is None]
    urging = next((u for u in waiting if order.urging in (None, u.number)), None)
    if urging is None:
        raise NotUrged(
            f"urging {order.urging} of case {case.number} does not wait for a reply; "
            f"those that do: {', '.join(str(u.number) for u in waiting)}",
            errors=[FieldError("/urging", f"one of {[u.number for u in waiting]}")],
        )
    replied = changed(urging, replied_at=at)
    urgings = tuple(replied if each is urging else each for each in case.matters.urgings)
    return with_matters(case, {"urging": urging.number, "in_time": not urging.missed}, urgings=urgings)


def coordinate(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """The lead unit stays; each other unit gets a task and a limit of its own. `meeting_at`: they meet 联席会议."""
    if not order.parts and order.meeting_at is None:
        raise FieldMissing(
            "coordinate 协调 needs parts: which units assist, and with what; or meeting_at",
            errors=[FieldError("/parts", "required: [{unit, task, limit?}]")],
        )
    parts = _parts(case, PartKind.ASSIST, order.parts, at, rules)
    meeting_at = order.meeting_at or case.matters.meeting_at
    effect = _asked(case, parts, meeting_at=meeting_at)
    return effect._replace(details={"lead": case.unit, **effect.details, "meeting_at": order.meeting_at})


def report_part(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """The assisting unit's own task is done."""
    result = words_needed(order, "result", "what was done")
    effect = _done(case, PartKind.ASSIST, actor, at)
    handlers = case.handlers if actor.subject in case.handlers else (*case.handlers, actor.subject)
    return effect._replace(
        changes={**effect.changes, "handlers": handlers}, details={**effect.details, "result": result}
    )


def summon(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """A street whistles: the units named come, and answer within a limit that takes nothing from the lead unit's."""
    if not order.parts:
        raise FieldMissing(
            "summon 吹哨 needs parts: which units are to come", errors=[FieldError("/parts", "required: [{unit}]")]
        )
    wanted = tuple(part._replace(limit=part.limit or order.limit or rules.summons_limit) for part in order.parts)
    return _asked(case, _parts(case, PartKind.SUMMONS, wanted, at, rules))


def answer_summons(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """报到: the unit reports that it came, and what it says."""
    words_needed(order, "opinion", "who came, and what the unit does")
    return _done(case, PartKind.SUMMONS, actor, at)


def pass_on(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """A street and a unit send work to one another without the command centre; the handling clock runs on, and it comes
    back to nobody who passed it on.
    """
    words_needed(order, "opinion", "why it is passed on")
    unit = known_unit(order.unit, rules, "/unit", (case.unit,))
    if unit in case.matters.passed_on or not rules.partners(case.unit or "", unit):
        why = "passed it on itself" if unit in case.matters.passed_on else "is no partner of yours"
        raise NotPartners(
            f"unit {unit} {why}: ask command for a return (request_return 申请退单)",
            errors=[FieldError("/unit", "a partner unit that has not passed this case on")],
        )
    matters = changed(case.matters, passed_on=(*case.matters.passed_on, case.unit or ""))
    return Effect({"matters": matters, "unit": unit}, {"passed_on_by": case.unit})


def escalate(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """The case climbs one level: grid → community → street → district (→ city)."""
    words_needed(order, "opinion", "why it climbs")
    return with_matters(case, {"level": case.level - 1, "do": "raise"}, level=case.level - 1)


def missed(case: Case, key: str) -> Effect:
    """An urging, a part or a summons whose own limit ran out unanswered."""
    kind, _, name = key.partition(":")
    if kind == "urging":
        urgings = tuple(changed(u, missed=True) if str(u.number) == name else u for u in case.matters.urgings)
        unit = next(u.unit for u in urgings if str(u.number) == name)
        return with_matters(case, {"what": key, "who": unit}, urgings=urgings)
    parts = tuple(
        changed(p, missed=True) if p.kind == kind and p.unit == name and p.done_at is None else p
        for p in case.matters.parts
    )
    return with_matters(case, {"what": key, "who": name}, parts=parts)


def _parts(case: Case, kind: PartKind, wanted: tuple[PartWanted, ...], at: datetime, rules: Rules) -> tuple[Part, ...]:
    parts: list[Part] = []
    for index, part in enumerate(wanted):
        busy = tuple(p.unit for p in case.matters.parts if p.kind is kind and p.done_at is None)
        named = (case.unit, *busy, *(p.unit for p in parts))
        unit = known_unit(part.unit, rules, f"/parts/{index}/unit", named)
        parts.append(Part(kind, unit, part.task, at, _due(part.limit, case, at, rules)))
    return tuple(parts)


def _due(limit: Limit | None, case: Case, at: datetime, rules: Rules) -> datetime | None:
    return due(at, limit, rules.calendar) if limit else case.due_at


def _asked(case: Case, parts: tuple[Part, ...], **matters: object) -> Effect:
    """Units that have something to do see the case: they assist in it."""
    assisting = tuple(dict.fromkeys((*case.assisting, *(part.unit for part in parts))))
    details = {"parts": [{"unit": p.unit, "task": p.task, "due_at": p.due_at} for p in parts]}
    after = changed(case.matters, parts=(*case.matters.parts, *parts), **matters)
    return Effect({"matters": after, "assisting": assisting}, details)


def _done(case: Case, kind: PartKind, actor: Actor, at: datetime) -> Effect:
    part = case.matters.open_part(kind, actor.unit)
    assert part is not None  # a guard of the act's row
    parts = tuple(changed(each, done_at=at) if each is part else each for each in case.matters.parts)
    return with_matters(case, {"part_unit": part.unit, "in_time": not part.missed}, parts=parts)
