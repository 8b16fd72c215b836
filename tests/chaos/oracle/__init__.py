"""What must be true when all is quiet, said again from outside: no line here is shared with the code it judges.

Eight points; each check names its own. A finding is one broken promise with the first examples of it.
"""

from collections import Counter
from collections.abc import Callable

from tests.chaos.evidence import Evidence
from tests.chaos.oracle.effects import outbox_is_topic
from tests.chaos.oracle.findings import Finding, finding
from tests.chaos.oracle.listeners import streams_told_all, webhook_told_once
from tests.chaos.oracle.order import versions_in_order
from tests.chaos.oracle.requests import nothing_out_of_nothing, reports_became_cases
from tests.chaos.oracle.topics import CASES, READERS, REPORTS, Topics
from tests.chaos.timing import clocks

__all__ = ["CASES", "REPORTS", "Finding", "check"]


def check(evidence: Evidence) -> list[Finding]:
    """Everything that is not as it must be; nothing, if all is well."""
    seen = Topics(evidence)
    findings: list[Finding] = []
    for judge in CHECKS:
        findings += judge(evidence, seen)
    return findings


def clocks_fired_once(e: Evidence, seen: Topics) -> list[Finding]:
    """6: every due instant exactly once (timing.py)."""
    late, doubled, early = clocks(e)
    return [
        *finding(6, "a due instant passed and nothing fired", late),
        *finding(6, "a mark set twice", doubled),
        *finding(6, "a mark before its instant", early),
    ]


def all_is_quiet(e: Evidence, seen: Topics) -> list[Finding]:
    """7: no lag, everybody ready, parked exactly what was poison."""
    expected = Counter(
        (schema, group, p.topic, p.partition, p.offset, p.kind)
        for p in e.book.poison
        for schema, group in READERS[p.topic]
    )
    found = Counter((p.schema, p.group, p.topic, p.partition, p.offset, p.reason) for p in e.parked)
    return [
        *finding(7, "not read to the end", (f"{name}: {n}" for name, n in e.lag.items() if n)),
        *finding(7, "not ready", (name for name, ready in e.ready.items() if not ready)),
        *finding(7, "parked and no poison", (found - expected).elements()),
        *finding(7, "poison and not parked as it must be", (expected - found).elements()),
    ]


CHECKS: tuple[Callable[[Evidence, Topics], list[Finding]], ...] = (
    reports_became_cases,
    nothing_out_of_nothing,
    outbox_is_topic,
    versions_in_order,
    streams_told_all,
    clocks_fired_once,
    all_is_quiet,
    webhook_told_once,
)
