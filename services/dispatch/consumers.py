"""What dispatch reads from the bus, and which command each calls."""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from services.dispatch.commands.hear_reporter import Said, hear_reporter
from services.dispatch.commands.join_cases import join_cases, leave_cases
from services.dispatch.commands.learn_areas import AreaRow, learn_areas
from services.dispatch.commands.open_cases import Received, open_cases
from services.dispatch.domain.acts import Report
from services.dispatch.domain.case import Place
from services.dispatch.wiring import SCHEMA, Wired
from shared.bus.consumer import Subscription
from shared.bus.event import Record
from shared.contracts import topics
from shared.contracts.intake import (
    AreaDefined,
    AreaRetired,
    KeyIssued,
    KeyRevoked,
    ReportMerged,
    ReportReceived,
    ReportSupplemented,
    ReportUnmerged,
    ReportWithdrawn,
)
from shared.kernel.area import AreaPath
from shared.keys import apply_key_facts
from shared.postgres import Connection

# Where a case may be moved to is asked by people: nobody waits for an area by the millisecond.
AREAS_GATHER_MS = 200


# What whoever sent a report says afterwards.
SAID = frozenset({ReportWithdrawn.TYPE, ReportSupplemented.TYPE})


def subscriptions(wired: Wired) -> list[Subscription]:
    """Three, so that a revoked key ends within two seconds also while a backlog of reports becomes cases, and a city of
    10⁵ grids that is defined anew holds up neither.
    """

    async def reports(tx: Connection, records: Sequence[Record]) -> None:
        await _take_reports(tx, wired, [record for record in records if record.type not in SAID])
        if said := [_said(record) for record in records if record.type in SAID]:
            await hear_reporter(tx, wired, said)

    async def keys(tx: Connection, records: Sequence[Record]) -> None:
        await apply_key_facts(tx, SCHEMA, records)

    async def areas(tx: Connection, records: Sequence[Record]) -> None:
        await learn_areas(tx, [_area(record) for record in records])

    return [
        Subscription(
            group="dispatch",
            schema=SCHEMA,
            topics={topics.REPORTS.name: reports},
            types=frozenset({ReportReceived.TYPE, ReportMerged.TYPE, ReportUnmerged.TYPE}) | SAID,
            after=wired.outbox.ring,
        ),
        Subscription(
            "dispatch.areas",
            SCHEMA,
            {topics.AREAS.name: areas},
            frozenset({AreaDefined.TYPE, AreaRetired.TYPE}),
            gather_ms=AREAS_GATHER_MS,
        ),
        Subscription("dispatch.keys", SCHEMA, {topics.KEYS.name: keys}, frozenset({KeyIssued.TYPE, KeyRevoked.TYPE})),
    ]


def _area(record: Record) -> AreaRow:
    if record.type == AreaRetired.TYPE:
        gone = AreaRetired.model_validate_json(record.data)
        return AreaRow(gone.path, "", gone.version, True)
    area = AreaDefined.model_validate_json(record.data)
    return AreaRow(area.path, area.level, area.version, False)


async def _take_reports(tx: Connection, wired: Wired, records: Sequence[Record]) -> None:
    """What was received first, all in one: nothing that follows is needed for it. Then merges and their undoing, in
    their order, for each may rest on the one before.
    """
    later: list[tuple[str, Received]] = []
    new: list[Received] = []
    for record in records:
        if record.type == ReportReceived.TYPE:
            fact = ReportReceived.model_validate_json(record.data)
            if fact.merged_into is None:  # of any other its next fact tells
                new.append(_received(fact, record))
        elif record.type == ReportMerged.TYPE:
            merged = ReportMerged.model_validate_json(record.data)
            later.append((record.type, _received(merged, record, merged.merged_into)))
        else:
            unmerged = ReportUnmerged.model_validate_json(record.data)
            later.append((record.type, _received(unmerged, record, unmerged.unmerged_from)))
    if new:
        await open_cases(tx, wired, new)
    for kind, run in groupby(later, key=itemgetter(0)):
        command = join_cases if kind == ReportMerged.TYPE else leave_cases
        await command(tx, wired, [each for _, each in run])


def _said(record: Record) -> Said:
    if record.type == ReportWithdrawn.TYPE:
        back = ReportWithdrawn.model_validate_json(record.data)
        return Said(back.report_id, back.case_id, back.merged_into, reason=back.reason)
    more = ReportSupplemented.model_validate_json(record.data)
    return Said(more.report_id, more.case_id, more.merged_into, text=more.text, media=tuple(more.media))


def _attributes(fact: ReportReceived) -> dict[str, Any]:
    """What the report says beside its text. Its address and its origin are among it, for the desk to see and to search
    by, unless the app uses these names for something of its own; so is the code of its component 部件, which intake
    looked up, and no app's word stands in its place.
    """
    found: dict[str, Any] = {} if fact.address is None else {"address": fact.address, "approximate": fact.approximate}
    if fact.origin is not None:
        found["origin"] = fact.origin.model_dump(exclude_none=True)
    told = found | fact.attributes if found else fact.attributes
    return told if fact.component is None else {**told, "component": fact.component}


def _received(fact: ReportReceived, record: Record, apart_from: UUID | None = None) -> Received:
    report = Report(
        id=fact.report_id,
        category=fact.category,
        description=fact.description,
        place=Place(fact.location.lon, fact.location.lat),
        area=AreaPath.parse(fact.routing_key, "/routing_key"),
        source=fact.source,
        occurred_at=fact.occurred_at,
        attributes=_attributes(fact),
        media=tuple(fact.media),
    )
    return Received(report, record.traceparent, apart_from)
