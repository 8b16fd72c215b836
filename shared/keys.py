"""API keys, as every service knows them: hashed, scoped, revoked everywhere within two seconds.

Intake issues them and publishes `key.issued` and `key.revoked`; each service keeps its own table, and each process a
copy in memory that it refreshes twice a second. A key looks like `wg_<id>_<secret>`.
"""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import orjson

from shared.auth import BadKey, Principal
from shared.jobs import Job
from shared.kernel.area import AreaPath, AreaPaths
from shared.kernel.clock import Clock, utc_now
from shared.leases import LIMITED, TICK_SECONDS, Lease, Leases, seen_sql
from shared.polling import polling_job
from shared.postgres import ACQUIRE_SECONDS, Connection, Pool, is_outage

REFRESH_SECONDS = 0.5
LOOK_SECONDS = 0.05
# When a key was last used is of interest to the minute.
SEEN_SECONDS = 60.0


def new_key() -> tuple[str, str]:
    """A fresh key: (its id, the key itself). 256 bits of secret, so that a fast hash is enough to store it."""
    key_id = secrets.token_hex(6)
    return key_id, f"wg_{key_id}_{secrets.token_urlsafe(32)}"


def key_hash(key: str) -> str:
    """Hex SHA-256 of the whole key: what is stored and published in its place."""
    return hashlib.sha256(key.encode()).hexdigest()


def _apply(schema: str) -> str:
    return f"""
        INSERT INTO {schema}.api_keys AS k (id, name, hash, scope, expires_at, revoked_at, version)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::jsonb[],
                             $5::timestamptz[], $6::timestamptz[], $7::int[])
        ON CONFLICT (id) DO UPDATE
           SET name = excluded.name, hash = excluded.hash, scope = excluded.scope, expires_at = excluded.expires_at,
               revoked_at = excluded.revoked_at, version = excluded.version, changed = DEFAULT
         WHERE k.version < excluded.version
    """


class KeyFact(Protocol):
    """What of a record is read here."""

    @property
    def data(self) -> bytes: ...


async def apply_key_facts(tx: Connection, schema: str, records: Sequence[KeyFact]) -> None:
    """Bring `<schema>.api_keys` up to the facts in `records`; an older version than the stored one changes nothing."""
    newest: dict[str, dict[str, Any]] = {}
    for record in records:
        fact = orjson.loads(record.data)
        if fact["version"] >= newest.get(fact["key_id"], fact)["version"]:
            newest[fact["key_id"]] = fact
    await write_keys(tx, schema, [newest[key_id] for key_id in sorted(newest)])


async def write_keys(tx: Connection, schema: str, facts: Sequence[dict[str, Any]]) -> None:
    """The same from facts already read: the data of `KeyIssued` and `KeyRevoked`, sorted by key id."""
    await tx.execute(
        _apply(schema),
        [f["key_id"] for f in facts],
        [f["name"] for f in facts],
        [f["hash"] for f in facts],
        [f["scope"] for f in facts],
        [_instant(f.get("expires_at")) for f in facts],
        [_instant(f.get("revoked_at")) for f in facts],
        [f["version"] for f in facts],
    )


def _instant(value: Any) -> Any:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


@dataclass(slots=True)
class _Known:
    hash: str
    principal: Principal
    expires_at: float | None
    lease: Lease | None
    used: bool = False


