"""`wangge history`: the closed cases of an old system."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from services.dispatch.commands.import_history import Progress
    from services.dispatch.store.history import Standing
    from shared.imports.reading import Source

# Nothing, or not all that could be, was done.
NOT_DONE = 2

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
        refused = errors or file.with_name(f"{file.name}.errors.csv")
        if refused.resolve() == file.resolve():
            raise Trouble("--errors names the file itself; refused rows need a file of their own")
        async with opened("dispatch") as wired:
            source = inspect(file, FORMAT)
            async with wired.pool.acquire() as connection:
                places = await city_places(connection, wired.pack)
            mask = Mask("services.intake.domain.masking", "mask")
            asked = Asked(source, system, refused, places, mask, allow_unknown_units, batch)
            with _Bar(source) as bar:
                done = await (check_history if dry_run else import_history)(wired, asked, bar.show)
        _tell(done, refused, dry_run)
        return done

    done = _run(work)
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


def _run(work: "Callable[[], Coroutine[Any, Any, Standing]]") -> "Standing":
    """Expected trouble is one line and status 2: 1 means that rows were refused."""
    import uvloop

    from services.city.cli.trouble import one_line

    try:
        return uvloop.run(work())
    except KeyboardInterrupt:
        print("wangge: stopped; the same command goes on from there", file=sys.stderr)
    except Exception as error:
        line = one_line(error)
        if line is None:
            raise
        print(f"wangge: {line}", file=sys.stderr)
    raise typer.Exit(NOT_DONE)


class _Bar:
    """How much of the file is settled, and how many rows a second that is."""

    def __init__(self, source: "Source") -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._lines = self._progress.add_task("lines 行", total=source.lines)

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, progress: "Progress") -> None:
        words = "waiting for the relay 等待发布" if progress.waiting else "lines 行"
        self._progress.update(self._lines, completed=progress.line, description=words)


def _tell(done: "Standing", refused: Path, dry_run: bool) -> None:
    verb = "would be imported 可导入" if dry_run else "imported 已导入"
    typer.echo(f"{verb}: {done.imported}")
    if done.known:
        typer.echo(f"imported before 此前已导入: {done.known}")
    if done.refused:
        typer.echo(f"refused 未接收: {done.refused}, with reasons in {refused}")
