"""Commands for the days that are worked: calendar."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

calendar = typer.Typer(
    no_args_is_help=True,
    help="Calendars of working time 工作日历: what deadlines are counted from, beside the pack's own.",
)


@calendar.command("publish", short_help="Announce a year's holidays.")
def publish(
    file: Annotated[
        Path, typer.Argument(help="YAML: version, source, published, holidays, workdays; see docs/time.md.")
    ],
    area: Annotated[str, typer.Option(help="Area path 区域编码 that it is for; empty: the whole city.")] = "",
) -> None:
    """Publish years that an authority has announced 公布节假日安排.

    Every process counts from it within seconds, without a restart. Deadlines that rested on one of its years, which was
    provisional so far, are counted again; those counted from a published year stay as they are. Again: changes nothing.
    """
    from services.city.cli.opened import opened
    from services.dispatch.commands.publish_calendar import Outcome, publish_calendar
    from shared.kernel.area import AreaPath
    from shared.packs.calendars import read_announced

    announced = read_announced(file)
    where = AreaPath.parse(area, "--area") if area else AreaPath.root()

    async def work() -> Outcome:
        async with opened("dispatch") as wired:
            return await publish_calendar(wired, where, announced)

    done = asyncio.run(work())
    years = ", ".join(map(str, sorted(announced.published)))
    how = "published 已公布" if done.new else "was published before 此前已公布"
    typer.echo(
        f"calendar {announced.version} for {area or 'the whole city 全市'}: {years} {how}, edition {done.edition}"
    )
    if done.waiting:
        typer.echo(f"open cases that workers count again 待重算案卷: {done.waiting}")
    for behind in done.behind:
        typer.echo(
            f"{behind} has a calendar of its own that does not know {years}: publish it there with --area {behind}"
        )


@calendar.command("list", short_help="What was published, and when.")
def list_calendars() -> None:
    """Every publication, the first one first; of an area the last one is in force."""
    from collections.abc import Sequence

    from services.city.cli.opened import opened
    from services.dispatch.commands.publish_calendar import Publication, publications

    async def work() -> Sequence[Publication]:
        async with opened("dispatch") as wired:
            return await publications(wired)

    found = asyncio.run(work())
    if not found:
        typer.echo("nothing is published yet: the pack's own calendar is, when dispatch starts 尚未公布日历")
    for one in found:
        years = " ".join(map(str, one.years))
        typer.echo(
            f"{one.edition:>4}  {one.published_at:%Y-%m-%d %H:%M}Z  {one.area or '-':<20} {one.version}  {years}"
        )
