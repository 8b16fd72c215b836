"""What intake hears: what becomes of the cases that its reports led to."""

from services.intake.commands.follow_cases import follow_cases
from services.intake.wiring import SCHEMA, Wired
from shared.bus.consumer import Subscription
from shared.contracts.topics import CASES

# Who follows a report by the stream or its tracking code hears from notify; here its status may be a moment late.
GATHER_MS = 200


def subscriptions(wired: Wired) -> list[Subscription]:
    """Every fact of a case carries its status and its reports, so all types are wanted."""
    return [Subscription(group="intake", schema=SCHEMA, topics={CASES.name: follow_cases}, gather_ms=GATHER_MS)]
