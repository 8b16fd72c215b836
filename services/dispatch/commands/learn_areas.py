"""Keep which areas there are, as intake defines them."""

from collections.abc import Sequence

from services.dispatch.store import areas
from services.dispatch.store.areas import AreaRow
from shared.postgres import Connection

__all__ = ["AreaRow", "learn_areas"]


async def learn_areas(tx: Connection, facts: Sequence[AreaRow]) -> None:
    """The newest version of each path counts, in whichever order they come."""
    newest = {fact.path: fact for fact in sorted(facts, key=lambda each: each.version)}
    if newest:
        await areas.save(tx, [newest[path] for path in sorted(newest)])
