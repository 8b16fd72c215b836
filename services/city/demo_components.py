"""Components for the demo: a few thousand that we made up, so that a suggestion has something to suggest."""

import asyncio
import random
from collections import Counter

from services.intake.commands.keep_components import keep_components
from services.intake.components.kinds import division_of, kind_names
from services.intake.domain.component import Component, State
from services.intake.grids.index import Grid, GridIndex
from services.intake.store import areas as areas_store
from services.intake.store.component_rows import Rows, rows_of
from services.intake.wiring import Wired
from shared.kernel.place import Place
from shared.packs import Pack
from shared.packs.geography import draw_places
from shared.postgres import transaction

COUNT = 3_000
BY = "demo"
# The census of Haidian had an owner for four components of five (docs/components.md).
_OWNED = 0.8


async def demo_components(intake: Wired, pack: Pack) -> int:
    """Register the demo's components, the same at every start: how many are new. None in a city whose catalogue has no
    kinds with five digits, for whose components there is no code.
    """
    division, names = division_of(pack), kind_names(pack)
    if division is None or not names:
        return 0
    async with intake.pool.acquire() as connection:
        grids = [Grid(*row) for row in await areas_store.grids(connection, pack.levels[-1].key)]
    rows = await asyncio.to_thread(_made_up, pack, division, names, grids)
    async with transaction(intake.pool) as tx:
        return (await keep_components(tx, rows)).added


def _made_up(pack: Pack, division: str, names: dict[str, str], grids: list[Grid]) -> Rows:
    chance = random.Random(pack.demo.seed)
    kinds = [code for code in names if len(code) == 5 and code.isdecimal()]
    places = [Place(*place) for place in draw_places(pack, COUNT)]
    serials: Counter[str] = Counter()
    made = []
    for place, area in zip(places, GridIndex(grids, 0).locate_all(places), strict=True):
        kind = chance.choice(kinds)
        serials[kind] += 1
        owner = pack.categories[kind].dept if chance.random() < _OWNED else None
        if area is not None:
            code = int(f"{division}{kind}{serials[kind]:06}")
            made.append(
                Component(
                    code,
                    kind,
                    area,
                    *place,
                    State.INTACT.value,
                    names[kind],
                    owner=owner,
                    maintainer=owner,
                    data_source="生成 generated",
                    note="演示数据，非真实部件 made up for the demo",
                )
            )
    return rows_of(made, BY)
