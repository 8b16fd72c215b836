"""What intake is made of, put together once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from obstore.store import LocalStore

from services.intake.commands.group_commit import GroupWriter
from services.intake.commands.receive_report import Desk
from services.intake.grids.index import Grids
from services.intake.pack_duplicates import likenesses
from services.intake.queries.catalogue import CategoryView, catalogue
from services.intake.sealing import Sealer, personal_key
from services.intake.settings import IntakeSettings
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

SCHEMA = "intake"


@dataclass(frozen=True, slots=True)
class Wired:
    """The parts of a running intake service."""

    settings: IntakeSettings
    pool: Pool
    carrier: Carrier
    outbox: Outbox
    keys: KeyRing
    auth: Authenticator
    readiness: Readiness
    clock: Clock
    pack: Pack
    catalogue: list[CategoryView]
    grids: Grids
    desk: Desk
    media: LocalStore


@asynccontextmanager
async def wire(settings: IntakeSettings, carrier: Carrier, *, clock: Clock = utc_now) -> AsyncIterator[Wired]:
    """Intake with its pool of connections, which is closed at the end; the carrier is the caller's.

    Raises BadInstallationKey, and what the folder for media raises when it cannot be made.
    """
    sealer = Sealer(personal_key(settings))
    media = settings.data_dir / "media"
    media.mkdir(parents=True, exist_ok=True)
    pack = load(settings.pack)
    grids = Grids()
    async with foundation(settings, SCHEMA, carrier, clock=clock, grids=grids.ready) as base:
        outbox = Outbox(SCHEMA, Wake())
        writer = GroupWriter(
            base.pool,
            outbox,
            likenesses=likenesses(pack) if settings.merge_duplicates else {},
            most=settings.group_most,
            writers=settings.group_writers,
            room=settings.group_room,
        )
        yield Wired(
            settings=settings,
            pool=base.pool,
            carrier=carrier,
            outbox=outbox,
            keys=base.keys,
            auth=base.auth,
            readiness=base.readiness,
            clock=clock,
            pack=pack,
            catalogue=catalogue(pack),
            grids=grids,
            desk=Desk(base.pool, frozenset(pack.categories), grids, sealer, writer, clock),
            media=LocalStore(str(media.resolve())),
        )