class KeyRing:
    """The keys that open this service, in memory; their limits are shared with the other replicas (`shared.leases`).

    `zone` is that of the city: its midnight ends the day of a daily quota.
    """

    def __init__(self, pool: Pool, schema: str, clock: Clock = utc_now, zone: str = "UTC") -> None:
        self._pool = pool
        self._clock = clock
        self._leases = Leases(pool, schema, zone)
        self._seen_sql = seen_sql(schema)
        self._ticks = 0
        self._keys: dict[str, _Known] = {}
        self._changed = -1
        self._lock = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = 0.0
        self._sql = f"""
            SELECT id, name, hash, scope, expires_at, revoked_at, changed FROM {schema}.api_keys
             WHERE changed > $1 ORDER BY changed
        """

    def job(self) -> Job:
        """Keeps the ring and its leases up to date for as long as the process runs, and gives them back at its end."""
        polling = polling_job("keys", self._tick, every=TICK_SECONDS)

        async def run(stop: asyncio.Event) -> None:
            await polling.run(stop)
            await self.settle()

        return Job("keys", run)

    async def _tick(self) -> None:
        await self._leases.tick()
        self._ticks += 1
        if self._ticks % round(REFRESH_SECONDS / TICK_SECONDS) == 0:
            await self.refresh()
        if self._ticks % round(SEEN_SECONDS / TICK_SECONDS) == 0:
            await self._write_seen()

    async def settle(self) -> None:
        """Give back what is leased, and write when keys were used; an outage is let pass, for the process ends."""
        try:
            await self._leases.give_back()
            await self._write_seen()
        except Exception as error:
            if not is_outage(error):
                raise

    async def _write_seen(self) -> None:
        used = [key_id for key_id, known in self._keys.items() if known.used]
        if used:
            for key_id in used:
                self._keys[key_id].used = False
            await self._pool.execute(self._seen_sql, used)

    async def refresh(self) -> None:
        """Read what changed since the last time. Overlaps by 100 changes: a lower number may be committed later."""
        async with self._lock:
            async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                rows = await connection.fetch(self._sql, max(-1, self._changed - 100))
            for row in rows:
                self._changed = max(self._changed, row["changed"])
                if row["revoked_at"] is not None:
                    self._keys.pop(row["id"], None)
                    continue
                scope = row["scope"]
                family = scope.get("family") or row["id"]
                known = self._keys.get(row["id"])
                areas = [AreaPath(area) for area in scope.get("areas") or [scope.get("area") or ""]]
                principal = Principal(
                    kind="app",
                    # A rotated key is the same app: what it sent, its webhooks, its Idempotency-Keys stay its own.
                    subject=f"key:{family}",
                    key=row["id"],
                    area=AreaPaths.of(areas),
                    actions=frozenset(scope["actions"]),
                    categories=frozenset(scope["categories"]) if scope.get("categories") else None,
                    rate=scope.get("rate"),
                )
                expires_at = row["expires_at"].timestamp() if row["expires_at"] else None
                lease = self._leases.of(family, scope.get("rate"), scope.get("daily"))
                used = known is not None and known.used
                self._keys[row["id"]] = _Known(row["hash"], principal, expires_at, lease, used)

    async def _look_for_new(self) -> None:
        """Refresh for a key not seen yet. All that wait share one look, and there are at most 20 a second: keys made up
        by the thousand cost the database nothing more.
        """
        if self._looking is None:
            self._looking = asyncio.create_task(self._look(), name="new-keys")
        await asyncio.shield(self._looking)

    async def _look(self) -> None:
        await asyncio.sleep(max(0.0, self._looked_at + LOOK_SECONDS - time.monotonic()))
        self._looked_at = time.monotonic()
        self._looking = None  # who comes from here on may have a key that this look is too early for
        await self.refresh()

    def opens(self, key_id: str) -> bool:
        """Whether a principal's `key` is still good: for what stays open after its request."""
        known = self._keys.get(key_id)
        return known is not None and (known.expires_at is None or known.expires_at > self._clock().timestamp())

    async def principal(self, key: str) -> Principal:
        """Raises BadKey, and RateExceeded or QuotaExceeded with the seconds to wait. A key not seen yet is looked for
        once; a request for whose key no token is held waits for a lease (`shared.leases`).
        """
        key_id = key.split("_", 2)[1] if key.count("_") >= 2 else ""
        known = self._keys.get(key_id)
        if known is None and len(key_id) == 12:
            await self._look_for_new()
            known = self._keys.get(key_id)
        if known is None or not hmac.compare_digest(known.hash, key_hash(key)):
            raise BadKey("the key is unknown or was revoked; ask for a new one with `wangge keys create`")
        if known.expires_at is not None and known.expires_at <= self._clock().timestamp():
            raise BadKey("the key has expired; ask for a new one with `wangge keys create`")
        known.used = True
        lease = known.lease
        if lease is not None:
            LIMITED.set(lease)
            if not lease.spend():
                await self._leases.take(lease)
        return known.principal
