"""An act that somebody asks for."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.dispatch.domain.case import Act, Place
from services.dispatch.domain.worktime import Limit


class Order(NamedTuple):
    """What is to be done, and what the act may carry; `effects` says which fields which act needs. `task_id` names the
    verification or check that the act asks for. `rule`, `rule_version` and `limit` are a routing rule's, where one
    decided.
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
    assignee: str | None = None
    location: Place | None = None
    answered_at: datetime | None = None
