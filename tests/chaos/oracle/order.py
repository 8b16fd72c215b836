"""Point 4: versions are contiguous and in order, on the topic and in every projection."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.chaos.evidence import Evidence, Message
from tests.chaos.oracle.findings import Finding, finding
from tests.chaos.oracle.topics import CASES, REPORTS, Topics


def versions_in_order(e: Evidence, seen: Topics) -> list[Finding]:
    """4: contiguous and in order, on the topic and in every projection."""
    order: dict[tuple[str, str], list[int]] = defaultdict(list)
    places: dict[tuple[str, str], set[int]] = defaultdict(set)
    for message in seen.all:
        if message.topic not in (REPORTS, CASES):
            continue
        name = (message.topic, message.subject)
        places[name].add(message.partition)
        if message.sequence not in order[name]:
            order[name].append(message.sequence)
    in_log: dict[str, list[int]] = defaultdict(list)
    for row in e.log:
        in_log[row.subject].append(row.sequence)
    kept: dict[str, list[int]] = defaultdict(list)
    for case, version in sorted(e.facts):
        kept[case].append(version)
    told = {case: [m.sequence for m in facts] for case, facts in seen.facts.items()}
    versions = {case: row.version for case, row in e.cases.items()}
    tracked = {case: [version for version, _ in steps] for case, steps in e.tracked.items()}
    changes = {
        case: [m.sequence for m in sorted(facts, key=lambda m: m.sequence) if _changes_status(m)]
        for case, facts in seen.facts.items()
    }
    reports = {report for case in e.cases.values() for report in case.reports}
    stale = [
        report
        for report, (case, version, status) in e.statuses.items()
        if case in e.cases and (version, status) != (e.cases[case].version, e.cases[case].status)
    ]
    otherwise = [
        report
        for report, shown in e.shown.items()
        if report in e.statuses and shown != (e.statuses[report][0], e.statuses[report][2])
    ]
    return [
        *finding(4, "on the topic out of order", (n for n, found in order.items() if found != _to(len(found)))),
        *finding(4, "a subject in two partitions", (n for n, found in places.items() if len(found) > 1)),
        *finding(4, "timeline with a gap", _not(versions, {c: [s.version for s in t] for c, t in e.timeline.items()})),
        *finding(4, "topic and case disagree", _not(versions, told)),
        *finding(4, "evaluation has a gap", _not(versions, kept)),
        *finding(4, "evaluation counted to another version", (c for c, v in versions.items() if _counted(e, c) != v)),
        *finding(4, "log out of order", (s for s, found in in_log.items() if found != _to(len(found)))),
        *finding(4, "tracking differs", (c for c, found in changes.items() if tracked.get(c) != found)),
        *finding(4, "a report's status is not its case's", stale),
        *finding(4, "a report without its case's status", reports - set(e.statuses)),
        *finding(4, "shown to its sender otherwise", otherwise),
    ]  # fmt: skip


def _changes_status(message: Message) -> bool:
    data = message.data or {}
    return bool(data.get("status") != data.get("from_status"))


def _counted(e: Evidence, case: str) -> Any:
    return e.counted.get(case, {}).get("version")


def _to(last: int) -> list[int]:
    return list(range(1, last + 1))


def _not(versions: Mapping[str, int], found: Mapping[str, Sequence[int]]) -> Iterator[str]:
    for case, version in versions.items():
        if sorted(found.get(case, ())) != _to(version):
            yield f"{case}: {version} against {sorted(found.get(case, ()))}"
