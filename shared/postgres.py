"""Connections to Postgres, and which of its errors mean "later" rather than "wrong"."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    PooledConnection: TypeAlias = PoolConnectionProxy[asyncpg.Record]
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PooledConnection
else:  # at run time these classes take no parameter
    Pool = asyncpg.Pool
    PooledConnection = PoolConnectionProxy
    Connection = asyncpg.Connection | PoolConnectionProxy

# A request that cannot have a connection or a lock within these is answered 503 rather than kept waiting.
ACQUIRE_SECONDS = 5.0
SESSION = {
    "timezone": "UTC",
    "lock_timeout": "5s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "15s",
    "jit": "off",
}

# SQLSTATE classes and codes after which the same transaction may well succeed (PostgreSQL manual, appendix A):
# 08 connection, 40 rollback (deadlock, serialization), 53 resources (disk full, too many connections), 57P01-05 the
# server ended it, 58 system error (I/O), 25P03 idle in transaction too long, 55P03 lock and 57014 statement time-out.
_OUTAGE_CLASSES = ("08", "40", "53", "58")
_OUTAGE_CODES = {"57P01", "57P02", "57P03", "57P05", "25P03", "55P03", "57014"}


def is_outage(error: BaseException) -> bool:
    """True when the database could not be had, now: try the same again later, nothing is wrong with what was asked."""
    if isinstance(error, asyncpg.PostgresError):
        code = error.sqlstate or ""
        return code[:2] in _OUTAGE_CLASSES or code in _OUTAGE_CODES
    if isinstance(error, asyncpg.InterfaceError):
        text = str(error)
        return "closed" in text or "closing" in text or "released" in text or "terminated" in text
    if isinstance(error, asyncpg.InternalClientError):
        # asyncpg 0.32 says so of a connection that the server is just closing ("cannot switch to state 15 …").
        return "cannot switch to state" in str(error)
    return isinstance(error, OSError | TimeoutError)


async def prepare_connection(connection: Connection) -> None:
    """Let jsonb travel as Python values, through orjson (binary format: a version byte, then the text)."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: b"\x01" + orjson.dumps(value),
        decoder=lambda data: orjson.loads(data[1:]),
    )


async def _nothing_to_reset(connection: Connection) -> None:
    """Do nothing. asyncpg would send `RESET ALL; …` at each release: a round trip, and ours hold no state."""


async def create_pool(dsn: str, *, name: str, size: int = 8) -> Pool:
    """A pool that opens its connections when they are needed, so that a process can start before its database."""
    return await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=size,
        max_inactive_connection_lifetime=60.0,
        timeout=ACQUIRE_SECONDS,
        command_timeout=35.0,
        init=prepare_connection,
        reset=_nothing_to_reset,
        server_settings={"application_name": f"wangge-{name}", **SESSION},
    )


async def connect(dsn: str, *, name: str, **settings: str) -> "asyncpg.Connection[asyncpg.Record]":
    """One connection of its own, for work that holds a lock for as long as it lives."""
    connection: Any = await asyncpg.connect(
        dsn,
        timeout=ACQUIRE_SECONDS,
        command_timeout=35.0,
        server_settings={"application_name": f"wangge-{name}", **SESSION, **settings},
    )
    await prepare_connection(connection)
    return connection  # type: ignore[no-any-return]


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """One connection and one transaction: committed when the block ends, rolled back when it raises."""
    async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
        yield connection
