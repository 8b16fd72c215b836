"""Follow cases: a report's status is that of the case it became, or went over to."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.intake.commands.heard import Heard
from services.intake.commands.name_media import name_by_facts
from services.intake.domain.purposes import ENDED
from services.intake.store import personal
from services.intake.store import reports as store
from shared.contracts.handover import Belonging, belongings
from shared.postgres import Connection


async def follow_cases(tx: Connection, facts: Sequence[Heard]) -> None:
    """Bring the status of every report named in `facts` up to its case's last state in them: one statement, and one
    more where a case ended. Media that a case has, or that an act brought as evidence, is named by it.
    """
    last: dict[str, tuple[Belonging, int, str]] = {}
    with_media = []
    ended: dict[UUID, datetime] = {}
    for fact, at in facts:
        if fact.get("evidence") or fact.get("media"):
            with_media.append(fact)
        for report_id, now in belongings(fact).items():
            if fact["status"] in ENDED:
                ended[UUID(report_id)] = at
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
    if with_media:
        newest = max(datetime.fromisoformat(fact["at"]) for fact in with_media)
        await name_by_facts(tx, with_media, newest)
    if ended:  # from then on the time runs for which what is personal is kept
        await personal.ended(tx, sorted(ended.items()))
