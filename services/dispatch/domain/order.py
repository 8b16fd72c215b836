"""An act that somebody asks for."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.dispatch.domain.case import Act, Case, Place
from services.dispatch.domain.worktime import Limit
from shared.kernel.area import AreaPath


class PartWanted(NamedTuple):
    """What one unit is asked to do beside the lead unit, and how long it has (None: as long as the case)."""

    unit: str
    task: str | None = None
    limit: Limit | None = None


class Order(NamedTuple):
    """What is to be done, and what the act may carry; `effects` says which fields which act needs. `task_id` names the
    verification or check that the act asks for, `task` the one that it answers. `other_id` is the id of the case that
    the act opens, or of the one that it merges into; `other` is that one, or the one that it absorbs. `reports` come to
    the case, with their `media`, or leave it. `rule`,
    `rule_version` and, at filing, `limit` are a routing rule's, where one decided.
    """

    act: Act
    opinion: str | None = None
    evidence: tuple[UUID, ...] = ()
    condition: str | None = None
    unit: str | None = None
    assisting: tuple[str, ...] = ()
    rule: str | None = None
    rule_version: int | None = None
    limit: Limit | None = None
    result: str | None = None
    outcome: str | None = None
    passed: bool | None = None
    task_id: UUID | None = None
    task: UUID | None = None
    assignee: str | None = None
    location: Place | None = None
    answered_at: datetime | None = None
    reason: str | None = None
    until: datetime | None = None
    our_error: bool | None = None
    urging: int | None = None
    parts: tuple[PartWanted, ...] = ()
    meeting_at: datetime | None = None
    category: str | None = None
    area: AreaPath | None = None
    other_id: UUID | None = None
    other: Case | None = None
    reports: tuple[UUID, ...] = ()
    media: tuple[UUID, ...] = ()
    recommended: bool | None = None
    approved: bool | None = None
    report_id: UUID | None = None
