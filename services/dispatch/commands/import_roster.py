"""Import duty rosters 值班表: the rows of a file replace those of the areas that it names."""

from collections.abc import Sequence

from services.dispatch.commands.import_units import Imported
from services.dispatch.domain.register import refuse
from services.dispatch.domain.roster import Duty, check_roster
from services.dispatch.live import staff_of
from services.dispatch.store import registers, roster
from services.dispatch.wiring import Wired
from shared.kernel.area import AreaPath
from shared.postgres import transaction


async def import_roster(
    wired: Wired, given: Sequence[tuple[int, Duty]], *, retire_below: AreaPath | None = None, dry_run: bool = False
) -> Imported:
    """Take over `given`, rows with their lines, all of it or nothing; rows that stand as given stay.

    With `retire_below`, rows of that area and of those below it that the file does not name end too. Raises
    ImportRefused; then nothing was changed.
    """
    async with transaction(wired.pool) as tx:
        now = (await registers.lock(tx, "roster")).at
        staff = {person.subject: person for person in staff_of(await registers.persons_at(tx, now))}
        refuse(check_roster(given, staff, AreaPath(wired.pack.area)))
        named = {duty.area for _, duty in given}
        stands = await roster.in_force(tx)
        replaced = {
            row: duty
            for row, duty in stands.items()
            if duty.area in named or (retire_below is not None and retire_below.covers(duty.area))
        }
        wanted = [duty for _, duty in given]
        ended = [row for row, duty in replaced.items() if duty not in wanted]
        fresh = [duty for duty in wanted if duty not in replaced.values()]
        if not dry_run and (ended or fresh):
            await roster.replace(tx, ended, fresh, now)
            await registers.raise_version(tx, "roster")
    return Imported(len(fresh), len(ended), len(wanted) - len(fresh), {})
