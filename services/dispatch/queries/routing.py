"""What the routing rules say of a case, and which versions of them there are."""

from datetime import datetime
from typing import Any, NamedTuple

from services.dispatch.domain.refusals import UnknownVersion
from services.dispatch.domain.worktime import Limit
from services.dispatch.queries.cases import Seen
from services.dispatch.store import routing
from services.dispatch.store.routing import Listed
from services.dispatch.why import LEFT, why
from services.dispatch.wiring import Wired
from shared.packs.model import Text
from shared.postgres import transaction

__all__ = ["Listed", "Versions", "rules_source", "rules_versions", "suggestion"]


class Versions(NamedTuple):
    """Every version, the one that is in force, and those to come with their times."""

    all: list[Listed]
    in_force: int
    to_come: dict[int, datetime]


async def rules_versions(wired: Wired) -> Versions:
    """Every version of the pack's routing rules, the oldest first."""
    await wired.routing.ready()
    async with transaction(wired.pool) as tx:
        now, *later = await routing.planned(tx, wired.pack.name)
        return Versions(
            await routing.versions(tx, wired.pack.name), now.version, {each.version: each.starts_at for each in later}
        )


async def rules_source(wired: Wired, version: int) -> str:
    """The rules of a version as they were written. Raises UnknownVersion."""
    await wired.routing.ready()
    async with transaction(wired.pool) as tx:
        found = await routing.sources(tx, wired.pack.name, [version])
    if version not in found:
        raise UnknownVersion(
            f"pack {wired.pack.name} has no routing rules of version {version}: see `wangge routing list`"
        )
    return found[version]


async def suggestion(wired: Wired, seen: Seen) -> dict[str, Any]:
    """What the rules in force say of the case now: as the system would decide, where it may.

    `unit` is null where a person is left to decide; the last of `why` then says the reason.
    """
    await wired.routing.ready()
    said = wired.rules.decide(seen.case, seen.now)
    rule = next((rule for rule in wired.routing.in_force(seen.now).rules if rule.name == said.rule), None)
    reasons = why(rule, seen.case.category, wired.pack) if rule else []
    return {
        "unit": said.unit,
        "assisting": said.assisting,
        "condition": said.condition,
        "limit": _limit(said.limit),
        "rule": said.rule,
        "version": said.version,
        "reason": said.reason,
        "why": [_words(text) for text in (*reasons, *([LEFT[said.reason]] if said.reason else []))],
    }


def _limit(limit: Limit | None) -> dict[str, Any] | None:
    return {"amount": limit.amount, "unit": limit.unit} if limit else None


def _words(text: Text) -> dict[str, str]:
    return {"zh": text.zh, "en": text.en}
