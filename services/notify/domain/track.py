"""What a reporter may see of a report by its tracking code: statuses and their times, nothing that names anyone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from shared.kernel.errors import NotFound, TooMany

# The words of the trade's glossary. A status that is not here (of a newer dispatch) is shown by its name.
LABELS: Final = {
    "received": ("已接收", "received"),
    "merged": ("与先前上报合并", "merged with an earlier report"),
    "withdrawn": ("已撤回", "withdrawn"),
    "reported": ("已上报", "reported"),
    "verifying": ("核实中", "being verified"),
    "accepted": ("已受理", "accepted"),
    "filed": ("已立案", "filed"),
    "dispatched": ("已派遣", "dispatched"),
    "handling": ("处置中", "being handled"),
    "handled": ("已处置", "handled"),
    "checking": ("核查中", "being checked"),
    "checked": ("已核查", "checked"),
    "suspended": ("挂账缓办", "suspended"),
    "rejected": ("不予受理", "not taken on"),
    "closed": ("已结案", "closed"),
    "voided": ("已作废", "void"),
}


class TrackingCodeUnknown(NotFound):
    slug, title, title_zh = "tracking-code-unknown", "No report with this code", "查询码不存在"


class TooManyLookups(TooMany):
    slug, title, title_zh = "too-many-lookups", "Too many look-ups from this address", "查询过于频繁"


class Step(NamedTuple):
    """A status and when it began."""

    status: str
    at: datetime


def label(status: str) -> dict[str, str]:
    """The status in words: {"zh": …, "en": …}."""
    zh, en = LABELS.get(status, (status, status))
    return {"zh": zh, "en": en}


def steps_of(
    received_at: datetime, case_steps: Sequence[Step], withdrawn_at: datetime | None = None, *, merged: bool = False
) -> list[Step]:
    """The way of a report so far, oldest first: received, then every status its case came to.

    A status entered twice in a row counts once (a case may be reported again by a second person). A report that was
    taken back before anybody acted on it ends there: that its case is void then is nothing to be told twice. One that
    is `merged` came to a case that was on its way: it begins with the status which that one had by then, and what
    happened before is not its own.
    """
    steps = [Step("received", received_at)]
    if merged:
        steps.append(Step("merged", received_at))
        before = [step for step in case_steps if step.at <= received_at]
        met = [before[-1]._replace(at=received_at)] if before else []
        case_steps = [*met, *case_steps[len(before) :]]
    if withdrawn_at is not None:
        alone = [step for step in case_steps if step.status not in ("reported", "voided")] == []
        case_steps = [step for step in case_steps if not (alone and step.status == "voided")]
        place = len(case_steps) if alone else sum(step.at <= withdrawn_at for step in case_steps)
        case_steps = [*case_steps[:place], Step("withdrawn", withdrawn_at), *case_steps[place:]]
    for step in case_steps:
        if step.status != steps[-1].status:
            steps.append(step)
    return steps
