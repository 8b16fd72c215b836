"""First-asked responsibility 首问责任: whoever took a report in answers for it until another has taken it over.

The rule of the trade (首问责任制, as the grid regimes of REGIMES.md rows 21 and 24 have it): the person or office that
is asked first may pass a matter on, never drop it. It is passed on when somebody else acts on its case: what the system
does by itself relieves nobody, nor does one's own further act. A case that ends ends it too.

The rule names no time. A pack may: when it is over that is told once, and who was asked stays answerable. A day is
ours, after row 21, which gives a community so long for a matter of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

ENDED = frozenset({"rejected", "closed", "voided"})
UNTOUCHED = "reported"
"""The status of a case that nobody has acted on."""


class Answerable(NamedTuple):
    """Who answers for a report, since when; `lapsed_at`: until when, by whose act on its case (None: the system's).
    `overdue_at`: when it was told that nobody had taken it over in time.
    """

    report_id: UUID
    subject: str
    area: str
    since: datetime
    lapsed_at: datetime | None = None
    lapsed_by: str | None = None
    post: str | None = None
    act: str | None = None
    overdue_at: datetime | None = None


class Step(NamedTuple):
    """What a fact of a case says to it: somebody acted (`by` is None for the system), or the case came to its end."""

    report_id: UUID
    version: int
    at: datetime
    act: str
    by: str | None
    post: str | None
    ended: bool


def answered_for(fact: Mapping[str, Any]) -> Sequence[str]:
    """The reports that somebody answers for from this fact of a case on: those that it was opened for, and those that
    came to it (重复上报) before anybody had taken it over.
    """
    if fact.get("act") == "open":
        return fact.get("reports") or ()
    if fact.get("act") == "add_report" and fact["status"] == UNTOUCHED:
        return fact.get("new_reports") or ()
    return ()


def steps_of(fact: Mapping[str, Any]) -> list[Step]:
    """Of one fact of a case (its JSON), for each of the case's reports; none where it relieves nobody."""
    person = fact.get("centre") not in (None, "system")
    ended = fact["status"] in ENDED
    if not (person or ended):
        return []
    by, post = (fact["actor"], fact["post"]) if person else (None, None)
    at = datetime.fromisoformat(fact["at"])
    return [Step(UUID(each), fact["version"], at, fact["act"], by, post, ended) for each in fact.get("reports") or ()]


def relieved(answerable: Mapping[UUID, Answerable], steps: Iterable[Step]) -> list[Answerable]:
    """Those of `answerable` that the first fitting of `steps`, in the order they happened, relieves."""
    done: dict[UUID, Answerable] = {}
    for step in steps:
        held = answerable.get(step.report_id)
        if held is None or held.report_id in done:
            continue
        if step.ended or step.by not in (None, held.subject):
            done[held.report_id] = held._replace(lapsed_at=step.at, lapsed_by=step.by, post=step.post, act=step.act)
    return list(done.values())
