"""Keep components: what is new is added, what differs becomes the next version, what stands as given is left alone."""

from typing import NamedTuple

from services.intake.store import component_rows
from services.intake.store import components as store
from services.intake.store.component_rows import Rows
from shared.postgres import Connection


class Counts(NamedTuple):
    """What became of components that were given."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0


async def keep_components(tx: Connection, rows: Rows) -> Counts:
    """Each code once in `rows`. The registry is locked to the end of the transaction."""
    if not rows.codes:
        return Counts()
    await store.lock(tx)
    known = await store.known(tx, rows.codes)
    if not known:  # a first census: nothing to compare, the lines go on as they came
        await component_rows.add(tx, rows.lines)
        return Counts(added=len(rows.codes))
    fresh: list[bytes] = []
    changed: dict[int, bytes] = {}
    for code, found, line in zip(rows.codes, rows.prints, rows.lines.splitlines(keepends=True), strict=True):
        before = known.get(code)
        if before is None:
            fresh.append(line)
        elif before[1] != found:
            changed[code] = component_rows.again(line, before[0] + 1)
    if changed:
        await store.put_away(tx, [*changed])
    if fresh or changed:
        await component_rows.add(tx, b"".join([*fresh, *changed.values()]))
    return Counts(len(fresh), len(changed), len(rows.codes) - len(fresh) - len(changed))
