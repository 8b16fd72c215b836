"""Intake's own app with another writer behind it: what row a and row h compare with. Never part of a release.

`python -m tests.bench.intake_variants no-store --port 8080`. Every variant reads, checks, authorises, places and
prepares a report as intake does; they differ in what becomes of the row, or (row h) in a safeguard that is left out.
"""

import argparse
import asyncio
from contextlib import closing
from dataclasses import replace

import uvloop

from services.city.house import house
from services.city.serving import bind, serve_until, stop_on_signals
from services.intake import outgoing
from services.intake.app import api_jobs, create_app
from services.intake.commands.find_duplicates import beside, looked_at, opened_by, sorted_out
from services.intake.commands.group_commit import ANSWER_SECONDS, GroupWriter
from services.intake.settings import IntakeSettings
from services.intake.store import clusters
from services.intake.store import reports as store
from services.intake.store.reports import Row
from services.intake.wiring import Wired, wire
from shared.auth import Authenticator, Principal
from shared.bus.event import Event
from shared.bus.opening import open_carrier
from shared.jobs import Job
from shared.kernel.area import AreaPath
from shared.logs import start_logging
from shared.postgres import transaction

COLUMNS = Row._fields[:13]
INSERT = f"""
    INSERT INTO intake.reports ({", ".join(COLUMNS)}) VALUES ({", ".join(f"${n + 1}" for n in range(len(COLUMNS)))})
"""


MERGED = "INSERT INTO intake.merged_reports (report_id, cluster, merged_at, record_key) VALUES ($1, $2, $3, $4)"


class NoStore(GroupWriter):
    """Answers and forgets: the ceiling of this app."""

    async def write(self, row: Row) -> bytes:
        return row.answer


class OneByOne(GroupWriter):
    """One transaction a request, as most would write it: begin, lock, look for duplicates, the report, its cluster, its
    fact, commit.
    """

    async def write(self, row: Row) -> bytes:
        looked = looked_at([row], self.likenesses)
        touched = beside(looked)
        async with transaction(self._pool) as tx:
            near = await clusters.hold(tx, touched.locks, touched.spots, ANSWER_SECONDS)
            (row,) = sorted_out([row], looked, near, self.likenesses)
            await tx.execute(INSERT, *row[: len(COLUMNS)])
            if row.merged_into is not None:
                await tx.execute(MERGED, row.id, row.merged_into, row.received_at, row.record_key)
                await clusters.count(tx, {row.merged_into: 1})
            for cluster in opened_by([row]):
                await clusters.add(tx, cluster, row.expires_at or row.received_at)
            await self._outbox.add(tx, [_fact(row)])
        return row.answer


def _fact(row: Row) -> Event:
    """Of a merged report there would be one more."""
    return Event(
        topic=outgoing.REPORT_TOPIC,
        key=row.record_key or row.routing_key,
        id=row.id,
        type=outgoing.REPORT_TYPE,
        subject=row.id,
        sequence=outgoing.REPORT_SEQUENCE,
        routing_key=row.routing_key,
        routing_key_from=None,
        at=row.received_at,
        data=row.data,
    )


class OneStatement(GroupWriter):
    """One transaction a request, with our own way of saving round trips: everything in one statement."""

    async def write(self, row: Row) -> bytes:
        async with self._pool.acquire() as connection:
            answers = await self._sort_out(connection, [row])
        return answers[row.id]


class Anybody(Authenticator):
    """Asks nobody who they are."""

    def __init__(self, known: Principal) -> None:
        self._known = known

    async def principal(self, authorization: str | None) -> Principal:
        return self._known

    def jobs(self) -> list[Job]:
        return []


def no_store(wired: Wired) -> Wired:
    return _with_writer(wired, NoStore)


def one_by_one(wired: Wired) -> Wired:
    return _with_writer(wired, OneByOne)


def one_statement(wired: Wired) -> Wired:
    return _with_writer(wired, OneStatement)


def no_outbox(wired: Wired) -> Wired:
    """The group's statement without its part that writes the facts."""
    before, published, after = store.ADD_GROUP.partition("), published AS (")
    store.ADD_GROUP = before + ")\n" + after[after.index("SELECT h.used") :]
    assert published
    store.ADD_GROUP = store.ADD_GROUP.replace("WITH asked", _UNUSED + " asked")
    return wired


def no_auth(wired: Wired) -> Wired:
    everything = frozenset({"reports:create"})
    known = Principal(kind="app", subject="anybody", area=AreaPath.root(), actions=everything)
    return replace(wired, auth=Anybody(known))


def _with_writer(wired: Wired, kind: type[GroupWriter]) -> Wired:
    writer = kind(wired.pool, wired.outbox, likenesses=wired.desk.writer.likenesses)
    return replace(wired, desk=replace(wired.desk, writer=writer))


# PostgreSQL must still be told the types of the parameters that the facts' part had.
_UNUSED = f"WITH unused AS (SELECT {', '.join(f'${store.OWN + n}::text' for n in (1, 2, 3))}),"
VARIANTS = {
    "no-store": no_store,
    "one-by-one": one_by_one,
    "one-statement": one_statement,
    "no-outbox": no_outbox,
    "no-auth": no_auth,
}


async def run(variant: str, port: int) -> None:
    settings = IntakeSettings()
    start_logging(settings.log_format, settings.log_level)
    stop = stop_on_signals()
    with closing(bind("127.0.0.1", port)) as door:
        async with wire(settings, open_carrier(settings)) as original:
            wired = VARIANTS[variant](original)
            app = house({"intake": create_app(wired)}, {"intake": wired.readiness}, [])
            await serve_until(stop, app, door, api_jobs(wired), settings)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("variant", choices=VARIANTS)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(run(arguments.variant, arguments.port))
