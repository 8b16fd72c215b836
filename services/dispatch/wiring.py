"""What dispatch is made of, put together once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.dispatch.domain.rules import Rules
from services.dispatch.pack_rules import rules_of
from services.dispatch.settings import DispatchSettings
from shared.auth import Authenticator, TokenVerifier
from shared.bus.carrier import Carrier
from shared.bus.outbox import Outbox
from shared.bus.wake import Wake
from shared.health import Readiness
from shared.keys import KeyRing
from shared.migrations import check_current
from shared.packs import Pack, load
from shared.postgres import Pool, create_pool

SCHEMA = "dispatch"


@dataclass(frozen=True, slots=True)
class Wired:
    """The parts of a running dispatch service."""

    settings: DispatchSettings
    pool: Pool
    carrier: Carrier
    outbox: Outbox
    keys: KeyRing
    auth: Authenticator
    readiness: Readiness
    pack: Pack
    rules: Rules


@asynccontextmanager
async def wire(settings: DispatchSettings, carrier: Carrier) -> AsyncIterator[Wired]:
    """Dispatch with its pool of connections, which is closed at the end; the carrier is the caller's."""
    pool = await create_pool(settings.database_url, name=SCHEMA, size=settings.pool_size)
    try:
        secret = settings.token_secret.get_secret_value() if settings.token_secret else None
        tokens = TokenVerifier(secret, issuer=settings.token_issuer, audience=settings.token_audience)
        keys = KeyRing(pool, SCHEMA)
        pack = load(settings.pack)

        async def database() -> None:
            async with pool.acquire() as connection:
                await check_current(connection, SCHEMA)

        yield Wired(
            settings=settings,
            pool=pool,
            carrier=carrier,
            outbox=Outbox(SCHEMA, Wake()),
            keys=keys,
            auth=Authenticator(keys, tokens),
            readiness=Readiness({"database": database, "carrier": carrier.check}),
            pack=pack,
            rules=rules_of(pack),
        )
    finally:
        await pool.close()
