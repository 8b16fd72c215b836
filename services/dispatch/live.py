"""Units and duty rosters in memory, as every replica has them: read anew when a register's number moves, or when
something begins or ends by what was recorded before. An import is seen everywhere within a second; an act waits for
nothing.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final, Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import structlog

from services.dispatch.domain.people import PersonFields, UnitFields
from services.dispatch.domain.register import Entry
from services.dispatch.domain.roster import ON_SITE, Assignment, Roster, Staff, on_duty, roster_of
from services.dispatch.domain.rules import OnDuty
from services.dispatch.store import registers, roster
from shared.jobs import Job
from shared.kernel.area import AreaPath
from shared.packs.model import Unit
from shared.polling import polling_job
from shared.postgres import ACQUIRE_SECONDS, Connection, Pool

log = structlog.get_logger()

T = TypeVar("T")

POLL_SECONDS: Final = 0.5


class Read(NamedTuple, Generic[T]):
    """What was read, and the next instant at which it is no longer true by itself."""

    value: T
    until: datetime | None


class Projection(Generic[T]):
    """What `load` reads, as long as it is true; `start` until it was read once."""

    def __init__(
        self, names: Iterable[str], load: Callable[[Connection, datetime], Awaitable[Read[T]]], start: T
    ) -> None:
        self.value = start
        self._names = list(names)
        self._load = load
        self._seen: dict[str, int] = {}
        self._until: datetime | None = None
        self._looked_at = 0.0
        self._expected = False

    async def refresh(self, pool: Pool) -> bool:
        """Read it anew if it may have changed: one row a register otherwise. True if it was read."""
        async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            seen, now = await registers.versions(connection, self._names)
            if seen == self._seen and (self._until is None or now < self._until):
                return False
            read = await self._load(connection, now)
        # A change committed while it was read has a number that is not `seen`: it is read the next time.
        self.value, self._until, self._seen = read.value, read.until, seen
        log.info("registers read", registers=seen)
        return True

    def job(self, pool: Pool) -> Job:
        """Keeps it current for as long as the process runs; an api's and a worker's together look as often as one."""
        self._expected = True

        async def look() -> None:
            if time.monotonic() - self._looked_at > POLL_SECONDS / 2:
                self._looked_at = time.monotonic()
                await self.refresh(pool)

        return polling_job(f"{', '.join(self._names)} register", look, every=POLL_SECONDS)

    async def ready(self) -> None:
        """A readiness check: raises until it was read once, in a process that is to read it."""
        if self._expected and not self._seen:
            raise RuntimeError(f"not read yet: {', '.join(self._names)}")


class LiveUnits(Mapping[str, str]):
    """Code → department of the handling units there are now: the pack's, and what imports made of them.

    Until the first reading these are the pack's.
    """

    def __init__(self, pack: Iterable[Unit]) -> None:
        base = {unit.code: unit.dept for unit in pack}

        async def load(connection: Connection, now: datetime) -> Read[Mapping[str, str]]:
            imported = await registers.units_at(connection, now)
            return Read(units_now(base, imported, now), await registers.next_change(connection, now))

        self.projection: Projection[Mapping[str, str]] = Projection(["units"], load, base)

    def __getitem__(self, code: str) -> str:
        return self.projection.value[code]

    def __contains__(self, code: object) -> bool:
        return code in self.projection.value

    def __iter__(self) -> Iterator[str]:
        return iter(self.projection.value)

    def __len__(self) -> int:
        return len(self.projection.value)


class LiveDuty:
    """Who is on duty where: rosters, persons and grid leaders in memory."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone

        async def load(connection: Connection, now: datetime) -> Read[Roster]:
            rows = await roster.in_force(connection)
            persons = await registers.persons_at(connection, now)
            found = roster_of(zone, rows.values(), staff_of(persons))
            return Read(found, await registers.next_change(connection, now))

        self.projection: Projection[Roster] = Projection(["people", "roster"], load, Roster(zone))

    def on_duty(self, area: AreaPath, at: datetime) -> Assignment:
        """Who is on duty in `area` at `at`, and why; by the rosters and persons of now."""
        return on_duty(self.projection.value, area, at)

    def goes(self, area: AreaPath, at: datetime, after: str | None) -> OnDuty:
        """The same for the domain: whoever goes instead of `after`, who did not answer in time."""
        return OnDuty(*on_duty(self.projection.value, area, at, after))


def units_now(pack: Mapping[str, str], imported: Mapping[str, Entry], at: datetime) -> Mapping[str, str]:
    """The pack's units, but for those that an import took over: they count while they are true."""
    own = {code: dept for code, dept in pack.items() if code not in imported}
    return own | {code: UnitFields(*entry.fields).dept for code, entry in imported.items() if entry.true_at(at)}


def staff_of(persons: Mapping[str, Entry]) -> list[Staff]:
    """Those who are in a post on the spot."""
    found = ((entry.key, PersonFields(*entry.fields)) for entry in persons.values())
    return [Staff(key, fields.post, fields.area) for key, fields in found if fields.post in ON_SITE]


def register_jobs(units: LiveUnits, duty: LiveDuty, pool: Pool) -> list[Job]:
    """What keeps both current; must run in every process that acts."""
    return [units.projection.job(pool), duty.projection.job(pool)]
