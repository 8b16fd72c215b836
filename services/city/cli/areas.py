"""Commands of areas: import, look at, plan, generate."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

if TYPE_CHECKING:
    from services.intake.commands.import_areas import Checked
    from services.intake.domain.area import GivenArea
    from services.intake.grids.reading import Reading

areas = typer.Typer(no_args_is_help=True, help="Areas 区域: the districts, streets, communities and grids of the city.")

# Findings that a terminal shows; --map has all of them.
SHOWN = 30


@areas.command("import", short_help="Define areas from a file or a pack.")
def import_file(
    file: Annotated[
        Path | None, typer.Argument(help="GeoJSON FeatureCollection, or CSV: path, name, level, geometry (WKT).")
    ] = None,
    pack: Annotated[str | None, typer.Option(help="Instead of a file: the areas that this regime pack draws.")] = None,
    retire_below: Annotated[
        str | None, typer.Option(help="Area path: retire the areas below it that are not given.")
    ] = None,
    datum: Annotated[
        str | None, typer.Option(help="Of the coordinates: wgs84 (default), cgcs2000, gcj02, bd09.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing: list all that is wrong 试导入.")] = False,
    map_file: Annotated[
        Path | None, typer.Option("--map", help="With --dry-run: an HTML file to draw the areas and findings in.")
    ] = None,
    effective: Annotated[
        str | None, typer.Option(help="Not now: the day 2027-01-01, or a time with an offset, when it takes effect.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="Why, for the list of versions.")] = None,
) -> None:
    """Define areas from a file. Refused as a whole when grids overlap or leave gaps; what stands as given is kept.

    With --dry-run the exit status is 1 if the import would be refused.
    """
    from services.city.cli.opened import opened
    from services.city.trouble import Trouble
    from services.intake.commands.import_areas import Told, change_areas, check_areas
    from services.intake.commands.plan_areas import plan_areas
    from services.intake.domain.area import refuse
    from services.intake.domain.effective import time_of
    from services.intake.grids.change import Change
    from shared.kernel.area import AreaPath

    if map_file is not None and not dry_run:
        raise Trouble("--map draws what --dry-run finds: give both")

    async def work() -> bool:
        given, found = _read(file, pack, datum)
        change = Change(given, AreaPath.parse(retire_below, "--retire-below") if retire_below else None)
        async with opened("intake") as wired:
            if dry_run:
                return _tell(await check_areas(wired.pool, change, wired.area_rules, found), map_file)
            refuse(found)
            told = Told(note=note)
            if effective is not None:
                at = time_of(effective, wired.pack.zone, "--effective")
                planned = await plan_areas(wired.pool, wired.clock, change, wired.area_rules, at, told)
                typer.echo(f"areas: {len(given)} given, planned for {at.isoformat()} as {planned.plan.id}")
                return True
            done = await change_areas(wired.pool, wired.outbox, wired.clock, change, wired.area_rules, told)
        typer.echo(f"areas: {done.defined} defined, {done.unchanged} as before, {done.retired} retired")
        for finding in done.noted[:SHOWN]:
            typer.echo(f"noted 提示: {finding.message}")
        return True

    if not asyncio.run(work()):
        raise typer.Exit(1)


def _read(file: Path | None, pack: str | None, datum: str | None) -> "Reading":
    from services.city.furnish import areas_of
    from services.city.trouble import Trouble
    from services.intake.grids.reading import Reading, look_at
    from shared.kernel.place import Datum
    from shared.packs import load

    if datum is not None and datum not in list(Datum):
        raise Trouble(f"--datum is one of {', '.join(Datum)}")
    if file is not None and pack is None:
        kind = "text/csv" if file.suffix.lower() == ".csv" else "application/geo+json"
        return look_at(file.read_bytes(), kind, None if datum is None else Datum(datum))
    if pack is not None and file is None:
        return Reading(areas_of(load(pack)), [])
    raise Trouble("name a file of areas, or a pack with --pack, one of the two")


def _tell(checked: "Checked", map_file: Path | None) -> bool:
    """Print what was found and draw it. True if nothing of it refuses the import."""
    from rich.console import Console
    from rich.table import Table

    from services.intake.domain.area import KIND_ZH
    from services.intake.grids.measures import text_of
    from services.intake.grids.picture import picture

    table = Table("", "kind 类型", "what 说明", "m²", "place 位置", "where 行")
    for number, one in enumerate(checked.found[:SHOWN], start=1):
        size = "" if one.size_m2 is None else f"{one.size_m2:,.0f}"
        place = "" if one.at is None else text_of(one.at)
        table.add_row(str(number), f"{one.kind} {KIND_ZH[one.kind]}", one.message, size, place, one.where)
    if checked.found:
        Console().print(table)
    if len(checked.found) > SHOWN:
        typer.echo(f"and {len(checked.found) - SHOWN} more: --map FILE.html has them")
    refused = sum(not finding.noted for finding in checked.found)
    typer.echo(
        f"areas: {checked.defined} would be defined, {checked.unchanged} stay as they are, {checked.retired} end;"
        f" {refused} findings refuse it, {len(checked.found) - refused} are noted. Nothing was changed 未作修改"
    )
    if map_file is not None:
        page = picture("Areas: what is wrong 区域检查", checked.weighed.drawn, checked.found)
        map_file.write_text(page, encoding="utf-8")
        typer.echo(f"drawn in {map_file}")
    return refused == 0


@areas.command("generate", short_help="Draw grids inside a boundary 划分网格.")
def generate(
    output: Annotated[Path, typer.Argument(help="The GeoJSON file to write; look at it, then import it.")],
    inside: Annotated[
        str | None, typer.Option(metavar="PATH", help="An area of the city whose drawing is the boundary.")
    ] = None,
    boundary: Annotated[
        Path | None, typer.Option(help="Instead: a file of areas, as for import; grids are drawn in each.")
    ] = None,
    square: Annotated[float | None, typer.Option(help="Squares with sides of so many metres.", min=5)] = None,
    around: Annotated[
        Path | None, typer.Option(help="CSV with columns lon, lat: each point has the land nearest to it (Voronoi).")
    ] = None,
    per_cell: Annotated[int, typer.Option(help="With --around: so many neighbouring points in one grid.", min=1)] = 1,
    datum: Annotated[str | None, typer.Option(help="Of the points: wgs84 (default), cgcs2000, gcj02, bd09.")] = None,
    first: Annotated[int, typer.Option(help="The first grid's number.", min=1, max=999)] = 1,
) -> None:
    """Draw grids inside a boundary, with codes of the national style: the boundary's own and a number of three digits.

    Numbers run in rows from north to south, each from west to east.
    """
    import orjson
    import shapely

    from services.city.trouble import Trouble
    from services.intake.grids import generating
    from services.intake.grids.points import read_points
    from services.intake.settings import IntakeSettings
    from shared.kernel.place import Datum
    from shared.packs import load

    if (square is None) == (around is None):
        raise Trouble("give --square METRES or --around POINTS.csv, one of the two")
    if datum is not None and datum not in list(Datum):
        raise Trouble(f"--datum is one of {', '.join(Datum)}")
    points = [] if around is None else read_points(around.read_bytes(), Datum(datum or "wgs84"))
    level = load(IntakeSettings().pack).levels[-1].key
    bounds = asyncio.run(_bounds(inside, boundary))
    features: list[dict[str, Any]] = [] if boundary is None else [_feature(area) for area in bounds]
    drawn = 0
    for area in bounds:
        if area.geometry is None or area.level == level:
            continue
        shape = shapely.make_valid(shapely.from_wkb(area.geometry))
        cells = generating.squares(shape, square) if square is not None else generating.nearest(shape, points, per_cell)
        given = generating.numbered(area.path, cells, level, f"{area.name}{{:03d}}网格", first)
        features += [_feature(cell) for cell in given]
        drawn += len(given)
    if not drawn:
        raise Trouble("there is no boundary to draw in: the areas that were named have no geometry")
    output.write_bytes(orjson.dumps({"type": "FeatureCollection", "features": features}))
    typer.echo(f"{drawn} grids drawn in {output}; next: wangge areas import {output} --dry-run")


async def _bounds(inside: str | None, boundary: Path | None) -> "Sequence[GivenArea]":
    """The areas to draw in: those of a file that have nothing below them in it, or one of the city."""
    from services.city.cli.opened import opened
    from services.city.trouble import Trouble
    from services.intake.domain.area import GivenArea
    from services.intake.store.areas import find
    from shared.kernel.area import AreaPath

    if (inside is None) == (boundary is None):
        raise Trouble("give --inside PATH or --boundary FILE, one of the two")
    if boundary is not None:
        given = _read(boundary, None, None)
        if given.found:
            raise Trouble(f"{boundary}: {given.found[0].message}")
        above = {str(area.path.parent) for area in given.given}
        return [area for area in given.given if area.path not in above]
    path = AreaPath.parse(inside or "", "--inside")
    async with opened("intake") as wired:
        area = await find(wired.pool, path, geometry=True)
    if area is None or area.geometry is None:
        raise Trouble(f"{path} is no area of the city, or has no drawing")
    return [GivenArea(area.path, area.name, area.level, area.geometry, str(path))]


def _feature(area: "GivenArea") -> dict[str, Any]:
    import orjson
    import shapely

    drawn = None if area.geometry is None else shapely.to_geojson(shapely.from_wkb(area.geometry))
    return {
        "type": "Feature",
        "properties": {"path": area.path, "name": area.name, "level": area.level},
        "geometry": None if drawn is None else orjson.Fragment(drawn),
    }


@areas.command("plans", short_help="Changes that take effect on a day 变更计划.")
def list_plans() -> None:
    """Changes of the areas that are to come, and the last of those that came."""
    from rich.console import Console
    from rich.table import Table

    from services.city.cli.opened import opened
    from services.intake.store import area_plans

    async def work() -> Table:
        table = Table("id", "effective 生效", "areas", "state", "by", "note")
        async with opened("intake") as wired:
            for plan in await area_plans.page(wired.pool, None, 100):
                at = plan.effective_at.astimezone(wired.pack.zone).isoformat(timespec="minutes")
                table.add_row(str(plan.id), at, str(plan.areas), plan.status, plan.planned_by, plan.note or "")
        return table

    Console().print(asyncio.run(work()))


@areas.command("withdraw", short_help="Take a planned change back 撤销计划.")
def withdraw(plan_id: Annotated[UUID, typer.Argument(help="Its id; see `wangge areas plans`.")]) -> None:
    """Withdraw a change of the areas before it takes effect."""
    from services.city.cli.opened import opened
    from services.intake.commands.plan_areas import withdraw_plan

    async def work() -> str:
        async with opened("intake") as wired:
            plan = await withdraw_plan(wired.pool, wired.clock, plan_id)
        return f"withdrawn: {plan.id}, which would have taken effect at {plan.effective_at.isoformat()}"

    typer.echo(asyncio.run(work()))
