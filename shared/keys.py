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

from shared.auth import BadKey, Principal, RateExceeded
from shared.jobs import Job
from shared.kernel.area import AreaPath
from shared.kernel.clock import Clock, utc_now
from shared.polling import polling_job
from shared.postgres import ACQUIRE_SECONDS, Connection, Pool

REFRESH_SECONDS = 0.5


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
    tokens: float = 0.0
    filled_at: float = 0.0


class KeyRing:
    """The keys that open this service, in memory.

    The rate of a key is a token bucket of one second's worth in each process: with n replicas a key may do n times it.
    """

    def __init__(self, pool: Pool, schema: str, clock: Clock = utc_now) -> None:
        self._pool = pool
        self._clock = clock
        self._keys: dict[str, _Known] = {}
        self._changed = -1
        self._lock = asyncio.Lock()
        self._sql = f"""
            SELECT id, name, hash, scope, expires_at, revoked_at, changed FROM {schema}.api_keys
             WHERE changed > $1 ORDER BY changed
        """

    def job(self) -> Job:
        """Keeps the ring up to date for as long as the process runs."""
        return polling_job("keys", self.refresh, every=REFRESH_SECONDS)

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
                known = self._keys.get(row["id"])
                principal = Principal(
                    kind="app",
                    subject=f"key:{row['id']}",
                    area=AreaPath(scope.get("area") or ""),
                    actions=frozenset(scope["actions"]),
                    categories=frozenset(scope["categories"]) if scope.get("categories") else None,
                    rate=scope.get("rate"),
                )
                if known is not None and known.principal == principal and known.hash == row["hash"]:
                    continue
                expires_at = row["expires_at"].timestamp() if row["expires_at"] else None
                self._keys[row["id"]] = _Known(row["hash"], principal, expires_at, tokens=float(principal.rate or 0))

    def opens(self, subject: str) -> bool:
        """Whether the key that a principal's `subject` names is still good: for what stays open after its request."""
        known = self._keys.get(subject.removeprefix("key:"))
        return known is not None and (known.expires_at is None or known.expires_at > self._clock().timestamp())

    async def principal(self, key: str) -> Principal:
        """Raises BadKey, and RateExceeded with the seconds to wait. A key not seen yet is looked for once."""
        key_id = key.split("_", 2)[1] if key.count("_") >= 2 else ""
        known = self._keys.get(key_id)
        if known is None and len(key_id) == 12:
            await self.refresh()
            known = self._keys.get(key_id)
        if known is None or not hmac.compare_digest(known.hash, key_hash(key)):
            raise BadKey("the key is unknown or was revoked; ask for a new one with `wangge keys create`")
        if known.expires_at is not None and known.expires_at <= self._clock().timestamp():
            raise BadKey("the key has expired; ask for a new one with `wangge keys create`")
        if known.principal.rate is not None:
            _take_token(known, known.principal.rate)
        return known.principal


def _take_token(known: _Known, rate: int) -> None:
    now = time.monotonic()
    known.tokens = min(float(rate), known.tokens + (now - known.filled_at) * rate)
    known.filled_at = now
    if known.tokens < 1:
        raise RateExceeded(f"this key may send {rate} requests a second", facts={"retry_after": 1, "rate": rate})
    known.tokens -= 1
