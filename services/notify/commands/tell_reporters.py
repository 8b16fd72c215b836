"""Say that reporters are to be told: a fact for each report and occasion, once. Intake alone knows them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import orjson

from services.notify.domain.due import TEMPLATES, Due
from services.notify.outgoing import message_due
from services.notify.store import due as store
from shared.bus.event import Record
from shared.bus.outbox import Outbox
from shared.jobs import Job
from shared.polling import polling_job
from shared.postgres import Connection, Pool, transaction

# How long a case that was heard of before its report waits; that it happens at all is rare.
EARLY_SECONDS = 5.0


async def tell_reporters(tx: Connection, outbox: Outbox, records: Sequence[Record]) -> None:
    """What these facts of cases say to reporters. Inside the consumer's transaction."""
    due: dict[tuple[str, str], Due] = {}
    for record in records:
        template = TEMPLATES.get(record.type)
        if template is None:
            continue
        fact = orjson.loads(record.data)
        at = datetime.fromisoformat(fact["at"])
        for report in fact.get("reports") or ():
            due.setdefault((report, template), Due(UUID(report), template, record.routing_key, at))
    if due:
        new = await store.add(tx, list(due.values()))
        await outbox.add(tx, [message_due(one) for one in new])


def early_job(pool: Pool, outbox: Outbox) -> Job:
    """Tells of what waited for its report. Several may run at once."""

    async def tell() -> bool:
        async with transaction(pool) as tx:
            due = await store.early(tx)
            await outbox.add(tx, [message_due(one) for one in due])
        if due:
            outbox.ring()
        return bool(due)

    return polling_job("messages-early", tell, every=EARLY_SECONDS)
