"""Keep the names of the areas as intake defines them."""

from collections.abc import Sequence

from services.evaluation.incoming import AreaFact
from services.evaluation.store import areas
from shared.postgres import Connection


async def learn_areas(tx: Connection, facts: Sequence[AreaFact]) -> None:
    """The newest version of each path counts, in whichever order they come."""
    newest: dict[str, AreaFact] = {}
    for fact in sorted(facts, key=lambda f: f.version):
        known = newest.get(fact.path)
        if known is not None and fact.retired:
            fact = known._replace(version=fact.version, retired=True)
        newest[fact.path] = fact
    if newest:
        await areas.save(tx, [newest[path] for path in sorted(newest)])
