"""Commands of dispatch for who there is: units, people."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from services.dispatch.commands.import_units import Imported

units = typer.Typer(no_args_is_help=True, help="Handling units 处置单位: the pack's, and those that you import.")
people = typer.Typer(no_args_is_help=True, help="Persons 人员 in their posts, and who is on duty 值班 where.")

DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything, change nothing.")]
Successor = Annotated[
    str | None, typer.Option(help="Who follows those that the file ends and for whom it names nobody.")
]
UTF8 = "CSV in UTF-8"


@units.command("import", short_help="New, changed and dissolved units from a CSV file.")
def import_units(
    file: Annotated[
        Path,
        typer.Argument(
            help=f"{UTF8}: code, name_zh, name_en, dept, area [, leader, valid_from, valid_until, successor]."
        ),
    ],
    successor: Successor = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Dissolve units although they hold open cases, which stay with them.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Take over a file of handling units, all of it or nothing. Units that it does not name stay as they are.

    A row with valid_until dissolves its unit. What was true before stays on record. Replicas follow within two seconds.
    """
    from services.city.cli.opened import opened
    from services.dispatch.commands.import_units import import_units as command
    from services.dispatch.sheets import read_units

    async def work() -> "Imported":
        async with opened("dispatch") as wired:
            given = read_units(file.read_bytes(), wired.rules.calendar.zone)
            return await command(wired, given, successor=successor, keep=keep, dry_run=dry_run)

    with _each_finding(file):
        _tell("units", asyncio.run(work()), dry_run, "open cases")


@people.command("import", short_help="Persons and their posts from a CSV file.")
def import_people(
    file: Annotated[
        Path,
        typer.Argument(
            help=f"{UTF8}: subject, name, post [, phone, centre, unit, area, valid_from, valid_until, successor]."
        ),
    ],
    successor: Successor = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="End posts although open tasks wait for the person; the tasks stay.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Take over a file of persons, all of it or nothing. Persons that it does not name stay as they are.

    A person holds one post of one centre. A row with valid_until ends the post. What was true before stays on record.
    """
    from services.city.cli.opened import opened
    from services.dispatch.commands.import_people import import_people as command
    from services.dispatch.sheets import read_persons

    async def work() -> "Imported":
        async with opened("dispatch") as wired:
            given = read_persons(file.read_bytes(), wired.rules.calendar.zone)
            return await command(wired, given, successor=successor, keep=keep, dry_run=dry_run)

    with _each_finding(file):
        _tell("people", asyncio.run(work()), dry_run, "open tasks")


@people.command("roster", short_help="Who is on duty where, from a CSV file.")
def import_roster(
    file: Annotated[
        Path,
        typer.Argument(help=f"{UTF8}: area, a [, b, weekdays, hours, from_day, until_day, absent_a, absent_b]."),
    ],
    retire_below: Annotated[
        str | None, typer.Option(help="Area path: end also the rows of areas in and below it that are not given.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Take over a duty roster 值班表, all of it or nothing: it replaces the rows of the areas that it names."""
    from services.city.cli.opened import opened
    from services.dispatch.commands.import_roster import import_roster as command
    from services.dispatch.sheets import read_roster
    from shared.kernel.area import AreaPath

    async def work() -> "Imported":
        below = AreaPath.parse(retire_below) if retire_below else None
        async with opened("dispatch") as wired:
            given = read_roster(file.read_bytes())
            return await command(wired, given, retire_below=below, dry_run=dry_run)

    with _each_finding(file):
        _tell("roster", asyncio.run(work()), dry_run, "")


@contextmanager
def _each_finding(file: Path) -> Iterator[None]:
    """A refusal with findings is shown line by line."""
    from services.city.trouble import Trouble
    from services.dispatch.domain.register import ImportRefused

    try:
        yield
    except ImportRefused as refused:
        if not refused.errors:
            raise Trouble(f"{file}: {refused.detail}") from None
        for error in refused.errors:
            typer.echo(f"{file}: {error.pointer}: {error.message}", err=True)
        found = refused.facts["findings"]
        raise Trouble(f"{file}: {found} findings, nothing was taken over 未导入任何数据") from None


def _tell(what: str, done: "Imported", dry_run: bool, work: str) -> None:
    would = "would be " if dry_run else ""
    typer.echo(f"{what}: {would}{done.added} added, {done.ended} ended, {done.unchanged} as before")
    for key, number in done.left.items():
        typer.echo(f"{key}: {number} {work} stay in hand until somebody else has them", err=True)
