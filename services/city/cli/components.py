"""`wangge components`: what stands in the city."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.city.cli.importing import Bar, refused_file, run

if TYPE_CHECKING:
    from services.intake.store.component_imports import Standing

components = typer.Typer(
    no_args_is_help=True,
    help="Components 部件: manhole covers, street lamps, benches. The registry of what stands in the city.",
)


@components.command("import", short_help="Register the components of a CSV or GeoJSON lines file 导入.")
def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV (.csv) or a GeoJSON Feature a line (.geojsonl, .ndjson), UTF-8, also with .gz; see "
            "docs/components.md."
        ),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check every row and write the file of refused ones; store nothing.")
    ] = False,
    errors: Annotated[
        Path | None, typer.Option(help="Where refused rows go, to be mended and imported. Default: FILE.errors.csv.")
    ] = None,
    batch: Annotated[int, typer.Option(help="Rows in one transaction.", min=1, max=10_000)] = 5_000,
) -> None:
    """Register components: new ones are added, those that differ become the next version, the others are left alone.
    Safe to stop and to repeat.

    It needs the database and the areas, and no running service. Exit status 0: every row is in. 1: some rows were
    refused; mend them in the file of refused rows and import that. 2: nothing could be done, or it was cut short; the
    same command again goes on.
    """
    from rich.progress import TimeRemainingColumn

    from services.city.cli.opened import opened
    from services.intake.commands.import_components import Asked, check_components, import_components
    from services.intake.components.columns import FORMAT
    from shared.imports.reading import inspect

    async def work() -> "Standing":
        refused = refused_file(file, errors)
        async with opened("intake") as wired:
            source = inspect(file, FORMAT)
            asked = Asked(source, refused, batch)
            with Bar(source, TimeRemainingColumn()) as bar:
                done = await (check_components if dry_run else import_components)(
                    wired.pool, wired.pack, asked, lambda progress: bar.show(progress.line)
                )
        _tell(done, refused, dry_run)
        return done

    if run(work).refused:
        raise typer.Exit(1)


@components.command("template", short_help="The header of a CSV file, with every column.")
def template() -> None:
    """Print the header line of a file of components: every column there is. Only code, lon and lat are needed."""
    from services.intake.components.columns import COLUMNS

    typer.echo(",".join(COLUMNS))


def _tell(done: "Standing", refused: Path, dry_run: bool) -> None:
    if dry_run:
        typer.echo(f"right 可导入: {done.added}")
    else:
        typer.echo(f"added 新增: {done.added}, changed 变更: {done.changed}, unchanged 未变: {done.unchanged}")
    if done.refused:
        typer.echo(f"refused 未接收: {done.refused}, with reasons in {refused}", err=True)
