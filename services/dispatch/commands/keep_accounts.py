"""What an operator does with built-in accounts: make, reset, unlock, disable."""

from typing import Any

from services.dispatch.domain.accounts import AccountExists, AccountNotFound, NoPost, check_account
from services.dispatch.passwords import one_time_password
from services.dispatch.store import accounts, registers
from services.dispatch.wiring import Wired
from shared.postgres import transaction


async def create_account(wired: Wired, account: str, subject: str) -> str:
    """A new account for a person; returns its initial password 初始密码, which is shown this once.

    Raises BadAccountName, NoPost for somebody who is not in the table of persons, AccountExists.
    """
    check_account(account)
    password = one_time_password()
    fresh = await wired.passwords.hash(password)
    async with transaction(wired.pool) as tx:
        if await registers.person(tx, subject) is None:
            raise NoPost(f"{subject} holds no post at present: import the person first, wangge people import FILE")
        if not await accounts.add(tx, account, subject, fresh):
            raise AccountExists(f"there is an account {account} or another one of {subject}: wangge accounts list")
        await accounts.forget_tries(tx, account)
    return password


async def reset_account(wired: Wired, account: str) -> str:
    """A new initial password; also opens a disabled or locked account. Raises AccountNotFound."""
    password = one_time_password()
    fresh = await wired.passwords.hash(password)
    async with transaction(wired.pool) as tx:
        if not await accounts.reset(tx, account, fresh):
            raise _no_such(account)
        await accounts.forget_tries(tx, account)
    return password


async def unlock_account(wired: Wired, account: str) -> None:
    """Forget failed tries. Raises AccountNotFound."""
    async with transaction(wired.pool) as tx:
        if await accounts.find(tx, account) is None:
            raise _no_such(account)
        await accounts.forget_tries(tx, account)


async def disable_account(wired: Wired, account: str) -> None:
    """No sign-in and no renewal from now on; a token still under way ends by itself. Raises AccountNotFound."""
    async with transaction(wired.pool) as tx:
        if not await accounts.disable(tx, account):
            raise _no_such(account)


async def every_account(wired: Wired) -> list[dict[str, Any]]:
    """All accounts by name: {account, subject, name, post, area, unit, must_change, disabled, locked, signed_in_at}."""
    async with transaction(wired.pool) as tx:
        return await accounts.every(tx)


async def sweep_tries(wired: Wired) -> bool:
    """Forget tries of more than a day ago. True if there may be more."""
    async with transaction(wired.pool) as tx:
        return await accounts.sweep_tries(tx)


def _no_such(account: str) -> AccountNotFound:
    return AccountNotFound(f"there is no account {account}: wangge accounts list shows them")
