"""A city's pack as the rules of the domain: the one place where dispatch reads packs."""

from collections.abc import Callable
from datetime import timedelta

from services.dispatch.domain.case import Act
from services.dispatch.domain.clocks import Stage
from services.dispatch.domain.rules import Route, Rules
from services.dispatch.domain.worktime import Calendar, Limit, Slot, Unit
from shared.kernel.area import AreaPath
from shared.packs.model import Limit as PackLimit
from shared.packs.model import Pack

STAGES = (Stage.ACCEPT, Stage.VERIFY, Stage.FILE, Stage.DISPATCH, Stage.CHECK)


def rules_of(pack: Pack) -> Rules:
    """What `pack` says about cases."""
    automatic = pack.automatic
    wanted = (
        (automatic.accept, Act.AUTO_ACCEPT),
        (automatic.file, Act.AUTO_FILE),
        (automatic.dispatch, Act.AUTO_DISPATCH),
    )
    return Rules(
        number_prefix=pack.number_prefix,
        calendar=calendar_of(pack),
        stages={stage: _limit(getattr(pack.stage_limits, stage.value)) for stage in STAGES},
        handling={
            (category.code, condition.key): _limit(condition.limit)
            for category in pack.categories.values()
            for condition in category.conditions
        },
        units={unit.code: unit.dept for unit in pack.units.values()},
        check_radius_m=pack.check_radius_m,
        automatic=tuple(act for on, act in wanted if on),
        route=_router(pack),
        single_desk=pack.procedure.single_desk,
        two_way=frozenset(frozenset(pair) for pair in pack.procedure.two_way),
        top_level=AreaPath(pack.area).level,
        location_needed=pack.procedure.location_needed,
        photo_needed=pack.procedure.photo_needed,
        reopen_for=timedelta(days=pack.procedure.reopen_days),
        answer_late_for=timedelta(hours=pack.procedure.answer_late_hours),
        urging_limit=_limit(pack.procedure.urging),
        summons_limit=_limit(pack.procedure.summons),
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


def _router(pack: Pack) -> Callable[[str, AreaPath], Route | None]:
    """`pack.unit_for` and the default condition as a look-up: a walk up the area's levels instead of over all units."""
    nearest = {(unit.dept, unit.area): unit.code for unit in reversed(pack.units.values())}
    known = {code: (category.dept, category.default_condition.key) for code, category in pack.categories.items()}

    def route(category: str, area: AreaPath) -> Route | None:
        found = known.get(category)
        if found is None:
            return None
        dept, condition = found
        here: AreaPath = area
        while (unit := nearest.get((dept, here))) is None:
            if not here:
                return None
            here = here.parent
        return Route(condition, unit, f"{dept}@{here or 'city'}")

    return route
