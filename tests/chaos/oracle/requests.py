"""Points 1 and 2: what clients were answered, against what is stored."""

from collections import Counter, defaultdict

from tests.chaos.evidence import Evidence
from tests.chaos.oracle.findings import Finding, finding
from tests.chaos.oracle.topics import Topics


def reports_became_cases(e: Evidence, seen: Topics) -> list[Finding]:
    """1: every acknowledged report is of one case, its own or that of the report which it was merged into 重复上报; one
    for each Idempotency-Key.
    """
    acknowledged = {
        key: {answer.id for answer in answers if answer.status == 201}
        for key, answers in e.book.answered.items()
        if e.book.asked[key].path == "/intake/v1/reports"
    }
    cases = Counter(report for case in e.cases.values() for report in case.reports)
    together = {report: case.reports for case in e.cases.values() for report in case.reports}
    ids = [report for reports in acknowledged.values() for report in reports]
    of_key = {key: answer["id"] for key, answer in e.outcomes["intake"].items() if key in e.book.asked}
    return [
        *finding(1, "acknowledged and not stored", (r for r in ids if r not in e.reports)),
        *finding(1, "acknowledged and no case", (r for r in ids if not cases[str(r)])),
        *finding(1, "a report with more than one case", (r for r, n in cases.items() if n > 1)),
        *finding(
            1,
            "merged and not in the case of the other",
            (report for report, into in e.merged.items() if into not in together.get(report, ())),
        ),
        *finding(
            1,
            "in the case of another and not merged",
            (report for case in e.cases.values() for report in case.reports[1:] if report not in e.merged),
        ),
        *finding(1, "a key with more than one report", (k for k, reports in acknowledged.items() if len(reports) > 1)),
        *finding(
            1,
            "a key whose stored answer names another report",
            (k for k, reports in acknowledged.items() if reports and reports != {of_key.get(k)}),
        ),
        *finding(1, "two keys with one report", (r for r, n in Counter(of_key.values()).items() if n > 1)),
    ]


def nothing_out_of_nothing(e: Evidence, seen: Topics) -> list[Finding]:
    """2: no case that nobody reported, no act that nobody asked for or that was refused."""
    book = e.book
    reported = {
        answer["id"]
        for key, answer in e.outcomes["intake"].items()
        if key in book.asked and book.asked[key].act is None
    }
    refused_keys = {
        key
        for key, answers in book.answered.items()
        if answers and all(400 <= answer.status < 500 for answer in answers)
    }
    wanted: dict[tuple[str, str, int], set[str]] = defaultdict(set)
    for key, asked in book.asked.items():
        if asked.act is not None and asked.revision is not None:
            wanted[str(asked.case), asked.act, asked.revision + 1].add(key)
    done: Counter[tuple[str, str, int]] = Counter()
    unasked, refused = [], []
    for case, steps in e.timeline.items():
        for step in steps:
            if step.actor == "system":
                continue
            name = (case, step.act, step.revision)
            done[name] += 1
            keys = wanted.get(name, set())
            if not keys:
                unasked.append(name)
            elif keys <= refused_keys:
                refused.append(name)
    acknowledged = [
        (str(book.asked[key].case), str(book.asked[key].act), int(answer.revision or 0))
        for key, answers in book.answered.items()
        for answer in answers[:1]
        if book.asked[key].act is not None and answer.status == 200
    ]
    return [
        *finding(2, "a report that nobody made", e.reports - reported),
        *finding(
            2,
            "a case of a report that is not stored",
            (report for c in e.cases.values() for report in c.reports if report not in e.reports),
        ),
        *finding(2, "an act that nobody asked for", unasked),
        *finding(2, "an act that was refused and done", refused),
        *finding(
            2, "an answer kept of a refused request", refused_keys & set(e.outcomes["intake"] | e.outcomes["dispatch"])
        ),
        *finding(2, "an act done twice", (name for name, n in done.items() if n > 1)),
        *finding(2, "an act acknowledged and not done", (name for name in acknowledged if not done[name])),
    ]
