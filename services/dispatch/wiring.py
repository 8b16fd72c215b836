"""What dispatch is made of, put together once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.dispatch.domain.rules import Rules
from services.dispatch.live_routing import LiveRouting
from services.dispatch.pack_routing import city_of
from services.dispatch.pack_rules import calendar_of, rules_of
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
    routing: LiveRouting
    rules: Rules


@asynccontextmanager
async def wire(settings: DispatchSettings, carrier: Carrier) -> AsyncIterator[Wired]:
    """Dispatch with its pool of connections, which is closed at the end; the carrier is the caller's."""
    pack = load(settings.pack)
    async with foundation(settings, SCHEMA, carrier) as base:
        routing = LiveRouting(base.pool, pack, city_of(pack, calendar_of(pack)))
        yield Wired(
            settings=settings,
            pool=base.pool,
            carrier=carrier,
            outbox=Outbox(SCHEMA, Wake()),
            keys=base.keys,
            auth=base.auth,
            readiness=base.readiness,
            pack=pack,
            routing=routing,
            rules=rules_of(pack, routing.decide),
        )
