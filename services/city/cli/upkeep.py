"""Commands that put something right: rebuild, parked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import typer

from services.city.cli.running import ServiceName

rebuild = typer.Typer(no_args_is_help=True, help="Count a projection anew from what was kept.")

parked = typer.Typer(
    no_args_is_help=True,
    help="Parked records 搁置记录: facts that a service could not apply. Their subject waits, all else goes on.",
)


@rebuild.command("evaluation", short_help="Count every score anew, then swap.")
def rebuild_evaluation(
    allow_missing: Annotated[
        bool,
        typer.Option(
            "--allow-missing", help="Count what is there although a version is missing (it was dropped on purpose)."
        ),
    ] = False,
) -> None:
    """Recompute every counter beside the ones in use, then swap. A missing version is refused with its name."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from services.city.cli.opened import opened
    from services.evaluation.commands.rebuild import rebuild as recompute

    async def work() -> str:
        columns = (TextColumn("facts 事件"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        console = Console()
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            bar = progress.add_task("facts", total=None)
            async with opened("evaluation") as wired:
                done = await recompute(
                    wired.pool,
                    told=lambda counted, of: progress.update(bar, completed=counted, total=of),
                    allow_missing=allow_missing,
                )
        return f"evaluation: {done.facts} facts of {done.cases} cases counted anew, {done.repaired} rows put right"

    typer.echo(asyncio.run(work()))


@rebuild.command("dispatch", short_help="Count the desks' counters anew.")
def rebuild_dispatch() -> None:
    """Count the cases of every area anew, while acts go on, and put right what differs. It never should."""
    from services.city.cli.opened import opened
    from services.dispatch.commands.carry_on import recount

    async def work() -> int:
        async with opened("dispatch") as wired:
            return await recount(wired)

    typer.echo(f"dispatch: all cases counted anew, {asyncio.run(work())} counters put right")


@parked.command("list", short_help="What is parked, and why.")
def list_parked(
    service: Annotated[ServiceName | None, typer.Argument(help="Whose. Default: everybody's.")] = None,
    limit: Annotated[int, typer.Option(help="The oldest so many of each service.", min=1)] = 100,
) -> None:
    """What is parked, why, and what to do about it."""
    from rich.console import Console
    from rich.table import Table

    from services.city.parts import SERVICES
    from shared.bus.parked import list_parked as parked_of
    from shared.postgres import connect
    from shared.settings import Settings

    async def work() -> Table:
        table = Table("service", "id", "group", "topic", "subject", "version", "reason", "tries", "error")
        connection = await connect(Settings().database_url, name="cli")
        try:
            for name in [service.value] if service else SERVICES:
                for one in await parked_of(connection, name, limit=limit):
                    sequence = "" if one.sequence is None else str(one.sequence)
                    row = (name, str(one.id), one.group, one.topic, one.subject or "", sequence, one.reason)
                    table.add_row(*row, str(one.attempts), one.error)
        finally:
            await connection.close()
        return table

    found = asyncio.run(work())
    if not found.row_count:
        typer.echo("nothing is parked 没有搁置记录")
        return
    Console().print(found)
    typer.echo("replay: give it to the service again, once its cause is mended; drop: give up this one version")


@parked.command("replay", short_help="Give records to their service again.")
def replay_parked(
    service: Annotated[ServiceName, typer.Argument(help="Whose.")],
    ids: Annotated[
        list[int] | None, typer.Argument(metavar="ID", help="Numbers from `wangge parked list`. Default: all.")
    ] = None,
) -> None:
    """Give parked records to their service again; what waited behind them follows in order."""
    from services.city.trouble import Trouble
    from shared.bus.parked import list_parked as parked_of
    from shared.bus.parked import replay
    from shared.postgres import transaction

    async def work() -> tuple[int, int]:
        async with _subscriptions(service.value) as (wired, subscriptions):
            settled: list[int] = []
            for subscription in subscriptions:
                async with wired.pool.acquire() as connection:
                    settled += await replay(connection, subscription, ids)
            async with transaction(wired.pool) as connection:
                left = await parked_of(connection, service.value)
        return len(settled), len([one for one in left if ids is None or one.id in ids])

    settled, left = asyncio.run(work())
    typer.echo(f"{service.value}: {settled} replayed, {left} still parked")
    if left:
        raise Trouble(f"{left} failed again: `wangge parked list {service.value}` shows why")


@parked.command("drop", short_help="Give up one record.")
def drop_parked(
    service: Annotated[ServiceName, typer.Argument(help="Whose.")],
    number: Annotated[int, typer.Argument(help="Its number from `wangge parked list`.")],
) -> None:
    """Give up one parked record: its version counts as seen, and what waited behind it follows."""
    from shared.bus.parked import NothingParked, drop, list_parked

    async def work() -> None:
        async with _subscriptions(service.value) as (wired, subscriptions), wired.pool.acquire() as connection:
            group = next((one.group for one in await list_parked(connection, service.value) if one.id == number), None)
            subscription = next((one for one in subscriptions if one.group == group), None)
            if subscription is None:
                raise NothingParked(f"{service.value} has no parked record {number}: see `wangge parked list`")
            await drop(connection, subscription, number)

    asyncio.run(work())
    typer.echo(f"{service.value}: record {number} dropped")


@asynccontextmanager
async def _subscriptions(service: str) -> AsyncIterator[tuple[Any, list[Any]]]:
    """The wired service and what it reads."""
    from importlib import import_module

    from services.city.cli.opened import opened

    async with opened(service) as wired:
        yield wired, import_module(f"services.{service}.consumers").subscriptions(wired)
