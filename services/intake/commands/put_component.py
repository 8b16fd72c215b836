"""Put a component: register it, or make what was registered the version before."""

from typing import NamedTuple

from services.intake.commands.keep_components import keep_components
from services.intake.domain.component import BadComponent, Component, ComponentChanged, FormerCodeTaken, Kept
from services.intake.store import components as store
from services.intake.store.component_rows import rows_of
from shared.auth import Principal, authorize
from shared.kernel.area import AreaPath
from shared.kernel.errors import FieldError
from shared.postgres import Connection, Pool, transaction

ACTION = "components:write"


class Put(NamedTuple):
    """The component as it now stands; `new` if it was not registered before."""

    kept: Kept
    new: bool


async def put_component(pool: Pool, who: Principal, component: Component, expected: int | None) -> Put:
    """`expected` is the version it was decided on, None for whichever. Put as it stands it keeps its version.

    Raises OutsideScope, ComponentChanged, FormerCodeTaken, BadComponent.
    """
    authorize(who, ACTION, AreaPath(component.area))
    async with transaction(pool) as tx:
        await store.lock(tx)
        before = await store.find(tx, component.code)
        if before is not None:
            authorize(who, ACTION, AreaPath(before.component.area))
        _as_decided_on(component.code, before, expected)
        await _links(tx, component)
        await keep_components(tx, rows_of([component], who.subject))
        kept = await store.find(tx, component.code)
        assert kept is not None
    return Put(kept, before is None)


def _as_decided_on(code: int, before: Kept | None, expected: int | None) -> None:
    if expected is None or (before is not None and before.version == expected):
        return
    now = "is not registered" if before is None else f"is at version {before.version}, since {before.since:%F %T}Z"
    raise ComponentChanged(f"you decided on version {expected} of component {code}; it {now}: look at it again")


async def _links(tx: Connection, component: Component) -> None:
    """What it names beside itself: the code it had, the component that took its place."""
    if component.former_code is not None:
        other = await store.former_taken(tx, component.former_code, component.code)
        if other is not None:
            raise FormerCodeTaken(
                f"{component.former_code} is the former code of component {other}",
                errors=[FieldError("/former_code", f"component {other} has it")],
            )
    if component.successor is not None and await store.find(tx, component.successor) is None:
        raise BadComponent(
            f"component {component.successor} is not registered: register the successor first",
            errors=[FieldError("/successor", "no such component")],
        )
