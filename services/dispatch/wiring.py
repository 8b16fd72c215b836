"""What dispatch is made of, put together once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from services.dispatch.domain.rules import Rules
from services.dispatch.pack_rules import rules_of
from services.dispatch.queries.export import Slots, new_slots
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
    exports: Slots = field(default_factory=new_slots)


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
