"""Commands of intake: areas, keys."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

# What an app needs that posts reports.
REPORTING = ("reports:create", "reports:read", "media:create", "areas:read", "catalogue:read", "components:read")

areas = typer.Typer(no_args_is_help=True, help="Areas 区域: the districts, streets, communities and grids of the city.")
keys = typer.Typer(no_args_is_help=True, help="API keys 接口密钥 of third-party apps.")


@areas.command("import", short_help="Define areas from a file or a pack.")
def import_file(
    file: Annotated[
        Path | None, typer.Argument(help="GeoJSON FeatureCollection, or CSV: path, name, level, geometry (WKT).")
    ] = None,
    pack: Annotated[str | None, typer.Option(help="Instead of a file: the areas that this regime pack draws.")] = None,
    retire_below: Annotated[
        str | None, typer.Option(help="Area path: retire the areas below it that are not given.")
    ] = None,
) -> None:
    """Define areas from a file. Refused as a whole when grids overlap or leave gaps; what stands as given is kept."""
    from services.city.cli.opened import opened
    from services.city.furnish import areas_of
    from services.city.trouble import Trouble
    from services.intake.commands.import_areas import import_areas
    from services.intake.grids.reading import read_areas
    from shared.kernel.area import AreaPath
    from shared.packs import load

    async def work() -> str:
        if file is not None and pack is None:
            kind = "text/csv" if file.suffix.lower() == ".csv" else "application/geo+json"
            given = read_areas(file.read_bytes(), kind)
        elif pack is not None and file is None:
            given = areas_of(load(pack))
        else:
            raise Trouble("name a file of areas, or a pack with --pack, one of the two")
        async with opened("intake") as wired:
            done = await import_areas(
                wired.pool,
                wired.outbox,
                wired.clock,
                given,
                levels=[level.key for level in wired.pack.levels],
                tolerance_m2=wired.settings.area_tolerance_m2,
                retire_below=AreaPath.parse(retire_below) if retire_below else None,
            )
        return f"areas: {done.defined} defined, {done.unchanged} as before, {done.retired} retired"

    typer.echo(asyncio.run(work()))


@keys.command("create", short_help="Issue a key and print it, this once.")
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, for people to read.")],
    action: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ACTION",
            help="What it may do; repeat for more. Default: what an app needs to report and to look it up.",
        ),
    ] = None,
    area: Annotated[str, typer.Option(help="Area path it is limited to; empty: the whole city.")] = "",
    category: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="Category code it is limited to; repeat for more.")
    ] = None,
    rate: Annotated[int | None, typer.Option(help="Requests a second, at most.", min=1)] = None,
    expires: Annotated[datetime | None, typer.Option(help="When it ends (UTC). Default: never.")] = None,
) -> None:
    """Issue a key and print it: it is shown this once and kept only as a hash."""
    from datetime import UTC

    from services.city.cli.opened import opened
    from services.intake.commands.issue_key import issue_key
    from services.intake.domain.key import Scope, check_scope
    from shared.auth import KEY_ACTIONS
    from shared.kernel.area import AreaPath

    async def work() -> str:
        async with opened("intake") as wired:
            path = AreaPath.parse(area) if area else AreaPath.root()
            scope = Scope(tuple(action or REPORTING), path, tuple(category) if category else None, rate)
            check_scope(scope, actions=KEY_ACTIONS, categories=wired.pack.categories)
            ends = expires.replace(tzinfo=UTC) if expires else None
            _, secret = await issue_key(wired.pool, wired.outbox, wired.clock, name=name, scope=scope, expires_at=ends)
        return secret

    typer.echo(asyncio.run(work()))


@keys.command("list", short_help="Every key, and what it may do.")
def list_keys() -> None:
    """Every key: its id, whose it is, what it may do and whether it still may."""
    from rich.console import Console
    from rich.table import Table

    from services.city.cli.opened import opened
    from services.intake.queries.keys import keys as page_of_keys
    from shared.auth import Principal
    from shared.kernel.area import AreaPath

    async def work() -> Table:
        table = Table("id", "name", "actions", "area", "state")
        operator = Principal("staff", "operator", AreaPath.root(), frozenset({"keys:write"}))
        cursor: str | None = None
        async with opened("intake") as wired:
            while True:
                page = await page_of_keys(wired.pool, operator, cursor=cursor, limit=500)
                for key in page.items:
                    state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else "live"
                    table.add_row(key.id, key.name, " ".join(key.scope.actions), key.scope.area or "(all)", state)
                cursor = page.next
                if cursor is None:
                    return table

    Console().print(asyncio.run(work()))


@keys.command("revoke", short_help="End a key, everywhere.")
def revoke(key_id: Annotated[str, typer.Argument(help="The key's id; see `wangge keys list`.")]) -> None:
    """Revoke a key: every service refuses it within two seconds."""
    from services.city.cli.opened import opened
    from services.intake.commands.revoke_key import revoke_key

    async def work() -> str:
        async with opened("intake") as wired:
            key = await revoke_key(wired.pool, wired.outbox, wired.clock, key_id)
        return f"revoked: {key.id} ({key.name})"

    typer.echo(asyncio.run(work()))
