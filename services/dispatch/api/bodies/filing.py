"""Filing, dispatch, handling, and what is put right before it."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from services.dispatch.api.bodies.body import ActBody, Code, Location, OpinionBody, Reason
from services.dispatch.domain.case import Act
from services.dispatch.domain.order import Order
from shared.kernel.area import AreaPath
from shared.kernel.ids import uuid7


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

    result: Reason


class CorrectionBody(ActBody):
    """What is put right. A place in another grid comes with its `area`; a category of a filed case with its
    `condition`.
    """

    category: Code | None = None
    condition: Code | None = None
    location: Location | None = None
    area: str | None = None

    def order(self, act: Act, **more: Any) -> Order:
        place = self.location.place() if self.location else None
        area = AreaPath.parse(self.area) if self.area else None
        return super().order(act, location=place, area=area, **more)


class MergeBody(ActBody):
    """The case that goes on."""

    into: UUID

    def order(self, act: Act, **more: Any) -> Order:
        own = {name: value for name, value in self if name in ("opinion",)}
        return Order(act, evidence=tuple(self.evidence or ()), other_id=self.into, **own)


class ReopenBody(OpinionBody):
    """What shows that it is there again."""

    def order(self, act: Act, **more: Any) -> Order:
        return super().order(act, other_id=uuid7(), **more)
