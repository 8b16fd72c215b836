"""Import persons 人员: each holds one post of one centre; who leaves a post leaves no open task behind unseen."""

from collections.abc import Sequence

from services.dispatch.commands.import_units import Imported
from services.dispatch.domain.people import check_persons, reach
from services.dispatch.domain.register import Finding, Given, StillHolding, plan, refuse
from services.dispatch.store import holding, registers
from services.dispatch.wiring import Wired
from shared.kernel.area import AreaPath
from shared.postgres import transaction


async def import_people(
    wired: Wired,
    given: Sequence[tuple[Given, str | None]],
    *,
    successor: str | None = None,
    keep: bool = False,
    dry_run: bool = False,
) -> Imported:
    """Record `given`, rows with the centre that each states, all of it or nothing.

    A person whom open verifications or checks wait for leaves the post, or the area, only if somebody follows
    (`successor` of the row, or for all of them) or the tasks are to stay (`keep`). Either way they keep their assignee
    until they are given to somebody else. Raises ImportRefused, StillHolding; then nothing was changed.
    """
    async with transaction(wired.pool) as tx:
        now = (await registers.lock(tx, "people")).at
        rows = [row._replace(successor=row.successor or (successor if row.valid_until else None)) for row, _ in given]
        present = await registers.persons_at(tx, now)
        last_units = await registers.last_units(tx)
        units = {code for code, entry in last_units.items() if entry.valid_until is None or entry.valid_until > now}
        units |= set(wired.pack.units) - last_units.keys()
        made, findings = plan(await registers.last_persons(tx), rows, now)
        findings += check_persons(given, units, AreaPath(wired.pack.area))
        ends = {row.key for row in rows if row.valid_until}
        going_on = (present.keys() | made.added.keys()) - ends
        findings += [
            Finding(f"line {row.line}, successor", f"{row.successor} is nobody who is in a post after this import")
            for row in rows
            if row.successor is not None and row.successor not in going_on
        ]
        refuse(findings)
        moved = {before.key: reach(after) for before, after in made.moved(present, now)}
        left = await holding.persons(tx, moved, AreaPath.root())
        if not keep:
            _none_left(left, {row.key for row in rows if row.successor})
        if not dry_run and (made.added or made.ended):
            await registers.save_persons(tx, made)
    return Imported(len(made.added), len(made.ended), made.unchanged, left)


def _none_left(left: dict[str, int], followed: set[str]) -> None:
    for subject, tasks in left.items():
        if subject not in followed:
            raise StillHolding(
                f"{tasks} open tasks wait for {subject}, who could no longer answer them: name who follows "
                "(--successor SUBJECT, or the column successor), or leave the tasks until they are given to somebody "
                "else (--keep); "
                "GET /dispatch/v1/persons?left_with_tasks=true lists such persons",
                facts={"subject": subject, "tasks": tasks, "persons": left},
            )
