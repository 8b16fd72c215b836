"""A city's pack as the rules of the domain: the one place where dispatch reads packs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from services.dispatch.domain.clocks import Stage
from services.dispatch.domain.routing import Routing
from services.dispatch.domain.rules import Goes, Route, Rules, nobody_on_duty
from services.dispatch.domain.steps import ClockStep, Do, course_of
from services.dispatch.domain.worktime import Calendar, Limit, Slot, Unit
from services.dispatch.pack_routing import city_of, rules_from
from shared.kernel.area import AreaPath
from shared.packs.model import Calendar as PackCalendar
from shared.packs.model import Limit as PackLimit
from shared.packs.model import Pack
from shared.packs.model import Step as PackStep
from shared.packs.routing import parse_rules

STAGES = (Stage.ACCEPT, Stage.VERIFY, Stage.FILE, Stage.DISPATCH, Stage.CHECK)


class Published(NamedTuple):
    """A calendar that is for the area `area` (empty: the whole city), as the `edition`-th publication made it."""

    edition: int
    area: str
    calendar: PackCalendar


class Live(NamedTuple):
    """What changes while the service runs: routing rules, units, who is on duty."""

    route: Route
    units: Mapping[str, str]
    on_duty: Goes


def own_calendars(pack: Pack) -> list[Published]:
    """The calendars that the pack itself brings: the city's first, then those of its areas."""
    local = [Published(0, area, own.calendar) for area, own in pack.areas.items() if own.calendar]
    return [Published(0, AreaPath.root(), pack.calendar), *local]


def rules_of(pack: Pack, published: Sequence[Published] = (), live: Live | None = None) -> Rules:
    """What `pack` says about cases; without what is `live`, by its own units and routing rules (as version 0). With the
    calendars of `published` in the order of their editions: of an area the last one is in force, the earlier ones are
    those that older deadlines were counted from.
    """
    published = published or own_calendars(pack)
    edition = max(each.edition for each in published)
    calendars = {each.calendar.version: _calendar(pack, each.calendar, edition) for each in published}
    in_force = {each.area: calendars[each.calendar.version] for each in published}
    if live is None:
        own = rules_from(parse_rules(pack.routing.encode(), pack.name, []))
        units = {unit.code: unit.dept for unit in pack.units.values()}
        live = Live(Routing(own, 0, city_of(pack, in_force[""])).decide, units, nobody_on_duty)
    city = Rules(
        number_prefix=pack.number_prefix,
        calendar=in_force[""],
        stages={stage: _limit(getattr(pack.stage_limits, stage.value)) for stage in STAGES},
        handling={
            (category.code, condition.key): _limit(condition.limit)
            for category in pack.categories.values()
            for condition in category.conditions
        },
        units=live.units,
        check_radius_m=pack.check_radius_m,
        route=live.route,
        on_duty=live.on_duty,
        single_desk=pack.procedure.single_desk,
        two_way=frozenset(frozenset(pair) for pair in pack.procedure.two_way),
        top_level=AreaPath(pack.area).level,
        location_needed=pack.procedure.location_needed,
        photo_needed=pack.procedure.photo_needed,
        reopen_for=timedelta(days=pack.procedure.reopen_days),
        answer_late_for=timedelta(hours=pack.procedure.answer_late_hours),
        urging_limit=_limit(pack.procedure.urging),
        summons_limit=_limit(pack.procedure.summons),
        courses={Stage(stage): course_of(map(_step, steps)) for stage, steps in pack.steps if steps},
        calendars=calendars,
    )
    return replace(city, local={area: _local(city, pack, in_force, area) for area in {*in_force, *pack.areas} - {""}})


def _local(city: Rules, pack: Pack, in_force: Mapping[str, Calendar], area: str) -> Rules:
    """The city's rules with what each prefix of `area`, the longest last, has of its own."""
    rules = city
    for prefix in AreaPath(area).prefixes():
        own = pack.areas.get(prefix)
        limits = [(stage, getattr(own.stage_limits, stage.value)) for stage in STAGES] if own else []
        stages = {stage: _limit(limit) for stage, limit in limits if limit is not None}
        rules = replace(rules, calendar=in_force.get(prefix, rules.calendar), stages={**rules.stages, **stages})
    return rules


def calendar_of(pack: Pack) -> Calendar:
    """The pack's working time, in the pack's time zone."""
    return _calendar(pack, pack.calendar, 0)


def _calendar(pack: Pack, stated: PackCalendar, edition: int) -> Calendar:
    return Calendar(
        version=stated.version,
        time_zone=pack.time_zone,
        slots=tuple(Slot(*slot.minutes) for slot in stated.slots),
        holidays=frozenset(stated.holidays),
        workdays=frozenset(stated.workdays),
        weekend=frozenset(range(1, 8)) - stated.weekdays,
        published=stated.published,
        edition=edition,
    )


def _step(step: PackStep) -> ClockStep:
    return ClockStep(step.percent, Do(step.do), step.to)


def _limit(limit: PackLimit) -> Limit:
    # Typed in the catalogue, urgent 紧急 or not: no text is read for the word, which wins over any type where it is.
    return Limit(limit.amount, Unit(limit.unit))
