"""The way of a report, for whoever holds its tracking code."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from pydantic import BaseModel

from services.notify.domain.track import Step, TrackingCodeUnknown, label, steps_of
from services.notify.store import tracking
from shared.kernel.ids import tracking_hash
from shared.postgres import Pool


class Label(BaseModel):
    """The status in words."""

    zh: str
    en: str


class TrackStep(BaseModel):
    """A status and when it began."""

    status: str
    at: datetime
    label: Label


class Track(BaseModel):
    """Where a report stands, and how it came there; nothing about who reported it or where."""

    status: str
    label: Label
    steps: list[TrackStep]


class Tracking(NamedTuple):
    """A report that is followed: its id, for what its sender may still do with it, and its way; `reachable`: whether
    messages go out to its reporter unless they were declined.
    """

    report_id: UUID
    track: Track
    reachable: bool


async def track(pool: Pool, code: str) -> Track:
    """The report with tracking code `code`. Raises TrackingCodeUnknown."""
    return (await tracking_of(pool, code)).track


async def tracking_of(pool: Pool, code: str) -> Tracking:
    """The same with the report's id. Raises TrackingCodeUnknown."""
    async with pool.acquire(timeout=5) as connection:
        found = await tracking.find(connection, tracking_hash(code))
    if found is None:
        raise TrackingCodeUnknown("no report has this code; it is the 12 characters given when the report was taken in")
    way = steps_of(found.received_at, found.steps, found.withdrawn_at, merged=found.merged)
    steps = [_shown(step) for step in way]
    return Tracking(
        found.report_id, Track(status=steps[-1].status, label=steps[-1].label, steps=steps), found.reachable
    )


def _shown(step: Step) -> TrackStep:
    return TrackStep(status=step.status, at=step.at, label=Label(**label(step.status)))
