"""Follow cases: a cluster of reports ends with its case, and whoever left one is the first of a cluster of its own."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.intake.commands.find_duplicates import open_apart
from services.intake.commands.heard import Heard
from services.intake.domain.duplicates import Likenesses
from services.intake.domain.purposes import ENDED
from services.intake.store import clusters
from shared.postgres import Connection


async def follow_clusters(tx: Connection, likenesses: Likenesses, facts: Sequence[Heard]) -> None:
    """Clusters of cases that ended end; a merged report that has a case of its own all the same is merged no more, but
    the first of a cluster of its own.
    """
    ended = {UUID(report) for fact, _ in facts if _ended(fact) for report in fact["reports"]}
    if ended:
        await clusters.end(tx, ended)
    apart = {UUID(fact["reports"][0]) for fact, _ in facts if fact.get("apart_from")}
    if apart:
        await clusters.unmerge(tx, apart)
        for seen, record_key, received_at in await clusters.apart(tx, apart):
            await open_apart(tx, likenesses, seen, record_key, received_at)


def _ended(fact: Mapping[str, Any]) -> bool:
    """A case that ended takes no report in; that of an act of `merge` goes on in another."""
    return fact["status"] in ENDED and fact.get("act") != "merge" and fact["status"] != fact.get("from_status")
