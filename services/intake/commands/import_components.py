"""Import components 部件普查导入: a batch a transaction, from where it stands."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from services.intake.commands.keep_components import Counts, keep_components
from services.intake.components.batches import Batch, Plan, batches
from services.intake.components.kinds import division_of, kind_names
from services.intake.grids.index import Grid
from services.intake.store import areas as areas_store
from services.intake.store import component_imports as store
from services.intake.store.component_imports import Standing
from shared.imports.beside import beside
from shared.imports.reading import Source
from shared.imports.refused import errors_header, is_whole, put_aside, refused_rows
from shared.kernel.errors import Conflict
from shared.packs import Pack
from shared.postgres import Pool, transaction

# An import that was killed leaves its lock as soon as the server has noticed.
PATIENCE_SECONDS = 10.0
_LOOK_SECONDS = 0.02


class ComponentImportUnderWay(Conflict):
    slug, title, title_zh = (
        "component-import-under-way",
        "Another import of components is under way",
        "部件导入正在进行",
    )


class ComponentImportMoved(Conflict):
    slug, title, title_zh = (
        "component-import-moved",
        "Another process went on with this import",
        "该部件导入已被其他进程推进",
    )


class NoGrids(Conflict):
    slug, title, title_zh = "no-grids", "This city has no grids yet", "尚未划分网格"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be imported. `errors` is where refused rows go; `size` rows are one transaction."""

    source: Source
    errors: Path
    size: int = 5_000


class Progress(NamedTuple):
    """How far it is: `line` of the file."""

    line: int
    standing: Standing


Told = Callable[[Progress], None]


async def import_components(pool: Pool, pack: Pack, asked: Asked, told: Told = lambda progress: None) -> Standing:
    """All of the file that is right is registered, each component once, however often this is called, stopped and
    called again. Raises NoGrids, ComponentImportUnderWay, ComponentImportMoved, ReaderEnded, and what the database or
    the disk raises.
    """
    async with _alone(pool):
        standing = await _standing(pool, asked)
        plan = await _plan(pool, pack, asked, standing)
        with refused_rows(asked.errors, errors_header(asked.source), standing.errors_bytes) as refused:
            async with contextlib.aclosing(beside(batches, plan)) as found:
                async for batch in found:
                    refused.write(batch.errors)
                    standing = await _store(pool, standing, batch, refused.length)
                    told(Progress(batch.line, standing))
        async with pool.acquire() as connection:
            await store.finish(connection, standing.id)
    return standing


async def check_components(pool: Pool, pack: Pack, asked: Asked, told: Told = lambda progress: None) -> Standing:
    """What of the file is right, without a trace but for the file of refused rows: `added` counts all that is."""
    standing = Standing(0)
    plan = await _plan(pool, pack, asked, standing)
    put_aside(asked.errors)
    with refused_rows(asked.errors, errors_header(asked.source), 0) as refused:
        async with contextlib.aclosing(beside(batches, plan)) as found:
            async for batch in found:
                refused.write(batch.errors)
                standing = _after(standing, batch, Counts(added=len(batch.rows.codes)), refused.length)
                told(Progress(batch.line, standing))
    return standing


async def _standing(pool: Pool, asked: Asked) -> Standing:
    """Where the import of this file was cut short, or a new one: also when its refused rows are not there any more."""
    async with transaction(pool) as tx:
        found = await store.unfinished(tx, asked.source.sha256)
        if found is not None:
            if is_whole(asked.errors, found.errors_bytes):
                return found
            await store.finish(tx, found.id)
        begun = await store.begin(tx, str(asked.source.path), asked.source.sha256)
    put_aside(asked.errors)
    return begun


async def _plan(pool: Pool, pack: Pack, asked: Asked, standing: Standing) -> Plan:
    async with pool.acquire() as connection:
        rows = await areas_store.grids(connection, pack.levels[-1].key)
    if not rows:
        raise NoGrids("a component lies in a grid, and there is none: define the areas first (wangge areas import)")
    grids = tuple(Grid(*row) for row in rows)
    by = f"import:{standing.id}"
    names, division = kind_names(pack), division_of(pack)
    return Plan(asked.source, names, division, grids, by, asked.size, standing.rows_done)


async def _store(pool: Pool, before: Standing, batch: Batch, errors_bytes: int) -> Standing:
    """One transaction: the components, and that their rows are settled."""
    async with transaction(pool) as tx:
        # Settled first and counted after: the fence is the first thing written.
        settled = before._replace(rows_done=batch.rows_done, errors_bytes=errors_bytes)
        if not await store.advance(tx, before, settled):
            raise ComponentImportMoved(
                "another process went on with this import; start it again to see how far it came"
            )
        after = _after(before, batch, await keep_components(tx, batch.rows), errors_bytes)
        await store.advance(tx, settled, after)
    return after


def _after(before: Standing, batch: Batch, counts: Counts, errors_bytes: int) -> Standing:
    return before._replace(
        rows_done=batch.rows_done,
        added=before.added + counts.added,
        changed=before.changed + counts.changed,
        unchanged=before.unchanged + counts.unchanged,
        refused=before.refused + batch.refused,
        errors_bytes=errors_bytes,
    )


@contextlib.asynccontextmanager
async def _alone(pool: Pool) -> AsyncIterator[None]:
    """No other import of components. One that was killed a moment ago is waited for."""
    async with pool.acquire() as connection:
        until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while not await store.lock_imports(connection):
            if asyncio.get_running_loop().time() > until:
                raise ComponentImportUnderWay("another process is importing components: wait for its end")
            await asyncio.sleep(_LOOK_SECONDS)
        try:
            yield
        finally:
            connection.terminate()  # the lock goes with its connection
