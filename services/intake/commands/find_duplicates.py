"""Find duplicates 重复上报: of reports that are about to be stored, which open a cluster and which join one.

One look for all of them. Two reports near each other share a cell that both touch, and what was seen there must still
be so, under the cells' locks, when they are stored: a group of posted reports looks again if it is not; a part of a
batch has the locks from its look on.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import orjson

from services.intake import outgoing
from services.intake.domain.duplicates import (
    Cluster,
    Joins,
    Likenesses,
    Seen,
    bucket,
    opened,
    sort_out,
    spots,
)
from services.intake.store import clusters as store
from services.intake.store.reports import Beside, Kinds, Row
from shared.bus.event import shard_of
from shared.kernel.ids import uuid7
from shared.postgres import Connection

KINDS: Final = Kinds(outgoing.REPORT_TOPIC, outgoing.REPORT_TYPE, outgoing.MERGED_TYPE)


class Looked(NamedTuple):
    """Those of some rows that can have a duplicate at all: their places among the others; what of each is compared, the
    cells that its circle touches, and its record key.
    """

    places: Sequence[int]
    reports: Sequence[tuple[Seen, Sequence[int], str]]


def looked_at(rows: Sequence[Row], likenesses: Likenesses) -> Looked:
    """The ones that were given a cell to lie in."""
    places = [place for place, row in enumerate(rows) if row.spot is not None]
    some = rows if len(places) == len(rows) else [rows[place] for place in places]
    reports = [(seen_of(row), spots(likenesses[row.category], row.lon, row.lat), row.routing_key) for row in some]
    return Looked(places, reports)


def seen_of(row: Row) -> Seen:
    return Seen(row.id, row.category, row.lon, row.lat, row.occurred_at or row.received_at, row.component)


def beside(looked: Looked, seen: Iterable[Cluster] = ()) -> Beside:
    """The cells that the circles touch, with their locks; `seen` are the clusters that were found there."""
    touched = {spot for _, cells, _ in looked.reports for spot in cells}
    return Beside(sorted({bucket(spot) for spot in touched}), list(touched), [each.id for each in seen])


def sorted_out(rows: Sequence[Row], looked: Looked, near: Iterable[Cluster], likenesses: Likenesses) -> list[Row]:
    """`rows` as they are to be stored; `looked` are those of them that can have duplicates."""
    outcomes = sort_out(looked.reports, near, likenesses)
    joined = Counter([outcome.cluster.id for outcome in outcomes if outcome is not None])
    found = list(rows)
    if joined:
        for place, outcome in zip(looked.places, outcomes, strict=True):
            row = rows[place]
            if outcome is not None:
                found[place] = _merged(row, outcome)
            elif row.id in joined:
                found[place] = row._replace(together=1 + joined[row.id])
    return found


def opened_by(rows: Iterable[Row]) -> list[Cluster]:
    """The clusters that `rows`, now stored, opened."""
    return [opened(seen_of(row), row.spot, row.routing_key, row.together) for row in rows if row.spot is not None]


async def open_apart(
    tx: Connection, likenesses: Likenesses, seen: Seen, record_key: str, received_at: datetime
) -> None:
    """Open a cluster of a report that has a case of its own, though it lies near another cluster."""
    likeness = likenesses.get(seen.category)
    if likeness is not None:
        spot = spots(likeness, seen.lon, seen.lat)[0]
        await store.add(tx, opened(seen, spot, record_key), received_at + likeness.window)


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
        spot=None,
        expires_at=None,
        answer=_answer(row.answer, into),
    )


def _answer(answer: bytes, into: UUID) -> bytes:
    return orjson.dumps(orjson.loads(answer) | {"merged_into": str(into)}) if answer else b""
