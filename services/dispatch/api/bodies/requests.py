"""What a unit asks for, and what becomes of it."""

from datetime import UTC
from typing import Any

from pydantic import Field

from services.dispatch.api.bodies.body import ActBody, OpinionBody, Reason
from services.dispatch.domain.case import Act
from services.dispatch.domain.order import Order
from shared.http import Instant


class ReasonBody(ActBody):
    """What a unit asks for, and why."""

    reason: Reason


class SuspensionBody(ReasonBody):
    """`until`: the day on which handling goes on by itself, a year from now at the latest."""

    until: Instant

    def order(self, act: Act, **more: Any) -> Order:
        return super().order(act, until=self.until.astimezone(UTC), **more)


class ReturnBody(ActBody):
    """`our_error`: the case was dispatched wrongly, and command says so."""

    our_error: bool = Field(False, strict=True)


class ReviewBody(OpinionBody):
    """Whether the appeal should be approved."""

    recommended: bool = Field(strict=True)


class DecisionBody(OpinionBody):
    """Whether it is."""

    approved: bool = Field(strict=True)
