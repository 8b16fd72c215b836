"""Category and place put right before the case is dispatched; reports that come to a case, or leave it."""

from datetime import datetime
from typing import Any

from services.dispatch.domain.case import Actor, Case, Status
from services.dispatch.domain.effects.effect import Effect
from services.dispatch.domain.effects.filing import limit_of
from services.dispatch.domain.order import Order
from services.dispatch.domain.refusals import NothingCorrected, UnknownCategory
from services.dispatch.domain.rules import Rules
from shared.kernel.errors import FieldError


def correct(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """更正: another category, another place, and with it another grid where that is needed.

    A case that is filed already needs the condition of its new category, since its limit hangs on it.
    """
    changes: dict[str, Any] = {}
    if order.category and order.category != case.category:
        changes |= _category(case, order.category, order.condition, rules)
    if order.location and order.location != case.place:
        changes["place"] = order.location
    if order.area and order.area != case.area:
        changes["area"] = order.area
    if not changes:
        raise NothingCorrected(
            f"case {case.number} says so already: give another category, location or area",
            errors=[FieldError("", "at least one of category, location, area, other than now")],
        )
    details = {
        "category_before": case.category if "category" in changes else None,
        "location": changes.get("place"),
        "location_before": case.place if "place" in changes else None,
        "routing_key_before": case.area if "area" in changes else None,
    }
    return Effect(changes, details, moved_from=case.area if "area" in changes else None)


def _category(case: Case, category: str, condition: str | None, rules: Rules) -> dict[str, Any]:
    if not rules.conditions(category):
        raise UnknownCategory(
            f"{category!r} is no category of this city; GET /intake/v1/catalogue lists them",
            errors=[FieldError("/category", "the code of a category")],
        )
    if case.status is not Status.FILED:
        return {"category": category}
    return {"category": category, "condition": condition, "limit": limit_of(category, condition, rules)}


def absorb(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """The reports of a case that was merged into this one: whoever sent them is told of this one from now on."""
    assert order.other is not None
    new = tuple(report for report in order.other.reports if report not in case.reports)
    media = tuple(each for each in order.other.media if each not in case.media)
    details = {"absorbed": order.other.id, "absorbed_number": order.other.number, "new_reports": list(new)}
    return Effect({"reports": (*case.reports, *new), "media": (*case.media, *media)}, details)


def add_report(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """重复上报: more reports of the same matter, which intake found when they came; what they show is kept with it."""
    new = tuple(report for report in order.reports if report not in case.reports)
    media = tuple(each for each in order.media if each not in case.media)
    return Effect({"reports": (*case.reports, *new), "media": (*case.media, *media)}, {"new_reports": list(new)})


def remove_report(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """A desk found that they tell of another matter: each goes to a case of its own. The first report stays."""
    gone = [report for report in case.reports[1:] if report in order.reports]
    kept = tuple(report for report in case.reports if report not in gone)
    return Effect({"reports": kept}, {"removed_reports": gone})
