"""`wangge history`: the closed cases of an old system."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.city.cli.importing import Bar, refused_file, run

if TYPE_CHECKING:
    from services.dispatch.store.history import Standing

_LINES, _WAITING = "lines 行", "waiting for the relay 等待发布"

history = typer.Typer(
    no_args_is_help=True,
    help="History 历史案卷: cases that an old system closed, so that scores over the past are right.",
)


@history.command("import", short_help="Take in the cases of a CSV or NDJSON file 导入.")
def import_file(
    file: Annotated[
        Path, typer.Argument(help="CSV (.csv) or NDJSON (.ndjson, .jsonl), UTF-8, also with .gz; see docs/history.md.")
    ],
    system: Annotated[
        str, typer.Option(help="A short name of the old system: with a case's number it says which case it is.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check every row and write the file of refused ones; store nothing.")
    ] = False,
    errors: Annotated[
        Path | None, typer.Option(help="Where refused rows go, to be mended and imported. Default: FILE.errors.csv.")
    ] = None,
    allow_unknown_units: Annotated[
        bool, typer.Option("--allow-unknown-units", help="Keep units that the pack does not name, as retired ones.")
    ] = False,
    batch: Annotated[int, typer.Option(help="Rows in one transaction.", min=1, max=10_000)] = 5_000,
) -> None:
    """Take in closed cases with their real times. Safe to stop and to repeat: each case is taken once.

    It needs the database, and no running service. Exit status 0: every row is in. 1: some rows were refused; mend them
    in the file of refused rows and import that. 2: nothing could be done, or it was cut short; the same command again
    goes on.
    """
    import re

    from rich.progress import TimeElapsedColumn

    from services.city.cli.opened import opened
    from services.city.history_places import city_places
    from services.city.trouble import Trouble
    from services.dispatch.commands.import_history import Asked, check_history, import_history
    from services.dispatch.history.batches import Mask
    from services.dispatch.history.columns import FORMAT
    from shared.imports.reading import inspect

    async def work() -> "Standing":
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}", system):
            raise Trouble("--system is a short name of small letters, digits, _ and -: yuncheng-2015")
        refused = refused_file(file, errors)
        async with opened("dispatch") as wired:
            source = inspect(file, FORMAT)
            async with wired.pool.acquire() as connection:
                places = await city_places(connection, wired.pack)
            mask = Mask("services.intake.domain.masking", "mask")
            asked = Asked(source, system, refused, places, mask, allow_unknown_units, batch)
            with Bar(source, TimeElapsedColumn()) as bar:
                done = await (check_history if dry_run else import_history)(
                    wired, asked, lambda progress: bar.show(progress.line, _WAITING if progress.waiting else _LINES)
                )
        _tell(done, refused, dry_run)
        return done

    done = run(work)
    if done.refused:
        raise typer.Exit(1)


@history.command("template", short_help="The header of a CSV file, with every column.")
def template() -> None:
    """Print the header line of a history file: every column there is. Most may be left out; see docs/history.md."""
    from services.dispatch.history.columns import COLUMNS

    typer.echo(",".join(COLUMNS))


@history.command("list", short_help="Past imports, and what came of each.")
def list_imports(
    limit: Annotated[int, typer.Option(help="The newest so many.", min=1)] = 50,
) -> None:
    """Past imports: how many cases each took in, how many were there already, how many it refused."""
    from rich.console import Console
    from rich.table import Table

    from services.city.cli.opened import opened
    from services.dispatch.queries.imports import past_imports

    async def work() -> Table:
        table = Table("id", "system", "file", "started", "rows", "imported", "known", "refused", "state")
        async with opened("dispatch") as wired:
            for one in await past_imports(wired.pool, limit):
                state = "finished" if one.finished_at else f"stopped after row {one.rows_done}"
                counts = (str(n) for n in (one.rows_done, one.imported, one.known, one.refused))
                table.add_row(str(one.id), one.system, one.file, f"{one.started_at:%Y-%m-%d %H:%M}", *counts, state)
        return table

    found = asyncio.run(work())
    if not found.row_count:
        typer.echo("nothing was imported yet 尚无导入记录")
        return
    Console().print(found)


def _tell(done: "Standing", refused: Path, dry_run: bool) -> None:
    verb = "would be imported 可导入" if dry_run else "imported 已导入"
    typer.echo(f"{verb}: {done.imported}")
    if done.known:
        typer.echo(f"imported before 此前已导入: {done.known}")
    if done.refused:
        typer.echo(f"refused 未接收: {done.refused}, with reasons in {refused}", err=True)
