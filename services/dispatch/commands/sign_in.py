"""Sign in with a built-in account, renew the session, change the password."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from services.dispatch.domain.accounts import (
    AccountDisabled,
    BadCredentials,
    NoAccounts,
    NoPost,
    SessionEnded,
    SignInLocked,
    check_password,
)
from services.dispatch.store import accounts
from services.dispatch.store.accounts import Account
from services.dispatch.wiring import Wired
from shared.auth import POSTS, PasswordChangeNeeded
from shared.auth.accounts import AccountSigner
from shared.postgres import ACQUIRE_SECONDS, transaction


class Session(NamedTuple):
    """A token 令牌, until when it is good, and whether it is only good for choosing a password."""

    token: str
    expires_at: datetime
    must_change: bool


async def sign_in(wired: Wired, account: str, password: str) -> Session:
    """A session for an account and its password.

    The try is counted before the password is looked at, in one statement, and forgotten when it was right: any number
    of tries at once are no more than the limit. A name that no account has is counted, looked at and locked alike.
    Raises NoAccounts, SignInLocked, SignInBusy, BadCredentials, AccountDisabled, NoPost.
    """
    signer = _signer(wired)
    with wired.passwords.place():
        found = await _verified(wired, account, password)
        _in_office(found)
        fresh = await wired.passwords.hash(password) if wired.passwords.outdated(found.hash) else found.hash
    async with transaction(wired.pool) as tx:
        await accounts.forget_tries(tx, account)
        await accounts.signed_in(tx, account, found.hash, fresh)
    return _session(wired, signer, found, began=found.now)


async def renew_session(wired: Wired, token: str) -> Session:
    """A fresh token for one that is still good, with the post that the person holds by now.

    Raises NoAccounts, BadToken, PasswordChangeNeeded, AccountDisabled, NoPost, and SessionEnded when the password was
    changed since, or the session is as old as a session may become.
    """
    signer = _signer(wired)
    claims = signer.read(token)
    if claims.get("must_change"):
        raise PasswordChangeNeeded("first choose a password of your own: PUT /dispatch/v1/account/password {old, new}")
    async with wired.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        found = await accounts.find(connection, claims["account"])
    _in_session(found, claims)
    assert found is not None
    _in_office(found)
    began = datetime.fromtimestamp(claims["auth_time"], UTC)
    if found.now >= began + timedelta(hours=wired.settings.session_hours):
        raise SessionEnded(f"a session ends {wired.settings.session_hours} hours after signing in: sign in again")
    return _session(wired, signer, found, began)


async def change_password(wired: Wired, token: str, old: str, new: str) -> Session:
    """Choose a new password; the session goes on with the token returned, and no other of the account is renewed.

    Raises NoAccounts, BadToken, SessionEnded, BadPassword, SignInLocked, SignInBusy, BadCredentials, AccountDisabled,
    NoPost.
    """
    signer = _signer(wired)
    claims = signer.read(token)
    account = claims["account"]
    check_password(new, account, old)
    with wired.passwords.place():
        found = await _verified(wired, account, old)
        _in_session(found, claims)
        _in_office(found)
        fresh = await wired.passwords.hash(new)
    async with transaction(wired.pool) as tx:
        generation = await accounts.change_password(tx, account, found.hash, fresh)
        if generation is None:
            raise SessionEnded("the account was changed at the same moment: sign in again")
        await accounts.forget_tries(tx, account)
    began = datetime.fromtimestamp(claims["auth_time"], UTC)
    return _session(wired, signer, found._replace(generation=generation, must_change=False), began)


async def _verified(wired: Wired, account: str, password: str) -> Account:
    limit = wired.settings
    async with wired.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        tried = await accounts.count_try(
            connection,
            account,
            limit.sign_in_failures,
            timedelta(minutes=limit.sign_in_window_minutes),
            timedelta(minutes=limit.sign_in_lock_minutes),
        )
        if tried.failed > limit.sign_in_failures:
            raise SignInLocked(
                f"after {limit.sign_in_failures} failures this name is locked: try again in {tried.wait_s} s, "
                "or ask for `wangge accounts unlock`",
                facts={"retry_after": tried.wait_s or 1},
            )
        found = await accounts.find(connection, account)
    right = await wired.passwords.matches(found.hash if found else None, password)
    if found is None or not right:
        raise BadCredentials("there is no such account, or this is not its password")
    return found


def _in_session(found: Account | None, claims: Mapping[str, Any]) -> None:
    if found is None or found.generation != claims["generation"] or found.subject != claims["sub"]:
        raise SessionEnded("the account's password was changed or set anew since this session began: sign in again")


def _in_office(found: Account) -> None:
    if found.disabled:
        raise AccountDisabled(f"account {found.account} is disabled; `wangge accounts reset` opens it again")
    if found.post is None:
        raise NoPost(f"{found.subject} holds no post at present; `wangge people import` gives one")


def _session(wired: Wired, signer: AccountSigner, found: Account, began: datetime) -> Session:
    assert found.post is not None
    until = min(
        found.now + timedelta(minutes=wired.settings.session_minutes),
        began + timedelta(hours=wired.settings.session_hours),
    )
    claims = {
        "sub": found.subject,
        "account": found.account,
        "generation": found.generation,
        "auth_time": int(began.timestamp()),
        "post": found.post,
        "centre": POSTS[found.post][0],
        "area": found.area,
        "unit": found.unit,
        "must_change": found.must_change,
    }
    return Session(signer.sign(claims, found.now, until), until, found.must_change)


def _signer(wired: Wired) -> AccountSigner:
    if wired.signer is None:
        raise NoAccounts("this installation has no built-in accounts: WANGGE_ACCOUNTS_KEY_FILE is not set")
    return wired.signer
