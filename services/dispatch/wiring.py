"""What dispatch is made of, put together once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field

from services.dispatch.audit.keys import AuditKeys, audit_keys
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.telling import Names
from services.dispatch.live import LiveDuty, LiveUnits
from services.dispatch.live_routing import LiveRouting
from services.dispatch.pack_routing import city_of
from services.dispatch.pack_rules import Live, calendar_of, rules_of
from services.dispatch.passwords import Passwords
from services.dispatch.settings import DispatchSettings
from shared.auth import Authenticator
from shared.auth.accounts import AccountSigner, read_private_key
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


@dataclass(slots=True)
class InForce:
    """The pack's rules with the calendars that were published up to `edition`; 0: none was looked for yet."""

    rules: Rules
    edition: int = 0
    trouble: str = "the calendars of working time were not read yet"

    async def looked_for(self) -> None:
        """A check of readiness: deadlines are counted from published calendars."""
        if not self.edition:
            raise NotReady(self.trouble)


class NotReady(Exception):
    """What a service still waits for."""


@dataclass(frozen=True, slots=True)
class Wired:
    """The parts of a running dispatch service. `signer` is None where there are no built-in accounts."""

    settings: DispatchSettings
    pool: Pool
    carrier: Carrier
    outbox: Outbox
    keys: KeyRing
    auth: Authenticator
    readiness: Readiness
    pack: Pack
    routing: LiveRouting
    in_force: InForce
    live: Live
    units: LiveUnits
    duty: LiveDuty
    passwords: Passwords
    signer: AccountSigner | None
    audit: AuditKeys
    unit_names: Names
    exports: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(EXPORTS_AT_ONCE))

    @property
    def rules(self) -> Rules:
        """The rules in force now: read once for each piece of work, they are replaced when a calendar is published."""
        return self.in_force.rules


@asynccontextmanager
async def wire(settings: DispatchSettings, carrier: Carrier) -> AsyncIterator[Wired]:
    """Dispatch with its pool of connections, which is closed at the end; the carrier is the caller's.

    Raises BadAccountsKey, BadInstallationKey.
    """
    audit = audit_keys(settings)
    pack = load(settings.pack)
    in_force = InForce(rules_of(pack))
    units, duty = LiveUnits(pack.units.values()), LiveDuty(in_force.rules.calendar.zone)
    signer = None
    if settings.accounts_key_file is not None:
        signer = AccountSigner(read_private_key(settings.accounts_key_file), settings.token_audience)
    own = [signer.public] if signer else []
    with closing(Passwords()) as passwords:
        async with foundation(
            settings,
            SCHEMA,
            carrier,
            account_keys=own,
            calendars=in_force.looked_for,
            units=units.projection.ready,
            people=duty.projection.ready,
        ) as base:
            routing = LiveRouting(base.pool, pack, city_of(pack, calendar_of(pack)))
            live = Live(routing.decide, units, duty.goes)
            in_force.rules = rules_of(pack, live=live)
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
                in_force=in_force,
                live=live,
                units=units,
                duty=duty,
                passwords=passwords,
                signer=signer,
                audit=audit,
                unit_names={unit.code: (unit.name.zh, unit.name.en) for unit in pack.units.values()},
            )
