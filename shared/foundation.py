"""What every service stands on: its pool, its keys, who is asking, whether it is ready. Each `wire` calls it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from shared.auth import Authenticator, TokenVerifier
from shared.auth.trusted import issuers
from shared.bus.carrier import Carrier
from shared.health import Check, Readiness
from shared.kernel.clock import Clock, utc_now
from shared.keys import KeyRing
from shared.migrations import check_current
from shared.packs import load
from shared.postgres import Pool, create_pool
from shared.settings import Settings

# Connections beside `pool_size`: the relay and each subscription keep one for as long as they run.
KEPT = 4


@dataclass(frozen=True, slots=True)
class Foundation:
    """`keys.job()` and `auth.jobs()` must run in every process that answers requests."""

    pool: Pool
    keys: KeyRing
    auth: Authenticator
    readiness: Readiness


@asynccontextmanager
async def foundation(
    settings: Settings,
    schema: str,
    carrier: Carrier,
    *,
    clock: Clock = utc_now,
    account_keys: Sequence[Ed25519PublicKey] = (),
    **checks: Check,
) -> AsyncIterator[Foundation]:
    """Opens no connection yet: a process may start before its database. The carrier is the caller's to close.

    Ready when the schema is current, the carrier has nothing to say against it, and each of `checks` passes. Raises
    BadAccountsKey for a public key of built-in accounts that is none; `account_keys` are trusted beside it.
    """
    pool = await create_pool(settings.database_url, name=schema, size=settings.pool_size + KEPT)
    try:
        secret = settings.token_secret.get_secret_value() if settings.token_secret else None
        tokens = TokenVerifier(
            secret,
            issuer=settings.token_issuer,
            audience=settings.token_audience,
            issuers=issuers(settings, account_keys),
        )
        keys = KeyRing(pool, schema, clock, load(settings.pack).time_zone)

        async def database() -> None:
            async with pool.acquire() as connection:
                await check_current(connection, schema)

        yield Foundation(
            pool=pool,
            keys=keys,
            auth=Authenticator(keys, tokens),
            readiness=Readiness({"database": database, "carrier": carrier.check, **checks}),
        )
    finally:
        await pool.close()
