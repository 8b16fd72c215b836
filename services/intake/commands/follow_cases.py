"""Follow cases: a report's status is that of the case it became, or went over to; a cluster ends with it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import orjson

from services.intake.commands.find_duplicates import open_apart
from services.intake.domain.duplicates import Likenesses
from services.intake.store import clusters
from services.intake.store import reports as store
from shared.bus.event import Record
from shared.contracts.handover import Belonging, belongings
from shared.postgres import Connection

# A case in one of these takes no report in; that of an act of `merge` goes on in another.
ENDED: Final = frozenset({"closed", "rejected", "voided"})


async def follow_cases(tx: Connection, likenesses: Likenesses, records: Sequence[Record]) -> None:
    """Bring the status of every report named in `records` up to its case's last state in them: one statement. Clusters
    of cases that ended end; a merged report that has a case of its own all the same is merged no more, but the first of
    a cluster of its own.
    """
    facts = [orjson.loads(record.data) for record in records]
    await _save_status(tx, facts)
    ended = {UUID(report) for fact in facts if _ended(fact) for report in fact["reports"]}
    if ended:
        await clusters.end(tx, ended)
    apart = {UUID(fact["reports"][0]) for fact in facts if fact.get("apart_from")}
    if apart:
        await clusters.unmerge(tx, apart)
        for seen, record_key, received_at in await clusters.apart(tx, apart):
            await open_apart(tx, likenesses, seen, record_key, received_at)


def _ended(fact: Mapping[str, Any]) -> bool:
    return fact["status"] in ENDED and fact.get("act") != "merge" and fact["status"] != fact.get("from_status")


async def _save_status(tx: Connection, facts: Sequence[Mapping[str, Any]]) -> None:
    last: dict[str, tuple[Belonging, int, str]] = {}
    for fact in facts:
        for report_id, now in belongings(fact).items():
            known = last.get(report_id)
            if known and known[0].case_id == now.case_id:
                if known[1] > fact["version"]:
                    continue
                now = known[0]._replace(handed=known[0].handed or now.handed)
            elif known and not known[0].yields_to(now):
                continue
            last[report_id] = (now, fact["version"], fact["status"])
    states = [
        (UUID(report), UUID(case.case_id), version, status, case.handed)
        for report, (case, version, status) in last.items()
    ]
    if states:
        await store.save_status(tx, sorted(states))
