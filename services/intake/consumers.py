"""What intake hears: what becomes of the cases that its reports led to, and what their reporters are to be told."""

from collections.abc import Sequence

from services.intake.commands.follow_cases import follow_cases
from services.intake.commands.follow_clusters import follow_clusters
from services.intake.commands.follow_first_asked import follow_first_asked
from services.intake.commands.follow_requests import follow_requests
from services.intake.commands.heard import heard
from services.intake.commands.take_messages import take_messages
from services.intake.wiring import SCHEMA, Wired
from shared.bus.consumer import Subscription
from shared.bus.event import Record
from shared.contracts.topics import CASES, MESSAGES
from shared.postgres import Connection

# Who follows a report by the stream or its tracking code hears from notify; here its status may be a moment late.
GATHER_MS = 200


def subscriptions(wired: Wired) -> list[Subscription]:
    """Every fact of a case carries its status and its reports, so all types are wanted."""

    async def on_cases(tx: Connection, records: Sequence[Record]) -> None:
        facts = heard(records)
        await follow_cases(tx, facts)
        await follow_clusters(tx, wired.desk.writer.likenesses, facts)
        await follow_requests(tx, facts)
        await follow_first_asked(wired.outbox, tx, facts)

    async def on_messages(tx: Connection, records: Sequence[Record]) -> None:
        await take_messages(tx, records, wired.pack.messages.texts)

    topics = {CASES.name: on_cases, MESSAGES.name: on_messages}
    return [Subscription(group="intake", schema=SCHEMA, topics=topics, gather_ms=GATHER_MS)]
