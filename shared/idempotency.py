"""Idempotency-Key: a request that is sent again gets the answer it got before, and is not carried out twice.

The stored answer is a row of the command's own transaction: it exists exactly when the command took effect. Refusals
are not stored; asked again, they are decided again.
"""

import asyncio
import hashlib
import re
from typing import Annotated, NamedTuple

import asyncpg
from fastapi import Header, Request

from shared.jobs import Job
from shared.kernel.errors import Conflict, FieldError, Invalid
from shared.polling import polling_job
from shared.postgres import Connection, Pool

MAX_LENGTH = 200
# Small transactions, so that nobody waits long for a lock.
SWEEP_BATCH = 2000
_PRINTABLE = r"[\x21-\x7e]"
_KEY = re.compile(f"{_PRINTABLE}{{1,{MAX_LENGTH}}}")


class KeyReused(Invalid):
    slug, title, title_zh = "idempotency-key-reused", "Idempotency-Key used for another request", "幂等键已用于其他请求"


class BadIdempotencyKey(Invalid):
    slug, title, title_zh = "bad-idempotency-key", "Not an Idempotency-Key", "幂等键无效"


class InFlight(Conflict):
    slug, title, title_zh = "in-flight", "The same request is being carried out", "相同请求正在处理"


class Stored(NamedTuple):
    """The answer given the first time, and the hash of what was asked."""

    request_hash: bytes
    status: int
    etag: str | None
    body: bytes


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=MAX_LENGTH,
        pattern=f"^{_PRINTABLE}+$",
        description="your own name for this request; sent again with the same body, it gets the same answer",
    ),
]


def key_of(request: Request) -> str | None:
    """The request's Idempotency-Key, for a route that reads its own headers. Raises BadIdempotencyKey."""
    key = request.headers.get("idempotency-key")
    if key is not None and _KEY.fullmatch(key) is None:
        words = f"1 to {MAX_LENGTH} printable ASCII characters without spaces"
        raise BadIdempotencyKey(words, errors=[FieldError("header Idempotency-Key", words)])
    return key


def request_hash(method: str, path: str, body: bytes) -> bytes:
    """What is compared when a key comes again: method, path and body, to the byte."""
    digest = hashlib.sha256(f"{method} {path}\n".encode())
    digest.update(body)
    return digest.digest()


class KeyedHash(bytes):
    """The same under a secret: of a body that holds a telephone number a plain hash is soon guessed. `plain` is what an
    older program stored of the same request.
    """

    plain: bytes


def keyed_hash(secret: bytes, method: str, path: str, body: bytes) -> KeyedHash:
    """0.7 µs more than `request_hash`; the secret has 64 bytes at the most."""
    plain = request_hash(method, path, body)
    keyed = KeyedHash(hashlib.blake2b(b"idempotency " + plain, digest_size=32, key=secret).digest())
    keyed.plain = plain
    return keyed


def same_request(stored: Stored, asked: bytes) -> Stored:
    """`stored`, if it answers what is asked now. Raises KeyReused."""
    if stored.request_hash not in (asked, getattr(asked, "plain", asked)):
        raise KeyReused(
            "this key was used with another method, path or body; use a fresh key for a new request",
            errors=[FieldError("header Idempotency-Key", "already used for another request")],
        )
    return stored


def in_flight() -> InFlight:
    return InFlight("the first request with this key has not ended yet; send it again in a second")


def sweep_job(pool: Pool, schema: str, hours: int) -> Job:
    """Deletes outcomes that are older than `hours`, in small batches. Several may run at once."""
    sql = f"""
        DELETE FROM {schema}.idempotency WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM {schema}.idempotency
             WHERE created_at < now() - make_interval(hours => $1) LIMIT {SWEEP_BATCH} FOR UPDATE SKIP LOCKED))
    """

    async def sweep() -> None:
        more = True
        while more:
            more = await pool.execute(sql, hours) == f"DELETE {SWEEP_BATCH}"
            await asyncio.sleep(0.05)

    return polling_job("idempotency-sweep", sweep, every=60.0)


async def find(tx: Connection, schema: str, caller: str, key: str) -> Stored | None:
    """The answer stored for `caller`'s key, if there is one."""
    row = await tx.fetchrow(
        f"SELECT request_hash, status, etag, body FROM {schema}.idempotency WHERE caller = $1 AND key = $2", caller, key
    )
    return None if row is None else Stored(row["request_hash"], row["status"], row["etag"], row["body"])


async def save(tx: Connection, schema: str, caller: str, key: str, answer: Stored) -> None:
    """Store the answer with the command. Raises InFlight when another request with this key got there first."""
    try:
        await tx.execute(
            f"INSERT INTO {schema}.idempotency (caller, key, request_hash, status, etag, body)"
            " VALUES ($1, $2, $3, $4, $5, $6)",
            caller,
            key,
            *answer,
        )
    except asyncpg.UniqueViolationError:
        raise in_flight() from None
