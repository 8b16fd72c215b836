"""Rates and daily quotas of API keys, shared by all replicas of a service without a round trip for each request.

Tokens lie in one row of Postgres for each key; a process leases some of them, in one statement for all keys that ask,
and spends them in memory. It asks when a request finds none (those that come meanwhile wait with it), and four times a
second beforehand for a key in use, as many as that key spent in the last half second. Unspent tokens are given back
after a second. So over any T seconds all replicas together admit at most rate × (T + 2) requests of a key, where a
single bucket admits rate × (T + 1); the daily quota, counted when it is leased, is never exceeded, and a process that
is killed takes at most one lease of it along. While the database is away each process goes by a bucket of its own.
"""

import asyncio
import math
import time
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from datetime import date
from typing import Any, Final

import structlog

from shared.auth import QuotaExceeded, RateExceeded
from shared.postgres import ACQUIRE_SECONDS, Pool, is_outage

log = structlog.get_logger()

TICK_SECONDS: Final = 0.25
LEASE_SECONDS: Final = 1.0
# At the most so many of a key that has a daily quota alone.
LEASE_MOST: Final = 500
# A key whose tokens are used up is refused from memory; its row is looked at so often, whatever it sends.
LOOK_SECONDS: Final = 0.05
LOOK_DAY_SECONDS: Final = 5.0
# A database that has not answered in this time is taken for gone; it is asked again after as long.
ANSWER_SECONDS: Final = 1.0


class Lease:
    """What a process holds of the tokens of one family of keys. `rate` a second, `daily` a day; None: no limit."""

    __slots__ = (
        "daily",
        "day",
        "day_ends",
        "dry",
        "dry_until",
        "family",
        "fields_kept",
        "left",
        "own_at",
        "own_tokens",
        "rate",
        "spent",
        "tokens",
        "until",
        "used",
        "waiting",
    )

    def __init__(self, family: str, rate: int | None, daily: int | None) -> None:
        self.family = family
        self.rate = rate
        self.daily = daily
        self.tokens = 0
        self.until = 0.0
        self.spent = 0
        self.waiting = 0
        self.left = float(rate or 0)
        self.used = 0
        self.day: date | None = None
        self.day_ends = 0.0
        self.dry: type[RateExceeded] | type[QuotaExceeded] = RateExceeded
        self.dry_until = 0.0
        self.own_tokens = float(rate or 0)
        self.own_at = 0.0
        self.fields_kept: list[tuple[bytes, bytes]] = _policy(rate, daily)

    def spend(self) -> bool:
        """Take one token that is held; False if there is none. 0.2 µs: this is all that a request costs."""
        if self.tokens >= 1 and self.until > time.monotonic():
            self.tokens -= 1
            self.spent += 1
            return True
        return False

    def refuse(self, now: float) -> None:
        """Raises RateExceeded or QuotaExceeded, with the seconds to wait and the policy that is violated."""
        if self.dry is QuotaExceeded:
            wait = max(1, math.ceil(self.day_ends - now))
            raise QuotaExceeded(
                f"this key may send {self.daily:,} requests a day; the next begins in {wait} s",
                facts={"retry_after": wait, "daily": self.daily, "violated-policies": ["day"]},
            )
        wait = max(1, math.ceil(self.dry_until - now))
        raise RateExceeded(
            f"this key may send {self.rate} requests a second",
            facts={"retry_after": wait, "rate": self.rate, "violated-policies": ["second"]},
        )

    def fields(self) -> list[tuple[bytes, bytes]]:
        """The response's header fields: of draft-ietf-httpapi-ratelimit-headers-10, and the three of its versions to
        06, which more clients know, for the policy that is nearer its end. What is left is as this process knows it.
        """
        held, now = self.tokens, time.monotonic()
        parts, nearest = [], (math.inf, 0, 1)
        if self.rate is not None:
            left = max(0, int(held + self.left))
            parts.append(f'"second";r={left};t=1')
            nearest = (left, self.rate, 1)
        if self.daily is not None:
            left, ends = max(0, self.daily - self.used + held), max(1, math.ceil(self.day_ends - now))
            parts.append(f'"day";r={left};t={ends}')
            if left < nearest[0]:
                nearest = (left, self.daily, ends)
        return [
            *self.fields_kept,
            (b"ratelimit", ", ".join(parts).encode()),
            (b"ratelimit-limit", b"%d" % nearest[1]),
            (b"ratelimit-remaining", b"%d" % nearest[0]),
            (b"ratelimit-reset", b"%d" % nearest[2]),
        ]


