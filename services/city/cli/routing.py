"""Commands of routing: load, list, show, activate, try."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from services.dispatch.queries.try_rules import Asked, Tried
    from shared.packs import Pack

routing = typer.Typer(
    no_args_is_help=True, help="Routing rules 派遣规则: which unit answers for which cases, as versions of a YAML file."
)

TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
RulesFile = Annotated[Path, typer.Argument(metavar="FILE", help="YAML, as shared/packs/haidian/rules.yaml.")]
Version = Annotated[int, typer.Argument(metavar="N", help="Number of `wangge routing list`.")]
At = Annotated[
    datetime | None,
    typer.Option(formats=TIMES, help="In force from then on, in the city's time zone. Default: from now."),
]
By = Annotated[str | None, typer.Option(help="Who does this. Default: the user of this terminal.")]


class Against(StrEnum):
    """What tried rules are compared with."""

    active = "active"
    actual = "actual"


@routing.command("load", short_help="A file becomes the next version.")
def load(
    file: RulesFile,
    comment: Annotated[str | None, typer.Option(help="Why, for whoever reads the list.")] = None,
    at: At = None,
    by: By = None,
) -> None:
    """Check rules and put them into force, on every replica within two seconds. Refused whole if any is wrong."""
    from services.city.cli.opened import opened
    from services.dispatch.commands.load_rules import load_rules

    async def work() -> str:
        source = _text(file)
        async with opened("dispatch") as wired:
            await wired.routing.ready()
            done = await load_rules(
                wired, source, file=str(file), by=_who(by), comment=comment, at=_local(at, wired.pack)
            )
            return f"routing: version {done.version} in force from {_shown(done.starts_at, wired.pack)}"

    with _problems_listed("nothing was loaded"):
        typer.echo(asyncio.run(work()))


@routing.command("list", short_help="Every version, and which is in force.")
def list_versions() -> None:
    """Every version of the pack's rules: who loaded it when and why, and from when it was or will be in force."""
    from rich.console import Console
    from rich.table import Table

    from services.city.cli.opened import opened
    from services.dispatch.queries.routing import rules_versions

    async def work() -> Table:
        async with opened("dispatch") as wired:
            found = await rules_versions(wired)
            table = Table("version", "state", "loaded", "by", "comment", "in force from")
            for each in found.all:
                state = "in force 生效" if each.version == found.in_force else ""
                state = state or ("to come 待生效" if each.version in found.to_come else "")
                starts = "\n".join(_shown(start, wired.pack) for start in each.starts)
                loaded = (_shown(each.loaded_at, wired.pack), each.loaded_by, each.comment or "")
                table.add_row(str(each.version), state, *loaded, starts)
            return table

    Console().print(asyncio.run(work()))


@routing.command("show", short_help="A version as it was written.")
def show(version: Version) -> None:
    """Print the rules of a version as they were written: to read, or to change and load again."""
    from services.city.cli.opened import opened
    from services.dispatch.queries.routing import rules_source

    async def work() -> str:
        async with opened("dispatch") as wired:
            return await rules_source(wired, version)

    typer.echo(asyncio.run(work()), nl=False)


@routing.command("activate", short_help="An earlier version comes back.")
def activate(version: Version, at: At = None, by: By = None) -> None:
    """Put a version that was kept into force, if all that it names still exists."""
    from services.city.cli.opened import opened
    from services.dispatch.commands.load_rules import activate_rules

    async def work() -> str:
        async with opened("dispatch") as wired:
            await wired.routing.ready()
            done = await activate_rules(wired, version, by=_who(by), at=_local(at, wired.pack))
            return f"routing: version {done.version} in force from {_shown(done.starts_at, wired.pack)}"

    with _problems_listed("nothing was changed"):
        typer.echo(asyncio.run(work()))


@routing.command("try", short_help="What changed rules would move.")
def try_file(
    file: RulesFile,
    since: Annotated[datetime | None, typer.Option(formats=TIMES, help="Cases opened from then on.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=TIMES, help="Cases opened before then.")] = None,
    area: Annotated[str, typer.Option(help="Area path; empty: the whole city.")] = "",
    limit_rows: Annotated[int | None, typer.Option(help="Only the newest so many cases.", min=1)] = None,
    against: Annotated[
        Against, typer.Option(help="actual: the unit each case has; active: what the rules in force say.")
    ] = Against.actual,
    out: Annotated[Path | None, typer.Option(help="CSV file for every case that would move.")] = None,
) -> None:
    """Decide past cases by the rules in a file and show what would move. Nothing is changed."""
    from services.city.cli.opened import opened
    from services.city.cli.routing_shown import moved_csv, show_tried
    from services.dispatch.queries.try_rules import Asked, try_rules
    from shared.kernel.area import AreaPath

    async def work() -> "tuple[Tried, Asked]":
        source = _text(file)
        path = AreaPath.parse(area) if area else AreaPath.root()
        async with opened("dispatch") as wired:
            period = (_local(since, wired.pack), _local(until, wired.pack))
            asked = Asked(path, *period, limit_rows, against is Against.active)
            with moved_csv(out) as row, _bar() as told:
                return await try_rules(wired, source, str(file), asked, told=told, moved=row), asked

    with _problems_listed("nothing was tried"):
        tried, asked = asyncio.run(work())
    show_tried(tried, asked)
    if out is not None:
        typer.echo(f"{out}: {tried.tally.moved} cases 案卷")


def _text(file: Path) -> str:
    from services.city.trouble import Trouble

    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Trouble(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}") from None


def _who(by: str | None) -> str:
    import getpass

    return by or getpass.getuser()


def _local(at: datetime | None, pack: "Pack") -> datetime | None:
    return at.replace(tzinfo=pack.zone) if at is not None and at.tzinfo is None else at


def _shown(at: datetime, pack: "Pack") -> str:
    return f"{at.astimezone(pack.zone):%Y-%m-%d %H:%M:%S}"


@contextmanager
def _problems_listed(outcome: str) -> Iterator[None]:
    """Every problem of the rules on a line of its own, then the one that the command ends with."""
    from services.city.trouble import Trouble
    from shared.packs import BadPack

    try:
        yield
    except BadPack as bad:
        for problem in bad.problems:
            typer.echo(f"  {problem}", err=True)
        many = "1 problem" if len(bad.problems) == 1 else f"{len(bad.problems)} problems"
        raise Trouble(f"{many} in the rules 规则有误: {outcome}") from None


@contextmanager
def _bar() -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("cases 案卷"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("cases", total=None)
        yield lambda done, of: progress.update(bar, completed=done, total=of)
