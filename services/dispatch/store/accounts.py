"""Built-in accounts, and failed tries to sign in."""

from datetime import datetime
from typing import Any, NamedTuple

from shared.postgres import Connection

# One statement, so that of any number of tries at once each is counted before its password is looked at. `failed` are
# tries that have not succeeded (yet): the one that reaches the limit $2 locks the name, and is itself still looked at.
TRY = """
    INSERT INTO dispatch.sign_in_tries AS t (name_hash, failed, since, locked_until)
    VALUES (sha256(convert_to($1::text, 'UTF8')), 1, clock_timestamp(),
            CASE WHEN $2::int <= 1 THEN clock_timestamp() + $4::interval END)
    ON CONFLICT (name_hash) DO UPDATE SET (failed, since, locked_until) = (
        SELECT CASE WHEN anew THEN 1 ELSE least(t.failed + 1, $2 + 1) END,
               CASE WHEN anew THEN clock_timestamp() ELSE t.since END,
               CASE WHEN anew THEN NULL
                    WHEN t.locked_until IS NOT NULL THEN t.locked_until
                    WHEN t.failed + 1 >= $2 THEN clock_timestamp() + $4 END
          FROM (SELECT CASE WHEN t.locked_until IS NULL THEN t.since + $3::interval <= clock_timestamp()
                            ELSE t.locked_until <= clock_timestamp() END AS anew) AS began)
    RETURNING failed, greatest(1, ceil(extract(epoch FROM locked_until - clock_timestamp())))::int AS wait_s
"""
FORGET_TRIES = "DELETE FROM dispatch.sign_in_tries WHERE name_hash = sha256(convert_to($1::text, 'UTF8'))"
SWEEP_TRIES = """
    DELETE FROM dispatch.sign_in_tries WHERE name_hash = ANY(ARRAY(
        SELECT name_hash FROM dispatch.sign_in_tries
         WHERE since < clock_timestamp() - interval '1 day' LIMIT 2000 FOR UPDATE SKIP LOCKED))
"""

# The account with the post that its person holds now, and the database's time.
FIND = """
    SELECT a.account, a.subject, a.hash, a.generation, a.must_change, a.disabled, p.name, p.post, p.unit, p.area,
           clock_timestamp() AS now
      FROM dispatch.accounts a
      LEFT JOIN LATERAL (
            SELECT * FROM dispatch.persons p
             WHERE p.subject = a.subject AND p.valid_from <= clock_timestamp()
             ORDER BY p.valid_from DESC LIMIT 1) AS p
        ON p.valid_until IS NULL OR p.valid_until > clock_timestamp()
     WHERE a.account = $1
"""
SIGNED_IN = """
    UPDATE dispatch.accounts SET signed_in_at = clock_timestamp(), hash = CASE WHEN hash = $2 THEN $3 ELSE hash END
     WHERE account = $1
"""
# Nothing is changed when the password was changed by somebody else since it was verified.
CHANGE = """
    UPDATE dispatch.accounts
       SET hash = $3, must_change = false, generation = generation + 1, password_changed_at = clock_timestamp()
     WHERE account = $1 AND hash = $2 AND NOT disabled
    RETURNING generation
"""
ADD = "INSERT INTO dispatch.accounts (account, subject, hash) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING 1"
RESET = """
    UPDATE dispatch.accounts
       SET hash = $2, must_change = true, generation = generation + 1, disabled = false,
           password_changed_at = clock_timestamp()
     WHERE account = $1 RETURNING 1
"""
DISABLE = """
    UPDATE dispatch.accounts SET disabled = true, generation = generation + 1 WHERE account = $1 RETURNING 1
"""
LIST = """
    SELECT a.account, a.subject, a.must_change, a.disabled, a.signed_in_at, p.name, p.post, p.area, p.unit,
           t.locked_until > clock_timestamp() AS locked
      FROM dispatch.accounts a
      LEFT JOIN LATERAL (
            SELECT * FROM dispatch.persons p
             WHERE p.subject = a.subject AND p.valid_from <= clock_timestamp()
             ORDER BY p.valid_from DESC LIMIT 1) AS p
        ON p.valid_until IS NULL OR p.valid_until > clock_timestamp()
      LEFT JOIN dispatch.sign_in_tries t ON t.name_hash = sha256(convert_to(a.account, 'UTF8'))
     ORDER BY a.account
"""


class Account(NamedTuple):
    """An account; `post`, `unit` and `area` are those of its person now, None and None for somebody without a post."""

    account: str
    subject: str
    hash: str
    generation: int
    must_change: bool
    disabled: bool
    name: str | None
    post: str | None
    unit: str | None
    area: str | None
    now: datetime


class Tried(NamedTuple):
    """How often it was tried without success, this time included, and for how long the name is locked."""

    failed: int
    wait_s: int | None


async def count_try(connection: Connection, account: str, limit: int, within: Any, locked_for: Any) -> Tried:
    """Count a try before it is made; `within` and `locked_for` are timedeltas."""
    row = await connection.fetchrow(TRY, account, limit, within, locked_for)
    assert row is not None
    return Tried(row["failed"], row["wait_s"])


async def forget_tries(connection: Connection, account: str) -> None:
    await connection.execute(FORGET_TRIES, account)


async def sweep_tries(connection: Connection) -> bool:
    """Delete tries of more than a day ago. True if there may be more."""
    return await connection.execute(SWEEP_TRIES) == "DELETE 2000"


async def find(connection: Connection, account: str) -> Account | None:
    row = await connection.fetchrow(FIND, account)
    return Account(**row) if row else None


async def signed_in(tx: Connection, account: str, verified_hash: str, fresh_hash: str) -> None:
    """Note the sign-in, and the hash made anew unless the password was changed meanwhile."""
    await tx.execute(SIGNED_IN, account, verified_hash, fresh_hash)


async def change_password(tx: Connection, account: str, verified_hash: str, fresh_hash: str) -> int | None:
    """The new generation; None if the password is no longer the one that was verified, or the account is disabled."""
    generation: int | None = await tx.fetchval(CHANGE, account, verified_hash, fresh_hash)
    return generation


async def add(tx: Connection, account: str, subject: str, password_hash: str) -> bool:
    """False if the name is taken, or the person has an account."""
    return await tx.fetchval(ADD, account, subject, password_hash) is not None


async def reset(tx: Connection, account: str, password_hash: str) -> bool:
    """False if there is no such account."""
    return await tx.fetchval(RESET, account, password_hash) is not None


async def disable(tx: Connection, account: str) -> bool:
    """False if there is no such account."""
    return await tx.fetchval(DISABLE, account) is not None


async def every(connection: Connection) -> list[dict[str, Any]]:
    """All accounts by name, for a person to read."""
    return [dict(row) for row in await connection.fetch(LIST)]
