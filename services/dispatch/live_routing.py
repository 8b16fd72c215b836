"""The routing rules that are in force, in memory: every replica and worker follows a change within a second.

The pack's own rules are version 1 of an empty database. A pack whose rules changed becomes a new version at the first
start that brings it, and comes into force unless a person has put rules of another file there.
"""

import asyncio
import hashlib
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

import structlog

from services.dispatch.domain.matching import Matter
from services.dispatch.domain.refusals import RulesUnreadable
from services.dispatch.domain.routing import City, Decision, Reason, Routing
from services.dispatch.pack_routing import rules_from
from services.dispatch.store import routing as store
from shared import telemetry
from shared.jobs import Job
from shared.packs import Pack, Problem
from shared.packs.routing import parse_rules
from shared.polling import polling_job
from shared.postgres import ACQUIRE_SECONDS, Connection, Pool, transaction

REFRESH_SECONDS = 0.5
SYSTEM = "system"

log = structlog.get_logger()


class Standing(NamedTuple):
    """Rules that are in force from `starts_at` on."""

    starts_at: datetime
    routing: Routing


def digest_of(source: str) -> str:
    """Hex SHA-256 of rules as they were written."""
    return hashlib.sha256(source.encode()).hexdigest()


class LiveRouting:
    """Decides by the version that is in force at the instant of the decision, without asking the database.

    A version that is to come is known before it starts, so that all replicas change over at the same instant.
    """

    def __init__(self, pool: Pool, pack: Pack, city: City) -> None:
        self._pool = pool
        self._pack = pack
        self.city = city
        self._standing: list[Standing] = []
        self._until: datetime | None = None  # when the second of them starts
        self._registered = False
        self._warned: set[tuple[int, str | None]] = set()
        self._lock = asyncio.Lock()

    def job(self) -> Job:
        """Keeps the rules up to date for as long as the process runs."""
        return polling_job("routing", self.refresh, every=REFRESH_SECONDS)

    async def ready(self) -> None:
        """Wait for the rules once; then this costs nothing. Raises RulesUnreadable, and what connecting raises."""
        if not self._standing:
            await self.refresh()

    def decide(self, matter: Matter, at: datetime, units: Collection[str]) -> Decision:
        """What the rules in force at `at` say of a case; `ready` was awaited before. A rule whose unit was dissolved is
        logged once for each version.
        """
        said = self.in_force(at).decide(matter, at, units)
        if said.reason is not None:
            telemetry.count("wangge.unrouted", reason=said.reason)
            if said.reason is Reason.UNIT_GONE and (said.version, said.rule) not in self._warned:
                self._warned.add((said.version, said.rule))
                log.warning(
                    "a unit that a routing rule names is gone; people decide", rule=said.rule, version=said.version
                )
        return said

    def in_force(self, at: datetime) -> Routing:
        """The rules that are in force at `at`."""
        assert self._standing, "nobody awaited ready()"
        if self._until is None or at < self._until:
            return self._standing[0].routing
        return next(each.routing for each in reversed(self._standing) if each.starts_at <= at)

    async def refresh(self) -> None:
        """Read which versions are in force now and later, and those of them that are not known yet.

        Raises RulesUnreadable for a version that this program cannot read; those known before stay in use.
        """
        async with self._lock:
            if not self._registered:
                await self._register()
                self._registered = True
            async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                planned = await store.planned(connection, self._pack.name)
                kept = {each.routing.version: each.routing for each in self._standing}
                if missing := sorted({each.version for each in planned} - kept.keys()):
                    sources = await store.sources(connection, self._pack.name, missing)
                    kept |= {version: self._compiled(version, source) for version, source in sources.items()}
            if self._standing and self._standing[0].routing.version != planned[0].version:
                log.info(
                    "routing rules changed", version=planned[0].version, starts_at=planned[0].starts_at.isoformat()
                )
            self._standing = [Standing(each.starts_at, kept[each.version]) for each in planned]
            self._until = planned[1].starts_at if len(planned) > 1 else None

    async def _register(self) -> None:
        digest = digest_of(self._pack.routing)
        async with transaction(self._pool) as tx:
            if await store.known(tx, self._pack.name, digest):
                return
            await store.turn(tx)
            if not await store.known(tx, self._pack.name, digest):
                await self._add_own(tx, digest)

    async def _add_own(self, tx: Connection, digest: str) -> None:
        name = self._pack.name
        version = await store.add(tx, name, store.New("pack", digest, self._pack.routing, SYSTEM, f"pack {name}"))
        now = next(iter(await store.planned(tx, name)), None)
        if now is None or now.origin == "pack":
            await store.activate(tx, name, version, None, SYSTEM)
        else:
            log.warning("the pack has new routing rules; those a person loaded stay", new=version, in_force=now.version)

    def _compiled(self, version: int, source: str) -> Routing:
        problems: list[Problem] = []
        rules = parse_rules(source.encode(), f"routing version {version}", problems)
        if problems:
            raise RulesUnreadable(
                f"{problems[0]}: start a release that knows it, or `wangge routing activate` another version",
                facts={"retry_after": 10},
            )
        return Routing(rules_from(rules), version, self.city)