def _policy(rate: int | None, daily: int | None) -> list[tuple[bytes, bytes]]:
    policies = []
    if rate is not None:
        policies.append(f'"second";q={rate};w=1')
    if daily is not None:
        policies.append(f'"day";q={daily};w=86400')
    return [(b"ratelimit-policy", ", ".join(policies).encode())]


LIMITED: ContextVar[Lease | None] = ContextVar("limited", default=None)
"""The limits that the request under way counts against; its answer shows them."""


class Leases:
    """The leases of a process."""

    def __init__(self, pool: Pool, schema: str, zone: str) -> None:
        self._pool = pool
        self._zone = zone
        self._held: dict[str, Lease] = {}
        self._wanting: set[Lease] = set()
        self._round: asyncio.Future[None] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._away_until = 0.0
        self._lease, self._begin = _lease_sql(schema), _begin_sql(schema)

    def of(self, family: str, rate: int | None, daily: int | None) -> Lease | None:
        """The lease of a family; None if it has no limit."""
        if rate is None and daily is None:
            return None
        held = self._held.get(family)
        if held is None or (held.rate, held.daily) != (rate, daily):
            held = self._held[family] = Lease(family, rate, daily)
        return held

    async def take(self, lease: Lease) -> None:
        """Take a token, leasing some if none is held. Raises RateExceeded, QuotaExceeded."""
        while not lease.spend():
            now = time.monotonic()
            if lease.dry_until > now:
                lease.refuse(now)
            if self._away_until > now:
                _by_itself(lease, now)
                return
            lease.waiting += 1
            try:
                await asyncio.shield(self._ask(lease))
            finally:
                lease.waiting -= 1

    async def tick(self) -> None:
        """Lease ahead for keys in use, give back what is out of date: call it every TICK_SECONDS."""
        now = time.monotonic()
        for lease in self._held.values():
            # A lone request is followed by nothing: what it needs it leases for itself.
            ahead = lease.spent > 1 and lease.tokens < 2 * lease.spent and lease.dry_until <= now
            if ahead or (lease.tokens and lease.until <= now):
                self._ask(lease)
            else:
                lease.spent = 0
        if self._asking is not None:
            await asyncio.shield(self._asking)

    async def give_back(self) -> None:
        """Before the process ends: what is held goes back to the row."""
        for lease in self._held.values():
            lease.until, lease.spent = 0.0, 0
            if lease.tokens:
                self._ask(lease)
        if self._asking is not None:
            await self._asking

    def _ask(self, lease: Lease) -> "asyncio.Future[None]":
        """Done when a statement that this lease is part of has been answered; one at a time is under way."""
        self._wanting.add(lease)
        if self._round is None:
            self._round = asyncio.get_running_loop().create_future()
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._work(), name="key-leases")
        return self._round

    async def _work(self) -> None:
        while self._wanting:
            leases, self._wanting = sorted(self._wanting, key=lambda lease: lease.family), set()
            answered, self._round = self._round, None
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._lease_all(leases)
            except Exception as error:
                if not is_outage(error):
                    if answered is not None:
                        answered.set_exception(error)
                        answered.exception()  # who waits is told; that nobody did is no news
                    raise
                if self._away_until == 0.0:
                    log.warning("limits of keys cannot be shared; each process goes by itself", error=repr(error))
                self._away_until = time.monotonic() + ANSWER_SECONDS
            finally:
                if answered is not None and not answered.done():
                    answered.set_result(None)

    async def _lease_all(self, leases: Sequence[Lease]) -> None:
        now = time.monotonic()
        asked = []
        for lease in leases:
            back = lease.tokens if lease.until <= now else 0
            lease.tokens -= back
            most = max(1, lease.rate) if lease.rate is not None else LEASE_MOST
            want = min(most, max(0, lease.waiting + 2 * lease.spent - lease.tokens))
            lease.spent = 0
            asked.append((lease.family, lease.rate, lease.daily, want, back, lease.day))
        try:
            rows = await self._row_of_each(asked)
        except BaseException:
            for lease, (*_, back, _) in zip(leases, asked, strict=True):
                lease.tokens += back  # out of date, but still to be given back
            raise
        self._away_until = 0.0
        now = time.monotonic()
        for lease, (_, _, _, want, *_) in zip(leases, asked, strict=True):
            _granted(lease, rows[lease.family], want, now)

    async def _row_of_each(self, asked: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
        async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            columns = [list(column) for column in zip(*asked, strict=True)]
            rows = await connection.fetch(self._lease, *columns, self._zone)
            if len(rows) < len(asked):
                await connection.execute(self._begin, columns[0], columns[1], self._zone)
                known = {row["family"] for row in rows}
                columns = [list(column) for column in zip(*(a for a in asked if a[0] not in known), strict=True)]
                rows += await connection.fetch(self._lease, *columns, self._zone)
        return {row["family"]: row for row in rows}


def _granted(lease: Lease, row: Any, want: int, now: float) -> None:
    lease.left, lease.used, lease.day = row["tokens"], row["used"], row["day"]
    lease.day_ends = now + row["day_left"]
    if row["granted"]:
        lease.tokens += row["granted"]
        lease.until = now + LEASE_SECONDS
    if row["granted"] < want:  # the row is empty: once what is held is spent, no use asking for a while
        if lease.daily is not None and lease.used >= lease.daily:
            lease.dry, lease.dry_until = QuotaExceeded, now + min(LOOK_DAY_SECONDS, row["day_left"])
        else:
            rate = lease.rate or 1
            lease.dry, lease.dry_until = RateExceeded, now + max(LOOK_SECONDS, (1 - row["tokens"]) / rate)


def _by_itself(lease: Lease, now: float) -> None:
    """A token of this process's own bucket, while the shared one cannot be had. The day is not counted then."""
    if lease.rate is None:
        return
    lease.own_tokens = min(float(lease.rate), lease.own_tokens + (now - lease.own_at) * lease.rate)
    lease.own_at = now
    if lease.own_tokens < 1:
        lease.dry = RateExceeded
        lease.refuse(now)
    lease.own_tokens -= 1


def _lease_sql(schema: str) -> str:
    # Rows are locked in the order of their keys, so that two processes never wait for each other in a circle. A clock
    # that was set back takes nothing from a bucket and gives no second quota for the same day.
    return f"""
        WITH asked AS MATERIALIZED (
            SELECT *, (clock_timestamp() AT TIME ZONE $7)::date AS today
              FROM unnest($1::text[], $2::float8[], $3::bigint[], $4::bigint[], $5::bigint[], $6::date[])
                AS a (family, rate, daily, want, back, back_day)
        ), held AS MATERIALIZED (
            SELECT u.family, u.tokens, u.filled_at, u.day, u.used, a.rate, a.daily, a.want, a.back, a.back_day, a.today
              FROM asked a JOIN {schema}.key_usage u ON u.family = a.family ORDER BY u.family FOR UPDATE OF u
        ), filled AS MATERIALIZED (
            SELECT family, rate, daily, want, greatest(day, today) AS day,
                   CASE WHEN today > day THEN 0
                        WHEN back_day = day THEN greatest(0, used - back) ELSE used END AS used,
                   least(rate, tokens + back
                         + greatest(0, extract(epoch FROM clock_timestamp() - filled_at))::float8 * rate) AS tokens
              FROM held
        ), given AS MATERIALIZED (
            SELECT *, greatest(0, least(want, coalesce(floor(tokens)::bigint, want),
                                        coalesce(daily - used, want))) AS granted
              FROM filled
        )
        UPDATE {schema}.key_usage u
           SET tokens = coalesce(g.tokens - g.granted, 0), filled_at = clock_timestamp(), day = g.day,
               used = g.used + g.granted
          FROM given g WHERE u.family = g.family
        RETURNING u.family, g.granted, u.tokens, u.used, u.day,
                  greatest(1, extract(epoch FROM (u.day + 1)::timestamp AT TIME ZONE $7 - clock_timestamp()))::float8
                      AS day_left
    """


def _begin_sql(schema: str) -> str:
    return f"""
        INSERT INTO {schema}.key_usage (family, tokens, filled_at, day, used)
        SELECT family, coalesce(rate, 0), clock_timestamp(), (clock_timestamp() AT TIME ZONE $3)::date, 0
          FROM unnest($1::text[], $2::float8[]) AS a (family, rate) ORDER BY family
        ON CONFLICT (family) DO NOTHING
    """


def seen_sql(schema: str) -> str:
    """Writes when keys were last used: at most once in some 50 seconds for each, however many processes know of it."""
    return f"""
        INSERT INTO {schema}.key_seen AS s (id, at)
        SELECT id, now() FROM unnest($1::text[]) AS k (id) ORDER BY id
        ON CONFLICT (id) DO UPDATE SET at = excluded.at WHERE s.at < excluded.at - interval '50 seconds'
    """


async def last_seen(pool: Pool, schema: str, ids: Iterable[str]) -> dict[str, Any]:
    """Key id → when it last opened this service, for those of `ids` that did."""
    rows = await pool.fetch(f"SELECT id, at FROM {schema}.key_seen WHERE id = ANY($1::text[])", list(ids))
    return {row["id"]: row["at"] for row in rows}
