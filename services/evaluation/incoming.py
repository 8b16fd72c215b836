"""Published fact → what is counted: the only reader of what other services publish.

Only what is counted is looked at (not the whole contract's model), so that one reader serves every type of case fact,
those of tomorrow included, and a member that is of no concern here never stops the counting.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from services.evaluation.domain.case_count import Fact, History, HistoryStep
from services.evaluation.store.activities import Row as ActivityRow
from shared.kernel.errors import Malformed

_IMPORTED = "case.imported.v1"


class UnreadableFact(Malformed):
    slug, title, title_zh = "unreadable-fact", "The fact cannot be counted", "事件无法计入"


class KeptFact(NamedTuple):
    """A fact and the bytes it came in, which are kept."""

    fact: Fact
    type: str
    data: bytes


def read_fact(type_: str, data: bytes) -> KeptFact:
    """Read the data of an event of the case topic. Raises UnreadableFact, naming what is wrong.

    A type this program does not know is kept all the same: the program that knows it rebuilds from here.
    """
    try:
        return KeptFact(_fact(type_, orjson.loads(data)), type_, data)
    except KeyError as missing:
        raise UnreadableFact(f"{type_}: {missing} is missing") from None
    except (ValueError, TypeError, AttributeError) as wrong:
        raise UnreadableFact(f"{type_}: {wrong}") from None


def _fact(type_: str, fact: Mapping[str, Any]) -> Fact:
    owner, _, rest = type_.partition(".")
    kind, _, version = rest.partition(".")
    clock = fact.get("clock") or {}
    return Fact(
        UUID(fact["case_id"]),
        int(fact["version"]),
        kind if owner == "case" and version == "v1" else "",
        _instant(fact["at"]),
        fact["actor"],
        fact.get("post"),
        fact["status"],
        fact["routing_key"],
        fact["category"],
        fact["number"],
        fact.get("unit"),
        _instant(fact["due_at"]) if fact.get("due_at") else None,
        fact.get("source"),
        clock.get("stage"),
        clock.get("limit_s"),
        clock.get("used_s"),
        fact.get("on_time"),
        fact.get("after_check"),
        fact.get("approved"),
        fact.get("in_time"),
        _history(fact["told"]) if type_ == _IMPORTED else None,
    )


def _history(told: Mapping[str, Any]) -> History:
    steps = [
        HistoryStep(step["act"], _instant(step["at"]), step.get("actor"), step.get("post"), step.get("on_time"))
        for step in told["steps"]
    ]
    counts = (int(told.get(name) or 0) for name in ("rework", "suspended", "evidence_refused"))
    return History(tuple(steps), told.get("first_unit"), *counts)


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no offset")
    return at


class AreaFact(NamedTuple):
    """What of an area is needed here: its name and its place."""

    path: str
    name: str
    level: str
    parent: str | None
    version: int
    retired: bool


def read_area(type_: str, data: bytes) -> AreaFact:
    """Read the data of an event of the areas topic; a retired area has no name of its own. Raises UnreadableFact."""
    try:
        area = orjson.loads(data)
        retired = type_ == "area.retired.v1"
        name, level = (None, None) if retired else (area["name"], area["level"])
        return AreaFact(area["path"], name or "", level or "", area.get("parent"), int(area["version"]), retired)
    except KeyError as missing:
        raise UnreadableFact(f"{type_}: {missing} is missing") from None
    except (ValueError, TypeError) as wrong:
        raise UnreadableFact(f"{type_}: {wrong}") from None


def read_activity(type_: str, data: bytes) -> ActivityRow:
    """Read the data of `activity.recorded`. Raises UnreadableFact."""
    try:
        fact = orjson.loads(data)
        detail = fact.get(fact["kind"]) or {}
        began = _instant(fact["started_at"])
        return ActivityRow(
            UUID(fact["activity_id"]),
            fact["worker"],
            fact["post"],
            fact["kind"],
            fact["routing_key"],
            began,
            round((_instant(fact["ended_at"]) - began).total_seconds()),
            float(detail.get("length_m") or 0),
            int(detail.get("handled") or 0),
            len(detail.get("hazards") or ()),
            len(fact.get("reports") or ()),
        )
    except KeyError as missing:
        raise UnreadableFact(f"{type_}: {missing} is missing") from None
    except (ValueError, TypeError, AttributeError) as wrong:
        raise UnreadableFact(f"{type_}: {wrong}") from None
