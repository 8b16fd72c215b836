"""The pack's handling units become rows, so that a unit which the pack drops is still known by its cases."""

from services.dispatch.store import units
from services.dispatch.wiring import Wired
from shared.postgres import transaction


async def load_units(wired: Wired) -> None:
    """Bring the units up to the pack. Doing it again changes nothing."""
    rows = [units.UnitRow(u.code, u.name.zh, u.name.en, u.dept, u.area) for u in wired.pack.units.values()]
    async with transaction(wired.pool) as tx:
        await units.load(tx, rows)
