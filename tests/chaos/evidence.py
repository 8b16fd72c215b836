"""What there is to see after a stretch, as gather.py finds it: rows, records and answers, each in its plainest form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from tests.chaos.book import Book


class Message(NamedTuple):
    """One record of a topic; `data` is None where it is no JSON."""

    topic: str
    partition: int
    offset: int
    id: str
    type: str
    subject: str
    sequence: int
    routing_key: str
    data: Any


class Step(NamedTuple):
    """One row of a case's timeline; `stage` is the clock that a mark is of."""

    version: int
    revision: int
    act: str
    at: datetime
    actor: str
    status: str
    stage: str | None


class CaseRow(NamedTuple):
    """`reports` are all that it stands for, the one that it was opened for first."""

    reports: tuple[str, ...]
    version: int
    revision: int
    status: str


class LogRow(NamedTuple):
    position: int
    id: str
    subject: str
    sequence: int
    routing_key: str
    type: str


class Parked(NamedTuple):
    id: int
    schema: str
    group: str
    topic: str
    partition: int
    offset: int
    subject: str | None
    sequence: int | None
    reason: str


@dataclass
class Evidence:
    """All of it. Ids are text everywhere."""

    book: Book
    now: datetime
    reports: set[str] = field(default_factory=set)
    # schema → Idempotency-Key → id (of a report) or version (of a case after an act) in the answer that was stored
    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)
    cases: dict[str, CaseRow] = field(default_factory=dict)
    merged: dict[str, str] = field(default_factory=dict)  # report → the one that it was merged into, and still is
    timeline: dict[str, list[Step]] = field(default_factory=dict)
    put: list[tuple[str, str, str, int]] = field(default_factory=list)  # id, topic, subject, sequence
    outbox: dict[str, int] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    facts: list[tuple[str, int]] = field(default_factory=list)
    counted: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    log: list[LogRow] = field(default_factory=list)
    statuses: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    tracked: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    parked: list[Parked] = field(default_factory=list)
    lag: dict[tuple[str, str, int], int] = field(default_factory=dict)
    ready: dict[str, bool] = field(default_factory=dict)
    scorecard: Mapping[str, int] = field(default_factory=dict)
    shown: dict[str, tuple[str | None, str]] = field(default_factory=dict)  # report → case and status, by the API
    webhook_state: str = "active"
