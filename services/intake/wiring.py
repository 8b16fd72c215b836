"""What intake is made of, put together once."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from services.intake.apart import AreaWorker
from services.intake.channels import ways
from services.intake.commands.group_commit import GroupWriter
from services.intake.commands.receive_report import Desk
from services.intake.commands.send_messages import Teller
from services.intake.commands.store_media import Shelf
from services.intake.commands.vault import Vault
from services.intake.components.kinds import division_of, kind_names
from services.intake.domain.component_code import Codes
from services.intake.domain.messages import Patience
from services.intake.domain.shield import Flow, Shield
from services.intake.grids.change import Rules
from services.intake.grids.index import Grids
from services.intake.media_files import MediaFiles, open_media_files
from services.intake.media_links import Links
from services.intake.pack_duplicates import likenesses
from services.intake.pack_rules import area_names, report_rules
from services.intake.queries.catalogue import CategoryView, catalogue
from services.intake.queries.open311_services import Services
from services.intake.sealing import personal_key, sealer_of
from services.intake.settings import IntakeSettings
from services.intake.thumbnails import Thumbnailer
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
    area_rules: Rules
    area_worker: AreaWorker
    media: MediaFiles
    shelf: Shelf
    thumbnailer: Thumbnailer
    links: Links
    codes: Codes
    shield: Shield
    teller: Teller
    open311: Services


@asynccontextmanager
async def wire(settings: IntakeSettings, carrier: Carrier, *, clock: Clock = utc_now) -> AsyncIterator[Wired]:
    """Intake with its pool of connections, which is closed at the end; the carrier is the caller's.

    Raises BadInstallationKey, BadMediaStore, and what the folder for media raises when it cannot be made.
    """
    sealer = sealer_of(settings)
    media = open_media_files(settings)
    pack = load(settings.pack)
    grids = Grids()
    async with (
        foundation(settings, SCHEMA, carrier, clock=clock, grids=grids.ready) as base,
        ways(settings, clock) as channels,
    ):
        outbox = Outbox(SCHEMA, Wake())
        writer = GroupWriter(
            base.pool,
            outbox,
            likenesses=likenesses(pack) if settings.merge_duplicates else {},
            most=settings.group_most,
            writers=settings.group_writers,
            room=settings.group_room,
        )
        vault = Vault(base.pool, sealer, clock)
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
            desk=Desk(
                base.pool,
                frozenset(pack.categories),
                grids,
                sealer,
                writer,
                clock,
                report_rules(pack, clock),
                area_names(pack),
                vault,
            ),
            area_rules=Rules([level.key for level in pack.levels], settings.area_tolerance_m2),
            area_worker=AreaWorker(),
            media=media,
            shelf=Shelf(
                base.pool,
                media,
                clock,
                pack.zone,
                most=settings.media_max_bytes,
                unnamed_most=settings.media_unnamed_most,
                upload_for=timedelta(hours=settings.media_upload_hours),
            ),
            thumbnailer=Thumbnailer(settings.media_thumbnails_at_once),
            links=Links(personal_key(settings)),
            codes=Codes(kind_names(pack), division_of(pack)),
            shield=shield_of(settings),
            teller=Teller(
                base.pool,
                outbox,
                vault,
                channels,
                pack,
                Patience(settings.message_first_retry, settings.message_longest_retry, settings.message_give_up_after),
                settings.public_url or "",
                clock,
            ),
            open311=Services(pack),
        )


def shield_of(settings: IntakeSettings) -> Shield:
    """What reports without a key must pass."""
    network, spot = settings.anonymous_network_hourly, settings.anonymous_spot_hourly
    return Shield(
        Flow(max(1, network // 6), 3600 / network),
        Flow(max(1, spot // 4), 3600 / spot),
        Flow(settings.anonymous_second, 1 / settings.anonymous_second),
        time.monotonic,
    )
