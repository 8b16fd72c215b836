"""Fact → published event: the only place where intake's facts take the shape of the contract."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from services.intake.domain.activity import Activity
from services.intake.domain.area import Area
from services.intake.domain.first_asked import Answerable
from services.intake.domain.key import Ending, Key
from services.intake.domain.own_report import OwnReport
from services.intake.domain.report import Report, Telling
from shared.bus.event import Event
from shared.contracts.intake import (
    ActivityRecorded,
    AreaDefined,
    AreaRetired,
    KeyIssued,
    KeyRevoked,
    KeyScope,
    MessageFailed,
    MessageSent,
    ReportFirstAskedLapsed,
    ReportFirstAskedOverdue,
    ReportMerged,
    ReportReceived,
    ReportSupplemented,
    ReportUnmerged,
    ReportWithdrawn,
)
from shared.contracts.topics import ACTIVITIES, AREAS, KEYS, REPORTS
from shared.kernel.area import AreaPaths
from shared.kernel.ids import tracking_hash, uuid7

REPORT_TOPIC: Final = REPORTS.name
REPORT_TYPE: Final = ReportReceived.TYPE
REPORT_SEQUENCE: Final = 1
MERGED_TYPE: Final = ReportMerged.TYPE


def report_received(report: Report, *, reachable: bool = False) -> bytes:
    """The data of `report.received`; `reachable`: its reporter may be told.

    Written straight to JSON: the model would take four times as long (8 µs to 2 µs); a test holds it to the contract.
    """
    data: dict[str, Any] = {
        "report_id": report.id,
        "category": report.category,
        "description": report.description,
        "location": {"lon": report.place.lon, "lat": report.place.lat},
        "routing_key": report.routing_key,
        "occurred_at": report.occurred_at,
        "received_at": report.received_at,
        "source": report.source,
        "attributes": report.attributes,
        "media": report.media,
        "tracking_hash": tracking_hash(report.tracking_code),
        "reachable": reachable,
    }
    if report.component is not None:
        data["component"] = report.component
    if report.origin is not None:
        data["origin"] = report.origin._asdict()
    if report.address is not None:
        data |= {"address": report.address, "approximate": report.approximate}
    return orjson.dumps(data)


def report_withdrawn(report: OwnReport, reason: str, at: datetime, telling: Telling) -> Event:
    """`reason` is masked."""
    fact = ReportWithdrawn(
        report_id=report.id,
        routing_key=report.routing_key,
        at=at,
        reason=reason,
        case_id=report.case_id,
        merged_into=telling.merged_into,
        version=telling.version,
    )
    return _of_report(fact, at, telling)


def report_supplemented(
    report: OwnReport, addition_id: UUID, text: str | None, media: Sequence[UUID], at: datetime, telling: Telling
) -> Event:
    """`text` is masked."""
    fact = ReportSupplemented(
        report_id=report.id,
        addition_id=addition_id,
        routing_key=report.routing_key,
        at=at,
        text=text,
        media=list(media),
        case_id=report.case_id,
        merged_into=telling.merged_into,
        version=telling.version,
    )
    return _of_report(fact, at, telling)


def _of_report(
    fact: ReportWithdrawn | ReportSupplemented | ReportUnmerged | ReportFirstAskedLapsed | ReportFirstAskedOverdue,
    at: datetime,
    telling: Telling,
) -> Event:
    """All facts of a report have one record key, that of the report which it was merged into when it came."""
    data, place = fact.model_dump_json().encode(), fact.routing_key
    key, subject = telling.record_key or place, str(fact.report_id)
    return Event(REPORT_TOPIC, key, uuid7(), fact.TYPE, subject, telling.version, place, None, at, data)


def first_asked_lapsed(held: Answerable, telling: Telling) -> Event:
    """`held` is relieved."""
    assert held.lapsed_at is not None
    assert held.act is not None
    fact = ReportFirstAskedLapsed(
        report_id=held.report_id,
        routing_key=held.area,
        at=held.lapsed_at,
        first_asked=held.subject,
        since=held.since,
        by=held.lapsed_by,
        post=held.post,
        act=held.act,
        version=telling.version,
    )
    return _of_report(fact, held.lapsed_at, telling)


def first_asked_overdue(held: Answerable, telling: Telling) -> Event:
    """`held` is overdue."""
    assert held.overdue_at is not None
    fact = ReportFirstAskedOverdue(
        report_id=held.report_id,
        routing_key=held.area,
        at=held.overdue_at,
        first_asked=held.subject,
        since=held.since,
        version=telling.version,
    )
    return _of_report(fact, held.overdue_at, telling)


def message_sent(report: UUID, template: str, routing_key: str, attempts: int, channel: str, at: datetime) -> Event:
    """A reporter was told. Nothing in it says whom."""
    fact = MessageSent(report_id=report, template=template, channel=channel, attempts=attempts, at=at)
    return _of_message(fact, routing_key)


def message_failed(report: UUID, template: str, routing_key: str, attempts: int, reason: str, at: datetime) -> Event:
    fact = MessageFailed(report_id=report, template=template, reason=reason, attempts=attempts, at=at)
    return _of_message(fact, routing_key)


def _of_message(fact: MessageSent | MessageFailed, routing_key: str) -> Event:
    # A subject of its own for each report and template: there is one such fact.
    subject, data = f"{fact.report_id}.{fact.template}", fact.model_dump_json().encode()
    return Event(fact.TOPIC, routing_key, uuid7(), fact.TYPE, subject, 1, routing_key, None, fact.at, data)


def report_merged(received: bytes, into: UUID, metres: float) -> tuple[bytes, bytes]:
    """The data of `report.received`, as `report_received` wrote it, of a report that joined the cluster of `into`; and
    that of its `report.merged`.
    """
    # Put behind what was written: it is an object with members, and has neither of these two. 1 µs instead of 7.
    received = b'%s,"merged_into":"%s"}' % (received[:-1], str(into).encode())
    return received, b'%s,"distance_m":%.1f}' % (received[:-1], metres)


def report_unmerged(told: Mapping[str, Any], merged_from: UUID, telling: Telling, at: datetime) -> Event:
    """`told` is what the store has of it; its new case is opened with it."""
    own = {name: value for name, value in told.items() if name != "tracking_code"}
    fact = ReportUnmerged(**own, tracking_hash=tracking_hash(told["tracking_code"]), unmerged_from=merged_from, at=at)
    return _of_report(fact, at, telling)


def key_issued(key: Key, at: datetime) -> Event:
    fact = KeyIssued(
        key_id=key.id,
        name=key.name,
        hash=key.hash,
        scope=_scope(key),
        issued_at=at,
        expires_at=key.expires_at,
        version=key.version,
    )
    return _of_key(key, fact, at)


def key_revoked(key: Key, at: datetime, reason: Ending) -> Event:
    fact = KeyRevoked(
        key_id=key.id,
        name=key.name,
        hash=key.hash,
        scope=_scope(key),
        revoked_at=at,
        reason=reason,
        version=key.version,
    )
    return _of_key(key, fact, at)


def _scope(key: Key) -> KeyScope:
    categories = None if key.scope.categories is None else list(key.scope.categories)
    areas = [str(area) for area in key.scope.area.each] if isinstance(key.scope.area, AreaPaths) else []
    return KeyScope(
        actions=list(key.scope.actions),
        area=areas[0] if areas else key.scope.area,
        categories=categories,
        rate=key.scope.rate,
        areas=areas,
        daily=key.scope.daily,
        family=key.scope.family,
    )


def _of_key(key: Key, fact: KeyIssued | KeyRevoked, at: datetime) -> Event:
    # The topic is compacted by record key, so that is the key's id, not an area.
    data = fact.model_dump_json().encode()
    area = fact.scope.area
    return Event(KEYS.name, key.id, uuid7(), fact.TYPE, key.id, key.version, area, None, at, data)


def area_defined(area: Area, geojson: str | None, at: datetime, predecessors: Sequence[str] = ()) -> Event:
    """`geojson` is the geometry as text; it is set into the event as it stands. 9,000 areas in one import: no model."""
    data = orjson.dumps(
        {
            "path": area.path,
            "name": area.name,
            "level": area.level,
            "parent": area.path.parent or None,
            "centroid": None if area.centre is None else {"lon": area.centre.lon, "lat": area.centre.lat},
            "geometry": None if geojson is None else orjson.Fragment(geojson),
            "version": area.version,
            "predecessors": predecessors,
        }
    )
    return _of_area(area.path, AreaDefined.TYPE, area.version, data, at)


def area_retired(path: str, version: int, at: datetime, successors: Sequence[str] = ()) -> Event:
    data = AreaRetired(path=path, version=version, successors=list(successors)).model_dump_json().encode()
    return _of_area(path, AreaRetired.TYPE, version, data, at)


def _of_area(path: str, kind: str, version: int, data: bytes, at: datetime) -> Event:
    # Compacted by record key, which is the path: a routing key as well.
    return Event(AREAS.name, str(path), uuid7(), kind, str(path), version, str(path), None, at, data)


def activity_recorded(activity: Activity) -> Event:
    placed = activity.placed
    details = dict(activity.details)
    if placed.track is not None:
        details["length_m"] = placed.track.length_m
    data = orjson.dumps(
        {
            "activity_id": activity.id,
            "kind": activity.kind,
            "worker": activity.worker,
            "post": activity.post,
            "routing_key": placed.routing_key,
            "grids": placed.grids,
            "location": {"lon": placed.place.lon, "lat": placed.place.lat},
            "started_at": activity.started_at,
            "ended_at": activity.ended_at,
            "recorded_at": activity.recorded_at,
            "media": activity.media,
            "reports": activity.reports,
            activity.kind: details,
        }
    )
    # The activity's own id, as it has only one fact.
    key = placed.routing_key
    at = activity.recorded_at
    return Event(ACTIVITIES.name, key, activity.id, ActivityRecorded.TYPE, activity.id, 1, key, None, at, data)
