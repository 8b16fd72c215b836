"""What dispatch is made of, put together once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace

from services.dispatch.domain.rules import Rules
from services.dispatch.live import LiveDuty, LiveUnits
from services.dispatch.pack_rules import rules_of
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
    rules: Rules
    units: LiveUnits
    duty: LiveDuty
    passwords: Passwords
    signer: AccountSigner | None


@asynccontextmanager
async def wire(settings: DispatchSettings, carrier: Carrier) -> AsyncIterator[Wired]:
    """Dispatch with its pool of connections, which is closed at the end; the carrier is the caller's.

    Raises BadAccountsKey.
    """
    pack = load(settings.pack)
    rules = rules_of(pack)
    units, duty = LiveUnits(pack.units), LiveDuty(rules.calendar.zone)
    signer = None
    if settings.accounts_key_file is not None:
        signer = AccountSigner(read_private_key(settings.accounts_key_file), settings.token_audience)
    own = [signer.public] if signer else []
    with closing(Passwords()) as passwords:
        async with foundation(
            settings, SCHEMA, carrier, account_keys=own, units=units.projection.ready, people=duty.projection.ready
        ) as base:
            yield Wired(
                settings=settings,
                pool=base.pool,
                carrier=carrier,
                outbox=Outbox(SCHEMA, Wake()),
                keys=base.keys,
                auth=base.auth,
                readiness=base.readiness,
                pack=pack,
                rules=replace(rules, units=units),
                units=units,
                duty=duty,
                passwords=passwords,
                signer=signer,
            )
