"""What acts carry, one body for each kind of act."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BeforeValidator, Field, StringConstraints

from services.dispatch.domain.case import Act, Place
from services.dispatch.domain.order import Order
from shared.http import Body
from shared.kernel.ids import uuid7
from shared.kernel.place import Datum, to_wgs84

Code = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z_.-]{0,63}$")]
Words = Annotated[str, StringConstraints(max_length=2000)]


def _word(value: Any) -> Any:
    # JSON's own true and false mean the same as the words.
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value


Outcome = Annotated[Literal["true", "false", "not_found"], BeforeValidator(_word)]


class Location(Body):
    """Degrees in the datum named; inside there is only WGS 84."""

    lon: float = Field(ge=-180, le=180, allow_inf_nan=False)
    lat: float = Field(ge=-90, le=90, allow_inf_nan=False)
    datum: Datum = Datum.WGS84

    def place(self) -> Place:
        """The same place in WGS 84."""
        return Place(*to_wgs84(self.lon, self.lat, self.datum))


class ActBody(Body):
    """What every act may carry: an opinion 意见 and evidence (ids of media). Null is the same as left out."""

    opinion: Words | None = None
    evidence: Annotated[list[UUID], Field(max_length=20)] | None = None

    def order(self, act: Act, **more: Any) -> Order:
        """The act with what this body says."""
        own = {name: value for name, value in self if name not in ("opinion", "evidence")}
        return Order(act, opinion=self.opinion, evidence=tuple(self.evidence or ()), **(own | more))


class RequestBody(ActBody):
    """Begins a task of somebody on the spot; `assignee`, where given, is who should go and look."""

    assignee: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None

    def order(self, act: Act, **more: Any) -> Order:
        return super().order(act, task_id=uuid7(), **more)


class FileBody(ActBody):
    """The filing condition 立案条件 of the case's category: it fixes the handling limit."""

    condition: Code


class DispatchBody(ActBody):
    """One lead unit; others may assist it."""

    unit: Code
    assisting: Annotated[list[Code], Field(max_length=20)] | None = None

    def order(self, act: Act, **more: Any) -> Order:
        return super().order(act, assisting=tuple(self.assisting or ()), **more)


class HandledBody(ActBody):
    """What was done."""

    result: Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class AnswerBody(ActBody):
    """Where and when it was answered: for a telephone that was off the network, the time on its own clock."""

    location: Location | None = None
    answered_at: AwareDatetime | None = None

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
