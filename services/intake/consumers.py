"""What intake hears: what becomes of the cases that its reports led to."""

from collections.abc import Sequence

from services.intake.commands.follow_cases import follow_cases
from services.intake.wiring import SCHEMA, Wired
from shared.bus.consumer import Subscription
from shared.bus.event import Record
from shared.contracts.topics import CASES
from shared.postgres import Connection

# Who follows a report by the stream or its tracking code hears from notify; here its status may be a moment late.
GATHER_MS = 200


def subscriptions(wired: Wired) -> list[Subscription]:
    """Every fact of a case carries its status and its reports, so all types are wanted."""

    async def cases(tx: Connection, records: Sequence[Record]) -> None:
        await follow_cases(tx, wired.desk.writer.likenesses, records)

    return [Subscription(group="intake", schema=SCHEMA, topics={CASES.name: cases}, gather_ms=GATHER_MS)]
