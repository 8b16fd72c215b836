"""Requests as Open311's readers see them: found by their index, told without what names a person."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, NamedTuple
from uuid import UUID

from services.intake.domain.masking import mask
from services.intake.domain.open311 import (
    OPEN,
    UnknownRequest,
    beside,
    born,
    extended_status,
    id_floor,
    plain_status,
    window,
    words_of,
)
from services.intake.queries.open311_services import Services
from services.intake.store import open311 as store
from services.intake.store.open311 import Asked, Noted, Shown
from shared.kernel.clock import Clock
from shared.packs.model import Attribute
from shared.postgres import Pool, transaction

FIRST, LAST = UUID(int=0), UUID(int=(1 << 128) - 1)


class Reader(NamedTuple):
    """What reading takes. `media_at` is where a file lies, for those who may have it."""

    pool: Pool
    clock: Clock
    zone: tzinfo
    services: Services
    media_at: str


class Filter(NamedTuple):
    """What a list is asked for, beside its page."""

    area: str = ""
    codes: Sequence[str] | None = None
    statuses: Sequence[str] | None = None
    start: datetime | None = None
    end: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    box: tuple[float, float, float, float] | None = None


class Found(NamedTuple):
    """A page of requests; `total` is how many there are in all."""

    requests: list[dict[str, Any]]
    total: int


async def requests(reader: Reader, asked: Filter, *, size: int, offset: int, unpaged: bool, extended: bool) -> Found:
    """The requests asked for, the youngest first; by their last change, the last first, where one is asked for.

    Raises SpanTooLong, Invalid.
    """
    now = reader.clock()
    by_change = asked.updated_after is not None or asked.updated_before is not None
    timed = asked.start is not None or asked.end is not None
    low, high = FIRST, LAST
    if timed or not by_change:
        within = window(asked.start, asked.end, now)
        low, high = id_floor(within.after), id_floor(within.before) if timed else LAST
    opens = None if asked.statuses is None else [status == OPEN for status in dict.fromkeys(asked.statuses)]
    ranged = Asked(low, high, asked.area, asked.box, asked.codes, opens)
    async with transaction(reader.pool) as connection:
        await store.plan_each(connection)
        if asked.box is not None and not by_change:
            ranged = ranged._replace(few=await store.few_in(connection, asked.box))
        if by_change:
            changed = window(asked.updated_after, asked.updated_before, now, ("?updated_after", "?updated_before"))
            at = (changed.after, changed.before)
            young = (id_floor(at[0]), id_floor(at[1]))
            ids = await store.updated_ids(connection, ranged, at, young, size, offset)
        else:
            ids = await store.listed_ids(connection, ranged, size, offset)
        if (not offset and len(ids) < size) or (unpaged and not timed and not by_change):
            # All were seen; or the first 1,000 are, by the protocol, all that there are.
            total = len(ids)
        elif by_change:
            total = await store.counted_updated(connection, ranged, at, young)
        else:
            total = await store.counted_ids(connection, ranged)
        shown = await store.show(connection, ids)
        steps = await store.notes(connection, ids) if extended and ids else []
    return Found([*_told(reader, shown, steps, extended=extended)], total)


async def requests_of(reader: Reader, ids: Sequence[UUID], area: str, *, extended: bool) -> list[dict[str, Any]]:
    """Those of `ids` that there are in `area`, in their order."""
    async with reader.pool.acquire() as connection:
        shown = [each for each in await store.show(connection, ids) if _in(area, each.area)]
        steps = await store.notes(connection, [each.id for each in shown]) if extended and shown else []
    return [*_told(reader, shown, steps, extended=extended)]


async def request(reader: Reader, ids: Sequence[UUID], area: str, *, extended: bool) -> list[dict[str, Any]]:
    """The one request, as a list of one. Raises UnknownRequest."""
    found = await requests_of(reader, ids, area, extended=extended)
    if not found:
        raise UnknownRequest("there is no service request of this id")
    return found


def moment(at: datetime | None, zone: tzinfo) -> str | None:
    """As the protocol writes times: to the second, with the zone."""
    return None if at is None else at.astimezone(zone).isoformat(timespec="seconds").replace("+00:00", "Z")


def _in(area: str, path: str) -> bool:
    return not area or path == area or path.startswith(f"{area}.")


def _told(
    reader: Reader, shown: Iterable[Shown], steps: Iterable[Noted], *, extended: bool
) -> Iterable[dict[str, Any]]:
    noted: dict[UUID, list[Noted]] = {}
    for step in steps:
        noted.setdefault(step.report_id, []).append(step)
    for each in shown:
        told = _request(reader, each)
        yield told | _extensions(reader, each, noted.get(each.id, [])) if extended else told


def _request(reader: Reader, each: Shown) -> dict[str, Any]:
    kept = (each.details or {}).get("open311") or {}
    said = kept.get("said", len(each.description))
    unit = None if each.unit is None else reader.services.units.get(each.unit, each.unit)
    came_in = born(each.id)
    media = kept.get("media_url") or _media(reader, each)
    return {
        "service_request_id": str(each.id),
        "status": _status(each),
        "status_notes": beside(
            words_of(each.act, unit, each.said) if each.act else None, merged=each.merged_into is not None
        ),
        "service_name": reader.services.names.get(each.category, each.category),
        "service_code": each.category,
        "description": each.description[:said] or None,
        "agency_responsible": unit,
        "service_notice": None,
        "requested_datetime": moment(came_in, reader.zone),
        "updated_datetime": moment(each.at or came_in, reader.zone),
        "expected_datetime": moment(each.due_at, reader.zone),
        "address": (each.details or {}).get("address"),
        "address_id": each.area,
        "zipcode": None,
        "lat": round(each.lat, 7),
        "long": round(each.lon, 7),
        "media_url": media,
    }


def _status(each: Shown) -> str:
    if each.status is None:
        return plain_status(None if each.open else "closed")
    return plain_status(each.status)


def _media(reader: Reader, each: Shown) -> str | None:
    """Where the first file lies. It opens for staff and for the app that sent it, and for nobody else."""
    media = (each.details or {}).get("media")
    return f"{reader.media_at}{media[0]}" if media else None


def _extensions(reader: Reader, each: Shown, steps: Sequence[Noted]) -> dict[str, Any]:
    attributes: Mapping[str, Any] = (each.details or {}).get("attributes") or {}
    form = dict(reader.services.form(each.category))
    return {
        # Only what the form asks: what else an app sent along may name anybody.
        "attributes": [
            {"code": name, "label": f"{form[name].zh} {form[name].en}", "value": _value(form[name], attributes[name])}
            for name in form
            if attributes.get(name) is not None
        ],
        "extended_attributes": {
            "status": extended_status(each.act, each.status),
            "area": each.area,
            "case_id": None if each.case_id is None else str(each.case_id),
            "merged_into": None if each.merged_into is None else str(each.merged_into),
        },
        "notes": [*_notes(reader, each, steps)],
    }


def _notes(reader: Reader, each: Shown, steps: Sequence[Noted]) -> Iterable[dict[str, Any]]:
    """The way of its case; of a merged request with the moment at which it became its own."""
    told = [
        (step.at, step.act, words_of(step.act, reader.services.units.get(step.unit or "", step.unit), step.said))
        for step in steps
    ]
    if each.merged_at is not None:
        told.append((each.merged_at, "merged", beside(None, merged=True) or ""))
        told.sort(key=lambda one: one[0])
    for at, kind, words in told:
        yield {"datetime": moment(at, reader.zone), "description": words, "type": kind}


def _value(attribute: Attribute, value: Any) -> str:
    values = value if isinstance(value, list) else [value]
    return ",".join("true" if v is True else "false" if v is False else mask(str(v)) for v in values)
