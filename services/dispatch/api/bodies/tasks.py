"""Tasks on the spot and their answers."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints

from services.dispatch.api.bodies.body import ActBody, Location, Reason
from services.dispatch.domain.case import Act
from services.dispatch.domain.order import Order
from shared.http import Instant
from shared.kernel.ids import uuid7


def _word(value: Any) -> Any:
    # JSON's own true and false mean the same as the words.
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value


Outcome = Annotated[Literal["true", "false", "not_found"], BeforeValidator(_word)]


class RequestBody(ActBody):
    """Begins a task of somebody on the spot; `assignee`, where given, is who should go and look."""

    assignee: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None

    def order(self, act: Act, **more: Any) -> Order:
        return super().order(act, task_id=uuid7(), **more)


class AnswerBody(ActBody):
    """Where and when it was answered: for a telephone that was off the network, the time on its own clock. `task`, the
    id of the task that is answered, may stand in for If-Match: it is what the telephone knows.
    """

    task: UUID | None = None
    location: Location | None = None
    answered_at: Instant | None = None

    def order(self, act: Act, **more: Any) -> Order:
        place = self.location.place() if self.location else None
        at: datetime | None = self.answered_at.astimezone(UTC) if self.answered_at else None
        return super().order(act, location=place, answered_at=at, **more)


class VerificationBody(AnswerBody):
    """It is there (true), it is not (false), or the place was not found."""

    outcome: Outcome


class CheckBody(AnswerBody):
    """Whether the work is done, as seen on the spot."""

    passed: bool = Field(strict=True)


class SelfHandledBody(AnswerBody):
    """What was done on the spot; `evidence` is a must."""

    result: Reason
