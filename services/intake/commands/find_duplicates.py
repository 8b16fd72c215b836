"""Find duplicates 重复上报: of reports that are about to be stored, which open a cluster and which join one.

One look for all of them, under the locks of the cells that they touch. Two reports near each other share a cell that
both touch, so the second waits until the first is stored, in whichever process it came.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson

from services.intake import outgoing
from services.intake.domain.duplicates import (
    Cluster,
    Joins,
    Likenesses,
    Opens,
    Seen,
    bucket,
    sort_out,
    spots,
)
from services.intake.store import clusters as store
from services.intake.store.reports import Kinds, Row
from shared.bus.event import shard_of
from shared.kernel.ids import uuid7
from shared.postgres import Connection

KINDS: Final = Kinds(outgoing.REPORT_TOPIC, outgoing.REPORT_TYPE, outgoing.MERGED_TYPE)


def any_alike(rows: Iterable[Row], likenesses: Likenesses) -> bool:
    """Whether any of `rows` could have a duplicate at all."""
    return bool(likenesses) and any(row.category in likenesses for row in rows)


async def hold_near(tx: Connection, rows: Sequence[Row], likenesses: Likenesses, seconds: float) -> list[Cluster]:
    """The clusters near `rows`, locked to the end of the transaction against others who look there."""
    touched: set[int] = set()
    for row in rows:
        if (likeness := likenesses.get(row.category)) is not None:
            touched.update(spots(likeness, row.lon, row.lat))
    if not touched:
        return []
    return await store.hold(tx, sorted({bucket(spot) for spot in touched}), list(touched), seconds)


def sorted_out(rows: Sequence[Row], near: Iterable[Cluster], likenesses: Likenesses) -> list[Row]:
    """`rows` as they are to be stored. Those of a category without duplicates stay as they are."""
    looked = []
    for place, row in enumerate(rows):
        likeness = likenesses.get(row.category)
        if likeness is not None:
            seen = Seen(row.id, row.category, row.lon, row.lat, row.occurred_at or row.received_at)
            looked.append((place, (seen, spots(likeness, row.lon, row.lat), row.routing_key)))
    found = list(rows)
    outcomes = sort_out([each for _, each in looked], near, likenesses)
    joined = Counter(outcome.cluster.id for outcome in outcomes if isinstance(outcome, Joins))
    for (place, _), outcome in zip(looked, outcomes, strict=True):
        row = rows[place]
        if isinstance(outcome, Opens):
            window = likenesses[row.category].window
            found[place] = row._replace(
                spot=outcome.spot, expires_at=row.received_at + window, together=1 + joined[row.id]
            )
        else:
            found[place] = _merged(row, outcome)
    return found


def opened_by(rows: Iterable[Row]) -> list[Cluster]:
    """The clusters that `rows`, now stored, opened."""
    return [
        Cluster(
            row.id,
            row.spot,
            row.category,
            row.lon,
            row.lat,
            row.occurred_at or row.received_at,
            row.routing_key,
            row.together,
        )
        for row in rows
        if row.spot is not None
    ]


async def open_apart(
    tx: Connection, likenesses: Likenesses, seen: Seen, record_key: str, received_at: datetime
) -> None:
    """Open a cluster of a report that has a case of its own, though it lies near another cluster."""
    likeness = likenesses.get(seen.category)
    if likeness is not None:
        spot = spots(likeness, seen.lon, seen.lat)[0]
        cluster = Cluster(seen.id, spot, seen.category, seen.lon, seen.lat, seen.at, record_key, 1)
        await store.add(tx, cluster, received_at + likeness.window)


def _merged(row: Row, joins: Joins) -> Row:
    into, record_key = joins.cluster.id, joins.cluster.record_key
    received, merged = outgoing.report_merged(row.data, into, joins.metres)
    return row._replace(
        merged_into=into,
        record_key=record_key,
        shard=shard_of(record_key),
        data=received,
        merged_event=uuid7(),
        merged_data=merged,
        answer=_answer(row.answer, into),
    )


def _answer(answer: bytes, into: UUID) -> bytes:
    return orjson.dumps(orjson.loads(answer) | {"merged_into": str(into)}) if answer else b""
