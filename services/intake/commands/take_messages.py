"""Take up what notify says is due to reporters, as far as the pack has words for it."""

from collections.abc import Collection, Sequence

import orjson

from services.intake.store import messages as store
from services.intake.store.messages import NewMessage
from shared.bus.event import Record
from shared.contracts.notify import MessageDue
from shared.postgres import Connection


async def take_messages(tx: Connection, records: Sequence[Record], occasions: Collection[str]) -> None:
    """Inside the consumer's transaction; each report and occasion once."""
    new: list[NewMessage] = []
    for record in records:
        if record.type != MessageDue.TYPE:
            continue
        fact = MessageDue.model_validate(orjson.loads(record.data))
        if fact.template in occasions:
            new.append(NewMessage(fact.report_id, fact.template, fact.routing_key, fact.at))
    if new:
        await store.add(tx, new)
