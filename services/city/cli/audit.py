"""Commands of the audit trail: verify, checkpoint, seal-old, public-key."""

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

if TYPE_CHECKING:
    from services.dispatch.audit.keys import AuditKeys
    from services.dispatch.queries.verification import Outcome

audit = typer.Typer(
    no_args_is_help=True, help="The audit trail 审计: what was done to each case, sealed against tampering."
)

CANNOT_CHECK = 2


@audit.command("verify", short_help="Find what was tampered with.")
def verify_trail(
    case: Annotated[str | None, typer.Option(metavar="ID|NUMBER", help="Only this case, by its id or number.")] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Only cases opened, and checkpoints made, since (UTC).")
    ] = None,
    anchor: Annotated[
        Path | None, typer.Option(help="A copy of the checkpoints kept outside: a file, or a folder of *.jsonl.")
    ] = None,
    public_key: Annotated[
        list[str] | None,
        typer.Option(help="Check without the secret: signatures, roots, heads; not each row's mac. In hex."),
    ] = None,
) -> None:
    """Check every row of every timeline, the checkpoints, and a copy of them, in one snapshot, while the city goes on.

    Status 0: all is as it was written. 1: something was tampered with, each named. 2: it could not be checked.
    """
    from services.city.cli.trouble import one_line

    try:
        outcome = asyncio.run(_verify(case, since, anchor, public_key or []))
    except Exception as error:
        if (line := one_line(error)) is None:
            raise
        print(f"wangge: {line}", file=sys.stderr)
        raise typer.Exit(CANNOT_CHECK) from None
    _tell(outcome, with_secret=not public_key)


def _tell(outcome: "Outcome", with_secret: bool) -> None:
    looked = f"{outcome.rows} rows of {outcome.cases} cases, {outcome.checkpoints} checkpoints"
    looked_zh = f"{outcome.cases} 个案卷 {outcome.rows} 条记录、{outcome.checkpoints} 个检查点"
    if outcome.copied:
        looked += f", {outcome.copied} of them outside"
    if outcome.older:
        typer.echo(f"{outcome.older} rows are older than the chain 早于审计链: `wangge audit seal-old` seals them")
    if outcome.findings:
        count = outcome.findings.total()
        typer.echo(f"audit: {looked}: {count} findings 发现{count}处篡改")
        raise typer.Exit(1)
    if outcome.missing or (with_secret and outcome.unread):
        keys = ", ".join(sorted(outcome.missing)) or "unknown"
        print(
            f"wangge: {outcome.unread} rows cannot be checked without their key (made with {keys}): "
            "name it in WANGGE_AUDIT_KEY or WANGGE_AUDIT_OLD_KEYS 缺少密钥，无法校验",
            file=sys.stderr,
        )
        raise typer.Exit(CANNOT_CHECK)
    without = "" if with_secret else "; rows were not computed again, which needs the secret 未重算各条校验码"
    typer.echo(f"audit: {looked}: all as they were written 校验通过：{looked_zh}{without}")


async def _verify(case: str | None, since: datetime | None, copy: Path | None, public: list[str]) -> "Outcome":
    import asyncpg

    from services.dispatch.queries.verification import Wanted, verify
    from services.dispatch.settings import DispatchSettings
    from shared.migrations import check_current
    from shared.postgres import prepare_connection

    settings = DispatchSettings()
    keys = _keys(settings, public)
    # No time-outs: sorting the entries of years takes as long as it takes.
    connection = await asyncpg.connect(
        settings.database_url, timeout=10, server_settings={"application_name": "wangge-audit", "timezone": "UTC"}
    )
    try:
        await check_current(connection, "dispatch")
        await prepare_connection(connection)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            wanted = Wanted(
                await _case_id(connection, case) if case else None, since.replace(tzinfo=UTC) if since else None, copy
            )
            with _bar("cases 案卷") as moved:
                return await verify(
                    connection, keys, wanted, lambda finding: typer.echo(f"✗ {finding.en}\n  {finding.zh}"), moved
                )
    finally:
        await connection.close()


def _keys(settings: Any, public: list[str]) -> "AuditKeys":
    from services.city.trouble import Trouble
    from services.dispatch.audit.keys import AuditKeys, PublicKey, audit_keys

    if not public:
        return audit_keys(settings, make=False)
    try:
        return AuditKeys(None, public=[PublicKey(bytes.fromhex(each)) for each in public])
    except ValueError:
        raise Trouble("--public-key takes what `wangge audit public-key` prints: 64 hex digits") from None


async def _case_id(connection: Any, case: str) -> UUID:
    from services.city.trouble import Trouble
    from services.dispatch.store.auditing import find_number

    try:
        return UUID(case)
    except ValueError:
        if found := await find_number(connection, case):
            return found
    raise Trouble(f"there is no case with the number {case!r}; a case that was deleted is found by its id")


@audit.command("checkpoint", short_help="Make a checkpoint now.")
def make_checkpoint_now() -> None:
    """Put all that changed under a signed checkpoint now, and copy it out if WANGGE_AUDIT_ANCHOR_DIR is set."""
    from services.city.cli.opened import opened
    from services.dispatch.commands.make_checkpoint import copy_out, make_checkpoint

    async def work() -> str:
        async with opened("dispatch") as wired:
            made = None
            while latest := await make_checkpoint(wired):
                made = latest
            if folder := wired.settings.audit_anchor_dir:
                await copy_out(wired, folder)
        if made is None:
            return "audit: nothing changed since the last checkpoint 无变化"
        return f"audit: checkpoint {made.number} of {made.total_rows} rows of {made.total_cases} cases 检查点已生成"

    typer.echo(asyncio.run(work()))


@audit.command("seal-old", short_help="Seal rows that are older than the chain.")
def seal_old_rows() -> None:
    """Give rows that an older program wrote their macs: from now on they are checked like all others.

    Once, after the last process of the older program has ended. Afterwards a row without a mac counts as tampering.
    """
    from services.city.cli.opened import opened
    from services.city.trouble import Trouble
    from services.dispatch.commands.seal_old import seal_old

    async def work() -> str:
        async with opened("dispatch") as wired:
            with _bar("cases 案卷") as moved:
                done = await seal_old(wired, lambda cases: moved(cases, None))
        if done is None:
            raise Trouble(
                "rows without a mac are still there: an older program still writes them, or their case is gone "
                "(`wangge audit verify` says so); run this again when it is put right"
            )
        return f"audit: {done.rows} rows of {done.cases} cases sealed, checkpoint {done.checkpoint} 已封存"

    typer.echo(asyncio.run(work()))


@audit.command("public-key", short_help="Print what checks signatures.")
def print_public_key() -> None:
    """Print the public keys that check checkpoints without the secret, the one in use first."""
    from services.dispatch.audit.keys import audit_keys
    from services.dispatch.settings import DispatchSettings

    for key in audit_keys(DispatchSettings(), make=False).public.values():
        typer.echo(f"{key.raw.hex()}")


class _bar:
    """A progress bar on a terminal, nothing elsewhere: called with how many of how many are done."""

    def __init__(self, what: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task(what, total=None)

    def __enter__(self) -> Callable[[int, int | None], None]:
        self._progress.start()
        return lambda done, of: self._progress.update(self._task, completed=done, total=of)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
