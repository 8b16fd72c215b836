"""Commands of what is personal: erase a person, bring keys under a new installation key, who read what."""

import asyncio
import sys
from typing import Annotated, Any
from uuid import UUID

import typer

personal = typer.Typer(
    no_args_is_help=True, help="Personal data 个人信息: erase a person, change the installation's key, who read what."
)


@personal.command("erase", short_help="Erase a person, for good.")
def erase(
    phone: Annotated[
        str | None, typer.Option(help="The person's telephone number; - reads it from standard input.")
    ] = None,
    email: Annotated[
        str | None, typer.Option(help="The person's e-mail address; - reads it from standard input.")
    ] = None,
    report: Annotated[UUID | None, typer.Option(help="Any report of the person.")] = None,
    activity: Annotated[UUID | None, typer.Option(help="Any activity 工作记录 that names the person.")] = None,
    reason: Annotated[
        str, typer.Option(help="consent_withdrawn, subject_request, purpose_reached or unlawful.")
    ] = "subject_request",
    media: Annotated[
        bool, typer.Option("--media", help="Delete the pictures of their reports and visits too: they show the person.")
    ] = False,
) -> None:
    """Destroy the key of a person: what is personal of all their reports, and of visits to them, is unreadable for
    ever, in every copy.

    Reports and visits stay, with what was never personal. It is written down, and cannot be undone.
    """
    from services.city.cli.opened import opened
    from services.city.trouble import Trouble
    from services.intake.commands.erase_personal import Whom, erase_personal
    from services.intake.domain.purposes import Reason
    from shared.kernel.area import AreaPath

    if sum(given is not None for given in (phone, email, report, activity)) != 1:
        raise Trouble("name the person in one way: --phone, --email, --report or --activity")
    if reason not in [*Reason]:
        raise Trouble(f"--reason is one of {', '.join(Reason)}")

    async def work() -> str:
        whom = Whom(report, _given(phone), _given(email), activity)
        async with opened("intake") as wired:
            city = AreaPath(wired.pack.area)
            who = _operator("personal:erase")
            done = await erase_personal(
                wired.pool, wired.desk.vault, wired.clock, who, whom, Reason(reason), city=city, pictures=media
            )
        lost = f"{done.reports} reports, {done.activities} activities"
        return f"personal: {done.subjects} keys destroyed, {lost} 已销毁密钥，记录保留但不可读"

    typer.echo(asyncio.run(work()))


@personal.command("rewrap", short_help="Bring every key under the installation key in use.")
def rewrap() -> None:
    """Wrap every person's key with WANGGE_PERSONAL_KEY; the one before stands in WANGGE_PERSONAL_OLD_KEYS until then.

    Reports that an older program sealed are sealed anew, each under its person's key; so is what names a person in
    field work. The city goes on meanwhile.
    """
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    from services.city.cli.opened import opened
    from services.city.trouble import Trouble
    from services.intake.commands.rewrap_personal import rewrap_personal
    from services.intake.sealing import CannotUnseal

    async def work() -> str:
        console = Console(stderr=True)
        columns = (TextColumn("keys 密钥 {task.completed}"), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("keys", total=None)
            async with opened("intake") as wired:
                try:
                    done = await rewrap_personal(
                        wired.pool,
                        wired.desk.vault,
                        wired.clock,
                        "cli:operator",
                        lambda count: progress.update(task, completed=count),
                    )
                except CannotUnseal as error:
                    raise Trouble(str(error)) from None
        sealed = f"{done.reports} reports and {done.activities} activities sealed anew"
        return f"personal: {done.subjects} keys wrapped anew, {sealed} 已更换"

    typer.echo(asyncio.run(work()))


@personal.command("log", short_help="Who read or erased what, and why.")
def show_log(
    report: Annotated[UUID | None, typer.Option(help="Of this report alone.")] = None,
    activity: Annotated[UUID | None, typer.Option(help="Of this activity alone.")] = None,
    limit: Annotated[int, typer.Option(help="The newest so many.", min=1, max=500)] = 50,
) -> None:
    """Who read or erased what is personal, when and why; the newest first."""
    from rich.console import Console
    from rich.table import Table

    from services.city.cli.opened import opened
    from services.intake.queries.personal_log import personal_log

    async def work() -> Table:
        table = Table("at", "act", "who", "post", "purpose", "note", "report or activity")
        async with opened("intake") as wired:
            who = _operator("audit:read")
            page = await personal_log(
                wired.pool, who, report_id=report, activity_id=activity, act=None, cursor=None, limit=limit
            )
        for one in page.items:
            row = (one.actor, one.post or "", one.purpose, one.note, str(one.report_id or one.activity_id or ""))
            table.add_row(f"{one.at:%Y-%m-%d %H:%M:%S}", one.act, *row)
        return table

    Console().print(asyncio.run(work()))


def _given(text: str | None) -> str | None:
    """What was given, or what standard input says: an argument stands in the shell's history."""
    return sys.stdin.readline().strip() if text == "-" else text


def _operator(action: str) -> Any:
    from shared.auth import Principal
    from shared.kernel.area import AreaPath

    return Principal("staff", "cli:operator", AreaPath.root(), frozenset({action}))
