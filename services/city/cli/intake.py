"""Commands of intake: keys."""

import asyncio
from datetime import datetime
from typing import Annotated

import typer

# What an app needs that posts reports.
REPORTING = ("reports:create", "reports:read", "media:create", "areas:read", "catalogue:read", "components:read")

keys = typer.Typer(no_args_is_help=True, help="API keys 接口密钥 of third-party apps.")


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
    area: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="Area path it is limited to; repeat for more. Default: the whole city."),
    ] = None,
    category: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="Category code it is limited to; repeat for more.")
    ] = None,
    rate: Annotated[int | None, typer.Option(help="Requests a second, at most.", min=1)] = None,
    daily: Annotated[int | None, typer.Option(help="Requests a day of the city, at most.", min=1)] = None,
    expires: Annotated[datetime | None, typer.Option(help="When it ends (UTC). Default: never.")] = None,
) -> None:
    """Issue a key and print it: it is shown this once and kept only as a hash."""
    from datetime import UTC

    from services.city.cli.opened import opened
    from services.intake.commands.issue_key import issue_key
    from services.intake.domain.key import Scope, check_scope
    from shared.auth import KEY_ACTIONS
    from shared.kernel.area import AreaPath, AreaPaths

    async def work() -> str:
        async with opened("intake") as wired:
            given = [AreaPath.parse(each) for each in area or () if each]
            path = AreaPaths.of(given) if given else AreaPath.root()
            scope = Scope(tuple(action or REPORTING), path, tuple(category) if category else None, rate, daily)
            check_scope(scope, actions=KEY_ACTIONS, categories=wired.pack.categories)
            ends = expires.replace(tzinfo=UTC) if expires else None
            _, secret = await issue_key(wired.pool, wired.outbox, wired.clock, name=name, scope=scope, expires_at=ends)
        return secret

    typer.echo(asyncio.run(work()))


@keys.command("list", short_help="Every key, and what it may do.")
def list_keys() -> None:
    """Every key: its id, whose it is, what it may do and whether it still may."""
    from rich.console import Console
    from rich.table import Column, Table

    from services.city.cli.opened import opened
    from services.intake.queries.keys import keys as page_of_keys
    from shared.auth import Principal
    from shared.kernel.area import AreaPath

    async def work() -> Table:
        table = Table(Column("id", no_wrap=True), "name", "actions", "area", "limits", "last used", "state")
        operator = Principal("staff", "operator", AreaPath.root(), frozenset({"keys:write"}))
        cursor: str | None = None
        async with opened("intake") as wired:
            while True:
                page = await page_of_keys(wired.pool, operator, cursor=cursor, limit=500)
                for key in page.items:
                    ends = f"until {key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else "live"
                    state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else ends
                    if key.replaced_by:
                        state += f", replaced by {key.replaced_by}"
                    limits = [f"{n:,}/{per}" for n, per in ((key.scope.rate, "s"), (key.scope.daily, "day")) if n]
                    area = " ".join(key.scope.areas) or key.scope.area or "(all)"
                    used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else ""
                    table.add_row(key.id, key.name, " ".join(key.scope.actions), area, " ".join(limits), used, state)
                cursor = page.next
                if cursor is None:
                    return table

    Console().print(asyncio.run(work()))


@keys.command("rotate", short_help="Put a second key in the place of one, and print it.")
def rotate(
    key_id: Annotated[str, typer.Argument(help="The key's id; see `wangge keys list`.")],
    overlap: Annotated[float, typer.Option(help="Hours for which both open.", min=0, max=720)] = 24.0,
) -> None:
    """Issue a key with the same scope, print it this once, and let the old one end after the overlap."""
    from datetime import timedelta

    from services.city.cli.opened import opened
    from services.intake.commands.rotate_key import rotate_key
    from shared.auth import Principal
    from shared.kernel.area import AreaPath

    async def work() -> tuple[str, str]:
        operator = Principal("staff", "operator", AreaPath.root(), frozenset({"keys:write"}))
        async with opened("intake") as wired:
            old, _, secret = await rotate_key(
                wired.pool, wired.outbox, wired.clock, operator, key_id, overlap=timedelta(hours=overlap)
            )
        return f"{old.id} ({old.name}) opens until {old.expires_at:%Y-%m-%d %H:%M} UTC; the new key:", secret

    told, secret = asyncio.run(work())
    typer.echo(told, err=True)
    typer.echo(secret)


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
