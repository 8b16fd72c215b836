"""Several parties to one case."""

from typing import Annotated, Any

from pydantic import Field

from services.dispatch.api.bodies.body import ActBody, Code, LimitBody, OpinionBody, Words
from services.dispatch.domain.case import Act
from services.dispatch.domain.order import Order, PartWanted
from shared.http import Body, Instant


class UrgingBody(OpinionBody):
    """What is urged, and how long the unit has to reply; without `limit` as long as the city's rules say."""

    limit: LimitBody | None = None

    def order(self, act: Act, **more: Any) -> Order:
        return super().order(act, limit=self.limit.limit() if self.limit else None, **more)


class UrgingReplyBody(OpinionBody):
    """The reply to urging number `urging`, or to the oldest that waits."""

    urging: Annotated[int, Field(ge=1, le=10_000)] | None = None


class PartBody(Body):
    """What one unit is to do beside the lead unit, and how long it has."""

    unit: Code
    task: Words | None = None
    limit: LimitBody | None = None

    def wanted(self) -> PartWanted:
        """The same for the domain."""
        return PartWanted(self.unit, self.task, self.limit.limit() if self.limit else None)


class PartsBody(ActBody):
    """The units asked, each with a task and a limit of its own."""

    parts: Annotated[list[PartBody], Field(max_length=20)] | None = None

    def order(self, act: Act, **more: Any) -> Order:
        return super().order(act, parts=tuple(part.wanted() for part in self.parts or ()), **more)


class CoordinationBody(PartsBody):
    """`meeting_at`: they meet 联席会议, the lead unit presiding."""

    meeting_at: Instant | None = None


class PassBody(OpinionBody):
    """The partner unit that goes on with it."""

    unit: Code
