"""Receive a report: find its place, take it in, store it with its fact, answer."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from services.intake import outgoing
from services.intake.commands.admit_report import ReportRules, admit
from services.intake.commands.at_address import AreaNames, at_address
from services.intake.commands.at_component import at_component, named_components
from services.intake.commands.group_commit import GroupWriter
from services.intake.commands.name_media import name_media
from services.intake.commands.vault import Vault
from services.intake.domain.duplicates import own_spot
from services.intake.domain.masking import mask
from services.intake.domain.report import (
    MOST_LATITUDE,
    RECEIVED,
    SWAPPED,
    Asked,
    AtComponent,
    AtPoint,
    InGrid,
    OutsideEveryGrid,
    Report,
    UnknownGrid,
    receive,
)
from services.intake.grids.index import GridIndex, Grids
from services.intake.sealing import Sealer
from services.intake.store.reports import Row
from shared import telemetry
from shared.auth import Principal, authorize
from shared.bus.event import shard_of
from shared.kernel.area import AreaPath
from shared.kernel.clock import Clock
from shared.kernel.errors import FieldError
from shared.kernel.ids import tracking_code, uuid7
from shared.kernel.place import Place, to_wgs84
from shared.postgres import Pool

ACTION: Final = "reports:create"


@dataclass(frozen=True, slots=True)
class Desk:
    """What taking in a report needs: the catalogue's codes, the grids, the key for what is personal, the writer, what
    the city asks of a report, the names of its areas.
    """

    pool: Pool
    categories: Collection[str]
    grids: Grids
    sealer: Sealer
    writer: GroupWriter
    clock: Clock
    rules: ReportRules
    names: AreaNames
    vault: Vault


async def receive_report(
    desk: Desk, who: Principal, asked: Asked, key: str | None, request_hash: bytes | None
) -> bytes:
    """The JSON answer for the sender, given once the report is durable. Raises refusals of authorisation, of the
    report itself, of its key, and of a process that has not read its areas yet or whose writer is full.
    """
    authorize(who, ACTION)
    asked = admit(desk.rules, who, asked)
    asked, location = await at_address(desk.pool, desk.names, desk.grids.current.version, asked)
    if isinstance(location, AtComponent):
        named = await named_components(desk.pool, [asked])
        asked, place, grid = at_component(desk.grids.current, asked, named)
    else:
        place, grid = _locate(desk.grids.current, location)
    if asked.media:
        await known_media(desk, asked.media, who)
    row = entry(desk, who, asked, place, grid, desk.clock(), key, request_hash)
    await desk.vault.keep([row])
    return await desk.writer.write(row)


def _locate(grids: GridIndex, location: AtPoint | InGrid) -> tuple[Place, str]:
    if isinstance(location, AtPoint):
        place = to_wgs84(*location)
        return place, in_grid(grids, location, place, grids.locate(place))
    return place_of(grids, location)


def in_grid(grids: GridIndex, sent: AtPoint, place: Place, grid: str | None) -> str:
    """`grid`, the one found for `place`. Raises OutsideEveryGrid, with a hint where the two numbers were swapped."""
    if grid is not None:
        return grid
    at = f"longitude, latitude {place.lon:.6f}, {place.lat:.6f} (WGS 84) lies in no grid of this city"
    turned = to_wgs84(sent.lat, sent.lon, sent.datum) if abs(sent.lon) <= MOST_LATITUDE else None
    if turned is not None and grids.locate(turned) is not None:
        raise OutsideEveryGrid(
            f"{at}, and would the other way round: {SWAPPED}",
            errors=[FieldError("/location", f"in no grid of this city; {SWAPPED}")],
            facts={"hint": "swapped"},
        )
    raise OutsideEveryGrid(
        f"{at}; check the order and the datum", errors=[FieldError("/location", "in no grid of this city")]
    )


def place_of(grids: GridIndex, location: InGrid) -> tuple[Place, str]:
    """The place of a report that names a grid, in its middle. Raises UnknownGrid."""
    path = grids.path_of(location.grid)
    centre = None if path is None else grids.centre_of(path)
    if path is None or centre is None:
        raise UnknownGrid(
            f"there is no grid {mask(location.grid[:80])!r}; GET /intake/v1/areas?level=grid lists them",
            errors=[FieldError("/location/grid", "no such grid")],
        )
    return centre, path


async def known_media(desk: Desk, asked: Sequence[UUID], who: Principal | None = None) -> None:
    """Note that `asked` are named. Raises UnknownMedia for those that were never sent, and are not awaited from
    `who`.
    """
    await name_media(desk.pool, None if who is None else who.subject, asked, desk.clock())


def entry(
    desk: Desk,
    who: Principal,
    asked: Asked,
    place: Place,
    grid: str,
    now: datetime,
    key: str | None = None,
    request_hash: bytes | None = None,
    *,
    alone: bool = True,
) -> Row:
    """The report as it will be stored, with its fact, and with its answer if it was sent alone.

    Raises OutsideScope, and what `receive` raises.
    """
    if not who.area.covers(grid):
        authorize(who, ACTION, AreaPath(grid))
    report, personal = receive(
        asked, place, grid, report_id=uuid7(), tracking_code=tracking_code(), caller=who.subject, now=now
    )
    details: dict[str, Any] | None = None
    if report.attributes or report.media or report.origin or report.address:
        details = {"attributes": report.attributes, "media": report.media}
        if report.origin:
            details["origin"] = report.origin._asdict()
        if report.address:
            details |= {"address": report.address, "approximate": report.approximate}
    if report.component is not None:
        details = (details or {}) | {"component": report.component}
    if asked.kept:
        details = {**(details or {}), "open311": asked.kept}
    likeness, spot, expires_at = desk.writer.likenesses.get(report.category), None, None
    if likeness is not None and not isinstance(asked.location, InGrid):  # a grid's place is that of all that lies in it
        spot, expires_at = own_spot(likeness, place.lon, place.lat), now + likeness.window
    return Row(
        report.id,
        report.tracking_code,
        grid,
        report.category,
        report.description,
        place.lon,
        place.lat,
        report.source,
        report.occurred_at,
        now,
        who.subject,
        details,
        None if personal is None else desk.sealer.seal(report.id, personal),
        shard_of(grid),
        telemetry.traceparent(),
        outgoing.report_received(report, reachable=personal is not None and personal.reachable),
        _answer(report) if alone else b"",
        key,
        request_hash,
        spot=spot,
        expires_at=expires_at,
        component=None if report.component is None else int(report.component),
    )


def _answer(report: Report) -> bytes:
    return orjson.dumps(
        {
            "id": report.id,
            "tracking_code": report.tracking_code,
            "routing_key": report.routing_key,
            "status": RECEIVED,
            "merged_into": None,
        }
    )
