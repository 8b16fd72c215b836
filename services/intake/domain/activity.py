"""Field work 工作记录: patrols, visits, inspections, diaries, meetings; what may be recorded, and what it then is."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from services.intake.domain.masking import mask
from services.intake.domain.report import CLOCK_SKEW, AtPoint, InGrid
from services.intake.domain.track import Fix, Track
from shared.kernel.errors import FieldError, Invalid, NotFound
from shared.kernel.place import Place

# A telephone may have been without a network, and its owner on leave; a month's duties are counted a month later.
LATE: Final = timedelta(days=30)
LONGEST: Final = timedelta(hours=24)
_HIDDEN: Final = "*"


class NotUuid7(Invalid):
    slug, title, title_zh = "not-uuid7", "The id is no UUIDv7", "标识不是 UUIDv7"


class ActivityIdReused(Invalid):
    slug, title, title_zh = "activity-id-reused", "This id stands for another activity", "该标识已用于其他工作记录"


class ActivityTooLate(Invalid):
    slug, title, title_zh = "activity-too-late", "Recorded more than 30 days after it began", "补录超过三十天"


class ActivityTimes(Invalid):
    slug, title, title_zh = "bad-activity-times", "These times cannot be right", "起止时间无效"


class ActivityNotFound(NotFound):
    slug, title, title_zh = "activity-not-found", "No such activity", "工作记录不存在"


class Person(NamedTuple):
    """Who was visited or served. Personal: kept encrypted, never published."""

    name: str | None = None
    phone: str | None = None
    address: str | None = None


class Asked(NamedTuple):
    """An activity as it was sent. `details` are the members of its kind; every text in them may name a person."""

    id: UUID
    kind: str
    started_at: datetime
    ended_at: datetime
    location: AtPoint | InGrid | None
    fixes: Sequence[Fix]
    details: Mapping[str, Any]
    person: Person | None
    media: Sequence[UUID]
    reports: Sequence[UUID]


class Placed(NamedTuple):
    """Where it was: the grid it counts for, every grid it touched, a point, and the track of a patrol."""

    routing_key: str
    grids: Sequence[str]
    place: Place
    track: Track | None


class Activity(NamedTuple):
    """An activity as it is kept; texts in `details` are masked."""

    id: UUID
    kind: str
    worker: str
    post: str
    placed: Placed
    started_at: datetime
    ended_at: datetime
    recorded_at: datetime
    details: Mapping[str, Any]
    media: Sequence[UUID]
    reports: Sequence[UUID]


class Personal(NamedTuple):
    """What of an activity names a person: encrypted, beside it."""

    person: Person | None
    details: Mapping[str, Any]


def check(asked: Asked, now: datetime) -> None:
    """Raise NotUuid7, ActivityTimes, ActivityTooLate: what can be told without a place."""
    if asked.id.version != 7:
        raise NotUuid7(
            f"{asked.id} is of version {asked.id.version}; the app makes a UUIDv7 (RFC 9562) for each activity",
            errors=[FieldError("/id", "must be a UUIDv7")],
        )
    if asked.ended_at > now + CLOCK_SKEW or asked.started_at > now + CLOCK_SKEW:
        pointer = "/started_at" if asked.started_at > now + CLOCK_SKEW else "/ended_at"
        raise ActivityTimes(
            f"{pointer[1:]} is later than now, {now.isoformat(timespec='seconds')}: record it when it is over",
            errors=[FieldError(pointer, "must not lie in the future")],
        )
    if not asked.started_at <= asked.ended_at <= asked.started_at + LONGEST:
        raise ActivityTimes(
            "ended_at must follow started_at within 24 hours", errors=[FieldError("/ended_at", "0 to 24 h after start")]
        )
    if asked.started_at < now - LATE:
        raise ActivityTooLate(
            f"it began {(now - asked.started_at).days} days ago; 30 are the most",
            errors=[FieldError("/started_at", "at most 30 days ago")],
        )


def record(asked: Asked, placed: Placed, *, worker: str, post: str, now: datetime) -> tuple[Activity, Personal | None]:
    """The activity, and what of it is personal."""
    names = [] if asked.person is None else [part for part in asked.person if part]
    masked = _concealed(asked.details, names)
    activity = Activity(
        asked.id,
        asked.kind,
        worker,
        post,
        placed,
        asked.started_at,
        asked.ended_at,
        now,
        masked,
        asked.media,
        asked.reports,
    )
    if asked.person is None and masked == asked.details:
        return activity, None
    return activity, Personal(asked.person, asked.details)


def _concealed(value: Any, names: Sequence[str]) -> Any:
    """`value` with every text in it masked: numbers as in a report, and what was given as the person's own."""
    if isinstance(value, str):
        return conceal(value, names)
    if isinstance(value, Mapping):
        return {key: _concealed(inner, names) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_concealed(inner, names) for inner in value]
    return value


def conceal(text: str, names: Sequence[str]) -> str:
    """`text` masked; each of `names` in it becomes asterisks, as long as it was.

    A name given with the person is known; another name in a text is not, which is why the app asks for it apart.
    """
    for name in sorted((name.strip() for name in names), key=len, reverse=True):
        # One character (王) stands in too many other words.
        if len(name) > 1:
            text = text.replace(name, _HIDDEN * len(name))
    return mask(text)
