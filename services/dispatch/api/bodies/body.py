"""What every act may carry, and the words and places that bodies are made of."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from services.dispatch.domain.case import Act, Place
from services.dispatch.domain.order import Order
from services.dispatch.domain.worktime import Limit, Unit
from shared.http import Body
from shared.kernel.place import Datum, to_wgs84

Code = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z_.-]{0,63}$")]
Words = Annotated[str, StringConstraints(max_length=2000)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


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


class OpinionBody(ActBody):
    """An act that says why."""

    opinion: Reason


class LimitBody(Body):
    """How long something may take: `work_…` counts working time alone, `urgent_…` runs through nights and holidays."""

    amount: int = Field(ge=1, le=10_000)
    unit: Unit

    def limit(self) -> Limit:
        """The same for the domain."""
        return Limit(self.amount, self.unit)
