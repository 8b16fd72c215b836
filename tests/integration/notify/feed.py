"""Facts as they arrive from the bus."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson

from shared.bus.event import Record
from shared.contracts.topics import CASES, REPORTS
from shared.kernel.ids import tracking_hash, uuid7

START = datetime(2026, 11, 23, 8, tzinfo=UTC)


class Case:
    """Makes the facts of one case, version by version."""

    def __init__(
        self, area: str, *, reports: list[UUID] | None = None, category: str = "10203", key: str | None = None
    ):
        self.id = uuid4()
        self.area = area
        self.key = key or area
        self.category = category
        self.reports = reports or []
        self.version = 0
        self.status: str | None = None
        self.unit: str | None = None

    def fact(self, name: str, status: str | None = None, **more: Any) -> Record:
        """`name` is the type without its ends: "filed" is case.filed.v1."""
        self.version += 1
        moved_from = None
        if "to" in more:
            moved_from, self.area = self.area, more.pop("to")
        self.unit = more.get("unit", self.unit)
        before, self.status = self.status, status or self.status or "reported"
        at = START + timedelta(minutes=self.version)
        data = {
            "case_id": str(self.id),
            "number": f"HD20261123{self.id.int % 10**6:06}",
            "version": self.version,
            "revision": self.version,
            "act": name,
            "at": at.isoformat(),
            "actor": "a",
            "from_status": before,
            "status": self.status,
            "routing_key": self.area,
            "category": self.category,
            "unit": self.unit,
            "reports": [str(report) for report in self.reports],
            **more,
        }
        return Record(
            topic=CASES.name,
            partition=0,
            offset=0,
            key=self.key,
            id=str(uuid7()),
            type=f"case.{name}.v1",
            source="/wangge/dispatch",
            subject=str(self.id),
            sequence=self.version,
            routing_key=self.area,
            routing_key_from=moved_from,
            at=at,
            data=orjson.dumps(data),
            traceparent=None,
        )

    def whole(self) -> list[Record]:
        """Opened, accepted, filed, dispatched, closed."""
        return [
            self.fact("opened", "reported"),
            self.fact("accepted", "accepted"),
            self.fact("filed", "filed"),
            self.fact("dispatched", "dispatched"),
            self.fact("closed", "closed"),
        ]


def report_record(area: str, code: str, report: UUID) -> Record:
    """report.received"""
    data = {
        "report_id": str(report),
        "category": "10203",
        "description": "a cover is missing",
        "location": {"lon": 116.3, "lat": 39.9},
        "routing_key": area,
        "received_at": START.isoformat(),
        "source": "app",
        "tracking_hash": tracking_hash(code),
    }
    return Record(
        topic=REPORTS.name,
        partition=0,
        offset=0,
        key=area,
        id=str(uuid7()),
        type="report.received.v1",
        source="/wangge/intake",
        subject=str(report),
        sequence=1,
        routing_key=area,
        routing_key_from=None,
        at=START,
        data=orjson.dumps(data),
        traceparent=None,
    )
