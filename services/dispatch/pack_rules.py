"""A city's pack as the rules of the domain: the one place where dispatch reads packs."""

from services.dispatch.domain.clocks import Stage
from services.dispatch.domain.routing import Routing
from services.dispatch.domain.rules import Route, Rules
from services.dispatch.domain.worktime import Calendar, Limit, Slot, Unit
from services.dispatch.pack_routing import city_of, rules_from
from shared.packs.model import Limit as PackLimit
from shared.packs.model import Pack
from shared.packs.routing import parse_rules

STAGES = (Stage.ACCEPT, Stage.VERIFY, Stage.FILE, Stage.DISPATCH, Stage.CHECK)


def rules_of(pack: Pack, route: Route | None = None) -> Rules:
    """What `pack` says about cases. Without a `route` by its own routing rules, as version 0."""
    calendar = calendar_of(pack)
    if route is None:
        route = Routing(
            rules_from(parse_rules(pack.routing.encode(), pack.name, [])), 0, city_of(pack, calendar)
        ).decide
    return Rules(
        number_prefix=pack.number_prefix,
        calendar=calendar,
        stages={stage: _limit(getattr(pack.stage_limits, stage.value)) for stage in STAGES},
        handling={
            (category.code, condition.key): _limit(condition.limit)
            for category in pack.categories.values()
            for condition in category.conditions
        },
        units=frozenset(pack.units),
        check_radius_m=pack.check_radius_m,
        route=route,
    )


def calendar_of(pack: Pack) -> Calendar:
    """The pack's working time, in the pack's time zone."""
    stated = pack.calendar
    return Calendar(
        version=stated.version,
        time_zone=pack.time_zone,
        slots=tuple(
            Slot(slot.start.hour * 60 + slot.start.minute, slot.end.hour * 60 + slot.end.minute)
            for slot in stated.slots
        ),
        holidays=frozenset(stated.holidays),
        workdays=frozenset(stated.workdays),
        weekend=frozenset(range(1, 8)) - stated.weekdays,
        published=stated.published,
    )


def _limit(limit: PackLimit) -> Limit:
    return Limit(limit.amount, Unit(limit.unit))
