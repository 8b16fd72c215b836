"""Updates of requests: what became of them, step by step, for clients that ask again and again."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from services.intake.domain.open311 import (
    OPEN,
    Window,
    extended_status,
    id_floor,
    plain_status,
    update_id,
    window,
    words_of,
)
from services.intake.domain.open311_form import read_back
from services.intake.queries.open311_requests import Reader, moment
from services.intake.store import open311_following as store
from services.intake.store.open311 import plan_each
from services.intake.store.open311_following import Update
from shared.postgres import transaction

# Asked without a time: a client that looks once a night misses nothing.
USUAL_SPAN = timedelta(hours=24)
EVER = datetime(1970, 1, 1, tzinfo=UTC)
# An addition's id is made a moment after its time was read.
MADE_WITHIN = timedelta(seconds=10)


class Found(NamedTuple):
    """A page of updates; `total` is how many there are in all."""

    updates: list[dict[str, Any]]
    total: int


async def updates(
    reader: Reader,
    area: str,
    ids: Sequence[UUID] | None,
    start: datetime | None,
    end: datetime | None,
    *,
    size: int,
    offset: int,
    extended: bool,
) -> Found:
    """Those whose time lies from `start` to `end`, the first one first; of `ids` alone, where they are named. Without a
    time: of the last day, and of named requests all. Raises SpanTooLong, Invalid.
    """
    now = reader.clock()
    if start is None and end is None:
        within = Window(now - USUAL_SPAN if ids is None else EVER, now)
    else:
        within = window(start, end, now)
    at = (within.after, within.before)
    young = (id_floor(at[0]), id_floor(at[1] + MADE_WITHIN))
    async with transaction(reader.pool) as connection:
        await plan_each(connection)
        if ids is not None:
            every = await store.updates_of(connection, at, area, ids)
            found, total = every[offset : offset + size], len(every)
        else:
            found = await store.updates(connection, at, young, area, size, offset)
            total = offset + len(found)
            if len(found) == size or (offset and not found):
                total = await store.count_updates(connection, at, young, area)
    return Found([_told(reader, each, extended=extended) for each in found], total)


def _told(reader: Reader, each: Update, *, extended: bool) -> dict[str, Any]:
    words: str | None
    media = each.media[0] if each.media else None
    url = f"{reader.media_at}{media}" if media else None
    if each.case_id is None:
        # Added while its case went on: to one that has ended nothing is added any more.
        name, status = str(each.addition_id), "OPEN" if extended else OPEN
        words, picture = read_back(each.said or "")
        words, url = words or None, picture or url
    else:
        name = update_id(each.case_id, each.version, each.report_id)
        words = words_of(each.act or "", reader.services.units.get(each.unit or "", each.unit), each.said)
        status = extended_status(each.act, each.status) if extended else plain_status(each.status)
    return {
        "update_id": name,
        "service_request_id": str(each.report_id),
        "status": status,
        "updated_datetime": moment(each.at, reader.zone),
        "description": words,
        "media_url": url,
    }
