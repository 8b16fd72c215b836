"""What evaluation is put together from."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.evaluation.settings import EvaluationSettings
from shared.auth import Authenticator
from shared.bus.carrier import Carrier
from shared.foundation import foundation
from shared.health import Readiness
from shared.kernel.clock import Clock, utc_now
from shared.keys import KeyRing
from shared.packs import Pack, load
from shared.postgres import Pool

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
    async with foundation(settings, SCHEMA, carrier) as base:
        yield Wired(
            settings=settings,
            pool=base.pool,
            carrier=carrier,
            keys=base.keys,
            auth=base.auth,
            readiness=base.readiness,
            clock=utc_now,
            pack=load(settings.pack),
        )
