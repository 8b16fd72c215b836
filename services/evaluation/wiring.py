"""What evaluation is put together from."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.evaluation.settings import EvaluationSettings
from shared.auth import Authenticator, TokenVerifier
from shared.bus.carrier import Carrier
from shared.health import Readiness
from shared.kernel.clock import Clock, utc_now
from shared.keys import KeyRing
from shared.migrations import check_current
from shared.packs import Pack, load
from shared.postgres import Pool, create_pool

SCHEMA = "evaluation"


@dataclass(frozen=True, slots=True)
class Wired:
    """The parts of a running evaluation service. It publishes nothing yet, so it has no outbox."""

    settings: EvaluationSettings
    pool: Pool
    carrier: Carrier
    keys: KeyRing
    auth: Authenticator
    readiness: Readiness
    clock: Clock
    pack: Pack


@asynccontextmanager
async def wire(settings: EvaluationSettings, carrier: Carrier) -> AsyncIterator[Wired]:
    """Open the pool and put the parts together; the carrier is the caller's to close."""
    pool = await create_pool(settings.database_url, name=SCHEMA, size=settings.pool_size)
    try:
        secret = settings.token_secret.get_secret_value() if settings.token_secret else None
        tokens = TokenVerifier(secret, issuer=settings.token_issuer, audience=settings.token_audience)
        keys = KeyRing(pool, SCHEMA)

        async def database() -> None:
            async with pool.acquire() as connection:
                await check_current(connection, SCHEMA)

        yield Wired(
            settings=settings,
            pool=pool,
            carrier=carrier,
            keys=keys,
            auth=Authenticator(keys, tokens),
            readiness=Readiness({"database": database, "carrier": carrier.check}),
            clock=utc_now,
            pack=load(settings.pack),
        )
    finally:
        await pool.close()
