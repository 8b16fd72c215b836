"""Commands of built-in accounts: accounts."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

T = TypeVar("T")

accounts = typer.Typer(
    no_args_is_help=True, help="Built-in accounts 内置账号, for an installation without an identity provider."
)
Name = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's name.")]
ONCE = "the password is shown this once and must be changed at the first sign-in 初始密码只显示一次"


@accounts.command("create", short_help="An account for a person; prints its initial password.")
def create(
    account: Name,
    subject: Annotated[
        str | None, typer.Option(help="The person's subject, as imported. Default: the account's name.")
    ] = None,
) -> None:
    """Make an account for a person who is in a post, and print its initial password."""
    from services.dispatch.commands.keep_accounts import create_account

    typer.echo(_with(lambda wired: create_account(wired, account, subject or account)))
    typer.echo(ONCE, err=True)


@accounts.command("reset", short_help="A new initial password; also opens a disabled account.")
def reset(account: Name) -> None:
    """Give an account a new initial password and print it. Opens it if it is locked or disabled; ends its sessions."""
    from services.dispatch.commands.keep_accounts import reset_account

    typer.echo(_with(lambda wired: reset_account(wired, account)))
    typer.echo(ONCE, err=True)


@accounts.command("unlock", short_help="Forget failed tries to sign in.")
def unlock(account: Name) -> None:
    """Let an account be tried again that too many failures have locked."""
    from services.dispatch.commands.keep_accounts import unlock_account

    _with(lambda wired: unlock_account(wired, account))
    typer.echo(f"unlocked: {account}")


@accounts.command("disable", short_help="No sign-in any more.")
def disable(account: Name) -> None:
    """Disable an account: nobody signs in with it, and its sessions end with their token, 30 minutes at the most."""
    from services.dispatch.commands.keep_accounts import disable_account

    _with(lambda wired: disable_account(wired, account))
    typer.echo(f"disabled: {account}")


@accounts.command("list", short_help="Every account, whose it is and whether it is open.")
def list_accounts() -> None:
    """Every account: whose it is, in which post, and its state."""
    from rich.console import Console
    from rich.table import Table

    from services.dispatch.commands.keep_accounts import every_account

    table = Table("account", "subject", "name", "post", "area", "state", "signed in")
    for one in _with(every_account):
        signed_in = f"{one['signed_in_at']:%Y-%m-%d}" if one["signed_in_at"] else ""
        post, area = one["post"] or "(none)", one["area"] if one["area"] != "" else "(all)"
        table.add_row(one["account"], one["subject"], one["name"], post, area, _state(one), signed_in)
    Console().print(table)


@accounts.command("key", short_help="A new key that signs the tokens.")
def key(to: Annotated[Path, typer.Option(help="File for the private key; must not exist.")]) -> None:
    """Make the key that signs tokens of built-in accounts: the private half into a file (mode 0600, for dispatch), the
    public half to standard output (for every service).
    """
    from services.city.credentials import write_secret
    from services.city.trouble import Trouble
    from shared.auth.accounts import new_private_key, public_pem, read_private_key

    if to.exists():
        raise Trouble(f"{to} exists: a key that is replaced ends every session; name another file")
    write_secret(to, new_private_key())
    typer.echo(public_pem(read_private_key(to).public_key()), nl=False)


def _state(one: dict[str, Any]) -> str:
    if one["disabled"]:
        return "disabled 停用"
    if one["locked"]:
        return "locked 锁定"
    return "initial password 初始密码" if one["must_change"] else "open 正常"


def _with(work: Callable[[Any], Awaitable[T]]) -> T:
    """What `work` does with the opened service."""
    from services.city.cli.opened import opened

    async def run() -> T:
        async with opened("dispatch") as wired:
            return await work(wired)

    return asyncio.run(run())
