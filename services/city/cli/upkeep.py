"""Commands that put something right: rebuild, parked."""

from typing import Annotated

import typer

rebuild = typer.Typer(no_args_is_help=True, help="Count a projection anew from the facts that were kept.")


@rebuild.command("evaluation")
def rebuild_evaluation(
    allow_missing: Annotated[
        bool, typer.Option(help="Count what is there although a version is missing (it was dropped on purpose).")
    ] = False,
) -> None:
    """Recompute every counter beside the ones in use, then swap. A missing version is refused with its name."""
    import asyncio

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from services.city.cli.opened import opened
    from services.evaluation.commands.rebuild import rebuild as recompute

    async def work() -> str:
        columns = (TextColumn("facts 事件"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, transient=True) as progress:
            bar = progress.add_task("facts", total=None)
            async with opened("evaluation") as wired:
                done = await recompute(
                    wired.pool,
                    told=lambda counted, of: progress.update(bar, completed=counted, total=of),
                    allow_missing=allow_missing,
                )
        return f"evaluation: {done.facts} facts of {done.cases} cases counted anew, {done.repaired} rows put right"

    typer.echo(asyncio.run(work()))
