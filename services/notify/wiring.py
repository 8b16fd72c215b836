"""What notify is put together from."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.notify.commands.deliver import Deliver
from services.notify.domain.allowance import Allowance
from services.notify.domain.live import Bounds, Live
from services.notify.domain.standing import Patience
from services.notify.outgoing import Sender
from services.notify.queries.open_streams import Limits, OpenStreams
from services.notify.settings import NotifySettings
from shared.auth import Authenticator
from shared.bus.carrier import Carrier
from shared.bus.outbox import Outbox
from shared.bus.wake import Wake
from shared.foundation import foundation
from shared.health import Readiness
from shared.kernel.clock import Clock, utc_now
from shared.keys import KeyRing
from shared.packs import Pack, load
from shared.postgres import Pool

SCHEMA = "notify"


@dataclass(frozen=True, slots=True)
class Wired:
    """The parts of a running notify service.

    `live` is the end of the log in this process's memory; `appended` rings when a worker in this process added to it.
    """

    settings: NotifySettings
    pool: Pool
    carrier: Carrier
    keys: KeyRing
    auth: Authenticator
    readiness: Readiness
    clock: Clock
    live: Live
    streams: OpenStreams
    appended: Wake
    deliver: Deliver
    lookups: Allowance
    pack: Pack
    outbox: Outbox


@asynccontextmanager
async def wire(settings: NotifySettings, carrier: Carrier, clock: Clock = utc_now) -> AsyncIterator[Wired]:
    """Open the pool and put the parts together; the carrier is the caller's to close."""
    sender = Sender(
        clock=clock, seconds=settings.webhook_timeout_seconds, private_allowed=settings.webhook_private_targets
    )
    patience = Patience(settings.webhook_first_retry, settings.webhook_longest_retry, settings.webhook_give_up_after)
    live = Live(keep_frames=settings.stream_keep_events, keep_bytes=settings.stream_keep_bytes)
    async with foundation(settings, SCHEMA, carrier) as base:
        yield Wired(
            settings=settings,
            pool=base.pool,
            carrier=carrier,
            keys=base.keys,
            auth=base.auth,
            readiness=base.readiness,
            clock=clock,
            live=live,
            streams=OpenStreams(live, base.keys, base.auth, limits_of(settings)),
            appended=Wake(),
            deliver=Deliver(base.pool, clock, sender, patience),
            lookups=Allowance(settings.track_per_second),
            pack=load(settings.pack),
            outbox=Outbox(SCHEMA, Wake()),
        )


def limits_of(settings: NotifySettings) -> Limits:
    """The settings of streams."""
    return Limits(
        queue=Bounds(settings.stream_queue_events, settings.stream_queue_bytes),
        clients=settings.stream_clients,
        heartbeat_seconds=settings.stream_heartbeat_seconds,
        stuck_seconds=settings.stream_stuck_seconds,
    )
