"""What an act does to a case: each returns the case as it then stands, with the facts that say so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.dispatch.domain.carry import carry_out
from services.dispatch.domain.case import SYSTEM, Act, Actor, Case, Fact, Place, Status
from services.dispatch.domain.changed import changed
from services.dispatch.domain.clocks import Stage, started
from services.dispatch.domain.due import mark, recompute
from services.dispatch.domain.lifecycle import permitted
from services.dispatch.domain.matters import Matters
from services.dispatch.domain.order import Order
from services.dispatch.domain.routed import routed_order
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.table import TABLE
from shared.kernel.area import AreaPath


@dataclass(frozen=True, slots=True)
class Report:
    """A report 上报 that becomes a case: what intake tells us of it."""

    id: UUID
    category: str
    description: str
    place: Place
    area: AreaPath
    source: str
    occurred_at: datetime | None = None
    attributes: Mapping[str, Any] | None = None
    media: tuple[UUID, ...] = ()


def open_case(
    report: Report, case_id: UUID, number: str, at: datetime, rules: Rules, apart_from: UUID | None = None
) -> Case:
    """A new case of one report, its accept clock running. `apart_from`: the report that it was merged into before."""
    limit = rules.stages.get(Stage.ACCEPT)
    fact = Fact(1, 1, Act.OPEN, at, SYSTEM, None, Status.REPORTED)
    return Case(
        id=case_id,
        number=number,
        status=Status.REPORTED,
        version=1,
        revision=1,
        area=report.area,
        born_in=report.area,
        place=report.place,
        category=report.category,
        description=report.description,
        source=report.source,
        opened_at=at,
        reports=(report.id,),
        occurred_at=report.occurred_at,
        attributes=report.attributes or {},
        media=report.media,
        clocks=(started(Stage.ACCEPT, limit, at, rules.calendar, 1, rules.course(Stage.ACCEPT)),) if limit else (),
        facts=(fact if apart_from is None else fact._replace(details={"apart_from": apart_from}),),
    )


def automatic(case: Case, at: datetime, rules: Rules) -> Case:
    """The acts that the case's routing rule, or else the pack, leaves to the system, as far as a unit answers."""
    said = rules.decide(case, at)
    for act in said.automatic:
        if act is Act.AUTO_ACCEPT:
            case = perform(case, Order(act), SYSTEM, at, rules)
        elif said.unit is None:
            break
        else:
            case = perform(case, routed_order(act, said), SYSTEM, at, rules)
    return case


def perform(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Case:
    """The case after `actor` did what `order` says. What fell due before it is put first, so that no act outruns a
    mark.

    Raises a refusal of `lifecycle.permitted`, or that of a field which the act needs.
    """
    case = mark(recompute(case, at, rules), at, rules)
    step = permitted(case, order.act, actor, rules)
    if order.act is Act.FILE and case.status is Status.REPORTED:
        # A regime with a single desk: one act of a person, and the two facts that everybody counts.
        case = carry_out(case, Order(Act.ACCEPT), actor, at, rules, TABLE[case.status, Act.ACCEPT])
        step = TABLE[case.status, Act.FILE]
    return carry_out(case, order, actor, at, rules, step)


def absorbed(survivor: Case, merged: Case, at: datetime, rules: Rules) -> Case:
    """`survivor` with the reports of the case that was merged into it."""
    return perform(survivor, Order(Act.ABSORB, other=merged), SYSTEM, at, rules)


def with_reports(case: Case, reports: Sequence[Report], at: datetime, rules: Rules) -> Case:
    """`case` with more reports of the same matter."""
    media = tuple(each for report in reports for each in report.media)
    order = Order(Act.ADD_REPORT, reports=tuple(report.id for report in reports), media=media)
    return perform(case, order, SYSTEM, at, rules)


def without_report(case: Case, report_id: UUID, at: datetime, rules: Rules) -> Case:
    """`case` without a report that tells of another matter."""
    return perform(case, Order(Act.REMOVE_REPORT, reports=(report_id,)), SYSTEM, at, rules)


def withdrawn(case: Case, report_id: UUID, reason: str, at: datetime, rules: Rules) -> Case:
    """The case after whoever sent `report_id` took it back: void if it is that report's alone and nobody acted on it
    yet, else as it was, with a note of it.
    """
    alone = case.reports == (report_id,) and case.status is Status.REPORTED
    # A mark that is due comes first, and changes nothing about either.
    act = Act.WITHDRAW if alone else Act.NOTE_WITHDRAWAL
    return perform(case, Order(act, opinion=reason, report_id=report_id), SYSTEM, at, rules)


def supplemented(
    case: Case, report_id: UUID, text: str | None, media: tuple[UUID, ...], at: datetime, rules: Rules
) -> Case:
    """The case with a note of what whoever sent `report_id` added to it."""
    order = Order(Act.NOTE_ADDITION, opinion=text, evidence=media, report_id=report_id)
    return perform(case, order, SYSTEM, at, rules)


def reopened(closed: Case, case_id: UUID, number: str, at: datetime, rules: Rules) -> Case:
    """A new case of the same matter, for the same reports, that points to the closed one."""
    report = Report(
        id=closed.report_id,
        category=closed.category,
        description=closed.description,
        place=closed.place,
        area=closed.area,
        source=closed.source,
        attributes=closed.attributes,
        media=closed.media,
    )
    case = open_case(report, case_id, number, at, rules)
    told = case.facts[0]._replace(details={"reopened_from": closed.id})
    return changed(case, reports=closed.reports, matters=Matters(reopened_from=closed.id), facts=(told,))
