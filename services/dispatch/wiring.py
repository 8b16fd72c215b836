"""What dispatch is made of, put together once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from services.dispatch.domain.rules import Rules
from services.dispatch.pack_rules import rules_of
from services.dispatch.settings import DispatchSettings
from shared.auth import Authenticator
from shared.bus.carrier import Carrier
from shared.bus.outbox import Outbox
from shared.bus.wake import Wake
from shared.foundation import foundation
from shared.health import Readiness
from shared.keys import KeyRing
from shared.packs import Pack, load
from shared.postgres import Pool

SCHEMA = "dispatch"
# Each keeps a connection and a snapshot while it runs, and an XLSX most of a core.
EXPORTS_AT_ONCE = 2


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
    exports: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(EXPORTS_AT_ONCE))


@asynccontextmanager
async def wire(settings: DispatchSettings, carrier: Carrier) -> AsyncIterator[Wired]:
    """Dispatch with its pool of connections, which is closed at the end; the carrier is the caller's."""
    pack = load(settings.pack)
    async with foundation(settings, SCHEMA, carrier) as base:
        yield Wired(
            settings=settings,
            pool=base.pool,
            carrier=carrier,
            outbox=Outbox(SCHEMA, Wake()),
            keys=base.keys,
            auth=base.auth,
            readiness=base.readiness,
            pack=pack,
            rules=rules_of(pack),
        )
