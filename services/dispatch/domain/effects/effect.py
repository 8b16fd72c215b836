"""What an act changes in a case beyond its status and clocks, and what its fact tells."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from services.dispatch.domain.case import Actor, Case
from services.dispatch.domain.changed import changed
from services.dispatch.domain.clocks import Stage, StageClock
from services.dispatch.domain.order import Order
from services.dispatch.domain.refusals import FieldMissing, UnknownUnit
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.words import act as act_words
from shared.kernel.area import AreaPath
from shared.kernel.errors import FieldError

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Effect(NamedTuple):
    """`changes` are fields of the case; `details` are what the fact adds to what every fact has. `clocks` stand in for
    the case's own before the act's row moves them; `resume` is the stage whose clock goes on instead of starting anew;
    `counted_to` is the earlier instant up to which the clock that stops is counted.
    """

    changes: Mapping[str, Any] = _NOTHING
    details: Mapping[str, Any] = _NOTHING
    clocks: tuple[StageClock, ...] | None = None
    resume: Stage | None = None
    counted_to: datetime | None = None
    moved_from: AreaPath | None = None


NO_EFFECT = Effect()
EffectOf: TypeAlias = Callable[[Case, Order, Actor, datetime, Rules], Effect]


def with_matters(case: Case, details: Mapping[str, Any] = _NOTHING, **matters: Any) -> Effect:
    """The effect that changes nothing but what is open on the case."""
    return Effect({"matters": changed(case.matters, **matters)}, details)


def words_needed(order: Order, field: str, what: str) -> str:
    """The text of `field`. Raises FieldMissing where it says nothing."""
    text: str | None = getattr(order, field)
    if text and text.strip():
        return text
    raise FieldMissing(
        f"{act_words(order.act)} needs {field}: {what}", errors=[FieldError(f"/{field}", f"required: {what}")]
    )


def known_unit(code: str | None, rules: Rules, pointer: str, but: tuple[str | None, ...] = ()) -> str:
    """A handling unit that exists and is none of `but`. Raises UnknownUnit."""
    if code and code in rules.units and code not in but:
        return code
    why = "is named already or leads the case" if code in but else "is no handling unit"
    raise UnknownUnit(
        f"{code!r} {why}; GET /dispatch/v1/units lists the units",
        errors=[FieldError(pointer, "the code of another handling unit, once")],
    )
