"""A change of the areas from what was sent to its answer: a piece of work that another process can do as well."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import orjson
from pydantic import Field

from services.intake.api.area_shapes import taken
from services.intake.commands.import_areas import Checked, Imported, Once, Told, change_areas, check_areas
from services.intake.commands.plan_areas import Planned, plan_areas
from services.intake.commands.recut_areas import merge, split
from services.intake.domain.area import Finding, GivenArea, refuse
from services.intake.domain.effective import time_of
from services.intake.grids.change import Change, Rules
from services.intake.grids.picture import picture
from services.intake.grids.reading import look_at
from services.intake.grids.shapes import read_shapes, text_of
from shared.auth import Principal, authorize
from shared.bus.outbox import Outbox
from shared.http import AREA_PATH, Body
from shared.kernel.area import AreaPath
from shared.kernel.clock import Clock
from shared.kernel.place import Datum
from shared.postgres import Pool

JSON = "application/json"
Path = Annotated[str, Field(json_schema_extra=AREA_PATH)]


class PartBody(Body):
    """An area that a split makes; one of them may keep the path of what was split."""

    path: Path
    name: Annotated[str, Field(min_length=1, max_length=200)]
    geometry: dict[str, Any] | None = None


class SplitBody(Body):
    """Two areas or more that together cover what the one did."""

    into: Annotated[list[PartBody], Field(min_length=2, max_length=50)]
    datum: Datum = Datum.WGS84


class IntoBody(Body):
    """What the merged areas become; it may keep the path of one of them."""

    path: Path
    name: Annotated[str, Field(min_length=1, max_length=200)]


class MergeBody(Body):
    """Areas side by side in one area, and what they become."""

    areas: Annotated[list[Path], Field(min_length=2, max_length=50)]
    into: IntoBody


class What(Protocol):
    """What is to become of the areas, as it was sent."""

    async def change(self, pool: Pool) -> tuple[Change, Sequence[Finding]]:
        """As a change, with what was wrong with the reading. Raises what reading it raises."""
        ...


class Sent(NamedTuple):
    """A file of areas."""

    content: bytes
    media_type: str
    datum: Datum | None
    retire_below: AreaPath | None

    async def change(self, _: Pool) -> tuple[Change, Sequence[Finding]]:
        given, found = await asyncio.to_thread(look_at, self.content, self.media_type, self.datum)
        return Change(given, self.retire_below), found


class Split(NamedTuple):
    """An area in parts."""

    whole: AreaPath
    body: SplitBody

    async def change(self, pool: Pool) -> tuple[Change, Sequence[Finding]]:
        return await split(pool, self.whole, await asyncio.to_thread(self._parts)), ()

    def _parts(self) -> list[GivenArea]:
        into, found = self.body.into, list[Finding]()
        where = [f"/into/{n}/geometry" for n in range(len(into))]
        texts: list[bytes | str | None] = [None if part.geometry is None else text_of(part.geometry) for part in into]
        shapes = read_shapes(texts, where, self.body.datum, found)
        refuse(found)
        return [
            GivenArea(AreaPath.parse(part.path, pointer=f"/into/{n}/path"), part.name, "", shape, f"/into/{n}")
            for n, (part, shape) in enumerate(zip(into, shapes, strict=True))
        ]


class Merge(NamedTuple):
    """Areas in one."""

    paths: Sequence[AreaPath]
    into: AreaPath
    name: str

    async def change(self, pool: Pool) -> tuple[Change, Sequence[Finding]]:
        return await merge(pool, self.paths, self.into, self.name), ()


class Ask(NamedTuple):
    """A change as a request asks for it: now, on a day to come (`effective`), or only looked at.

    `drawn`: a dry run is answered with a map. `once` is its Idempotency-Key with the hash of the request.
    """

    caller: Principal
    what: What
    dry_run: bool
    effective: str | None
    note: str | None
    drawn: bool
    once: tuple[str, bytes] | None
    address: str


class House(NamedTuple):
    """What the work needs."""

    pool: Pool
    outbox: Outbox
    clock: Clock
    rules: Rules
    zone: ZoneInfo


class Answer(NamedTuple):
    status: int
    media_type: str
    body: bytes
    retry_after: str | None = None


async def carry_out(house: House, ask: Ask) -> Answer:
    """Raises OutsideScope for areas outside the caller's own, AreasRefused, BadEffective, KeyReused, InFlight, and what
    reading it raises.
    """
    once = None if ask.once is None else Once(ask.caller.subject, *ask.once, _json)
    before = None if once is None else await once.answered(house.pool)
    if before is not None:
        return Answer(200 if orjson.loads(before)["plan"] is None else 202, JSON, before)
    change, found = await ask.what.change(house.pool)
    for path in (*(area.path for area in change.given), *change.retire):
        if not ask.caller.area.covers(path):
            authorize(ask.caller, "areas:write", AreaPath(path))
    if ask.dry_run:
        checked = await check_areas(house.pool, change, house.rules, found)
        if ask.drawn:
            return Answer(200, "text/html", (await asyncio.to_thread(_drawn, checked)).encode())
        return Answer(200, JSON, _json(checked))
    refuse(found)
    told = Told(ask.caller.subject, ask.note)
    if ask.effective is not None:
        at = time_of(ask.effective, house.zone, "?effective")
        return Answer(202, JSON, _json(await plan_areas(house.pool, house.clock, change, house.rules, at, told, once)))
    done = await change_areas(house.pool, house.outbox, house.clock, change, house.rules, told, once=once)
    return Answer(200, JSON, _json(done))


def _json(done: Imported | Planned | Checked) -> bytes:
    return taken(done).model_dump_json().encode()


def _drawn(checked: Checked) -> str:
    return picture("Areas: what is wrong 区域检查", checked.weighed.drawn, checked.found)
