"""Import handling units: what is new or changed follows what was; what a file ends is dissolved, its cases in sight."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from services.dispatch.domain.people import UnitFields, check_units
from services.dispatch.domain.register import Entry, Finding, Given, Plan, StillHolding, plan, refuse
from services.dispatch.store import holding, registers
from services.dispatch.store.wanted import Sight
from services.dispatch.wiring import Wired
from shared.kernel.area import AreaPath
from shared.packs import Pack
from shared.postgres import Connection, transaction

NUMBERS_SHOWN = 3
# Since when a unit of the pack is true: a pack has no dates.
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


class Imported(NamedTuple):
    """What an import did, or would do; `left` are dissolved units or persons with what they still have in hand."""

    added: int
    ended: int
    unchanged: int
    left: dict[str, int]


async def import_units(
    wired: Wired, given: Sequence[Given], *, successor: str | None = None, keep: bool = False, dry_run: bool = False
) -> Imported:
    """Record `given`, all of it or nothing. A unit's row without `valid_from` is true from now on.

    A unit that holds open cases is dissolved only if somebody follows it (`successor` of its row, or for all of them)
    or its cases are to stay with it (`keep`). Either way they keep their unit until they are dispatched again, and
    `holding.units` lists them. Raises ImportRefused, StillHolding; then nothing was changed.
    """
    pack = wired.pack
    async with transaction(wired.pool) as tx:
        now = (await registers.lock(tx, "units")).at
        rows = [row._replace(successor=row.successor or (successor if row.valid_until else None)) for row in given]
        imported = await registers.units_at(tx, now)
        present = {code: entry for code, entry in imported.items() if entry.true_at(now)}
        base = {entry.key: entry for entry in _of_pack(pack) if entry.key not in imported}
        made, findings = plan(await registers.last_units(tx), rows, now)
        findings += check_units(rows, pack.departments, AreaPath(pack.area))
        findings += _successors(rows, {*present, *base}, made)
        refuse(findings)
        dissolved = [before.key for before, after in made.moved(present | base, now) if after is None]
        left = await holding.units(tx, dissolved, Sight(AreaPath.root()))
        if not keep:
            await _none_left(tx, {code: held.led for code, held in left.items() if held.led}, rows)
        if not dry_run and (made.added or made.ended):
            await registers.save_units(tx, made)
    return Imported(len(made.added), len(made.ended), made.unchanged, {c: h.led + h.assisted for c, h in left.items()})


def _of_pack(pack: Pack) -> list[Entry]:
    return [
        Entry(unit.code, UnitFields(unit.name.zh, unit.name.en, unit.dept, AreaPath(unit.area), None), _ALWAYS)
        for unit in pack.units.values()
    ]


def _successors(rows: Sequence[Given], known: set[str], made: Plan) -> list[Finding]:
    """A successor is a unit that there is after the import, and another one."""
    ends = {row.key for row in rows if row.valid_until}
    known = (known | made.added.keys()) - ends
    return [
        Finding(f"line {row.line}, successor", f"{row.successor} is no unit that goes on after this import")
        for row in rows
        if row.successor is not None and row.successor not in known
    ]


async def _none_left(tx: Connection, left: dict[str, int], rows: Sequence[Given]) -> None:
    followed = {row.key for row in rows if row.successor}
    waiting = {code: cases for code, cases in left.items() if code not in followed}
    for code, cases in waiting.items():
        numbers = ", ".join(await holding.case_numbers(tx, code, NUMBERS_SHOWN))
        others = [f"{each} ({number})" for each, number in waiting.items() if each != code]
        nor = f", and neither can {', '.join(others)}" if others else ""
        raise StillHolding(
            f"unit {code} still has {cases} open cases in hand (the oldest: {numbers}) and cannot be dissolved{nor}: "
            "name who follows (--successor CODE, or the column successor), or leave the cases until they are "
            "dispatched again (--keep); GET /dispatch/v1/units?dissolved_with_cases=true lists such units",
            facts={"unit": code, "cases": cases, "units": waiting},
        )
