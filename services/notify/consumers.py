"""Which facts of which topics notify reads, and what they become."""

from collections.abc import Sequence

from services.notify.commands.append_facts import append_cases, append_reports
from services.notify.commands.tell_reporters import tell_reporters
from services.notify.wiring import SCHEMA, Wired
from shared.bus.consumer import Subscription
from shared.bus.event import Record
from shared.contracts import topics
from shared.keys import apply_key_facts
from shared.postgres import Connection

GROUP = "notify"


async def on_keys(tx: Connection, records: Sequence[Record]) -> None:
    """Apps that may listen. Keys never enter the log: what is in it is streamed."""
    await apply_key_facts(tx, SCHEMA, records)


def subscriptions(wired: Wired) -> list[Subscription]:
    """Two, so that a revoked key bites within two seconds also behind a backlog of facts.

    Every type is taken, also those not known here: whoever asked for them knows them.
    """

    async def on_cases(tx: Connection, records: Sequence[Record]) -> None:
        # The log comes last: it takes the lock that every other batch waits for.
        await tell_reporters(tx, wired.outbox, records)
        await append_cases(tx, records)

    def after() -> None:
        wired.appended.ring()
        wired.outbox.ring()

    return [
        Subscription(
            GROUP,
            SCHEMA,
            {topics.REPORTS.name: append_reports, topics.CASES.name: on_cases},
            after=after,
        ),
        Subscription(f"{GROUP}.keys", SCHEMA, {topics.KEYS.name: on_keys}),
    ]
