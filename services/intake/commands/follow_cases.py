"""Follow cases: a report's status is that of the case it became."""

from collections.abc import Sequence
from uuid import UUID

import orjson

from services.intake.store import reports as store
from shared.bus.event import Record
from shared.postgres import Connection


async def follow_cases(tx: Connection, records: Sequence[Record]) -> None:
    """Bring the status of every report named in `records` up to its case's last state in them: one statement."""
    last: dict[str, tuple[str, int, str]] = {}
    for record in records:
        fact = orjson.loads(record.data)
        state = (fact["case_id"], fact["version"], fact["status"])
        for report_id in fact["reports"]:
            if last.get(report_id, state) <= state:
                last[report_id] = state
    states = [(UUID(report), UUID(case), version, status) for report, (case, version, status) in last.items()]
    if states:
        await store.save_status(tx, sorted(states))
