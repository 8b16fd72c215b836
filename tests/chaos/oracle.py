"""What must be true when all is quiet, said again from outside: no line here is shared with the code it judges.

Eight points; each check names its own. A finding is one broken promise with the first examples of it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tests.chaos.evidence import Evidence, Message
from tests.chaos.timing import clocks

REPORTS, CASES = "wangge.intake.reports.v1", "wangge.dispatch.cases.v1"
# Who reads what, as (schema, group); a poison on a topic must be parked once by each of its readers.
READERS = {
    REPORTS: (("dispatch", "dispatch"), ("notify", "notify")),
    CASES: (("intake", "intake"), ("evaluation", "evaluation"), ("notify", "notify")),
}


class Finding(NamedTuple):
    """`point` is the number of the promise, `number` how often it was broken."""

    point: int
    what: str
    examples: tuple[str, ...]
    number: int

    def __str__(self) -> str:
        return f"{self.point}. {self.what}: {', '.join(self.examples)}"


def check(evidence: Evidence) -> list[Finding]:
    """Everything that is not as it must be; nothing, if all is well."""
    seen = _Topics(evidence)
    findings: list[Finding] = []
    for judge in CHECKS:
        findings += judge(evidence, seen)
    return findings


class _Topics:
    """The topics without the poison: in order of arrival, and the first of each fact."""

    def __init__(self, evidence: Evidence) -> None:
        poison = {(p.topic, p.partition, p.offset) for p in (*evidence.book.poison, *evidence.book.gone)}
        self.all: list[Message] = sorted(
            (m for m in evidence.messages if (m.topic, m.partition, m.offset) not in poison),
            key=lambda m: (m.topic, m.partition, m.offset),
        )
        self.first: dict[tuple[str, str, int], Message] = {}
        for message in self.all:
            self.first.setdefault((message.topic, message.subject, message.sequence), message)
        self.facts: dict[str, list[Message]] = defaultdict(list)
        for (topic, subject, _), message in self.first.items():
            if topic == CASES:
                self.facts[subject].append(message)

    def public(self) -> Iterator[Message]:
        """The first of each fact that streams and webhooks tell of."""
        return (message for message in self.first.values() if message.topic in (REPORTS, CASES))


def _finding(point: int, what: str, examples: Iterable[object]) -> list[Finding]:
    found = [str(each) for each in examples]
    if not found:
        return []
    more = (f"… {len(found)} in all",) if len(found) > 3 else ()
    return [Finding(point, what, (*found[:3], *more), len(found))]


def reports_became_cases(e: Evidence, seen: _Topics) -> list[Finding]:
    """1: every acknowledged report is a case, one for each Idempotency-Key."""
    acknowledged = {
        key: {answer.id for answer in answers if answer.status == 201}
        for key, answers in e.book.answered.items()
        if e.book.asked[key].path == "/intake/v1/reports"
    }
    cases = Counter(case.report for case in e.cases.values())
    ids = [report for reports in acknowledged.values() for report in reports]
    of_key = {key: answer["id"] for key, answer in e.outcomes["intake"].items() if key in e.book.asked}
    return [
        *_finding(1, "acknowledged and not stored", (r for r in ids if r not in e.reports)),
        *_finding(1, "acknowledged and no case", (r for r in ids if not cases[str(r)])),
        *_finding(1, "a report with more than one case", (r for r, n in cases.items() if n > 1)),
        *_finding(1, "a key with more than one report", (k for k, reports in acknowledged.items() if len(reports) > 1)),
        *_finding(
            1,
            "a key whose stored answer names another report",
            (k for k, reports in acknowledged.items() if reports and reports != {of_key.get(k)}),
        ),
        *_finding(1, "two keys with one report", (r for r, n in Counter(of_key.values()).items() if n > 1)),
    ]


def nothing_out_of_nothing(e: Evidence, seen: _Topics) -> list[Finding]:
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
        *_finding(2, "a report that nobody made", e.reports - reported),
        *_finding(
            2,
            "a case of a report that is not stored",
            (c.report for c in e.cases.values() if c.report not in e.reports),
        ),
        *_finding(2, "an act that nobody asked for", unasked),
        *_finding(2, "an act that was refused and done", refused),
        *_finding(
            2, "an answer kept of a refused request", refused_keys & set(e.outcomes["intake"] | e.outcomes["dispatch"])
        ),
        *_finding(2, "an act done twice", (name for name, n in done.items() if n > 1)),
        *_finding(2, "an act acknowledged and not done", (name for name in acknowledged if not done[name])),
    ]


def outbox_is_topic(e: Evidence, seen: _Topics) -> list[Finding]:
    """3: what was ever put into an outbox is what is on the topics, and had its effect once."""
    put = {event for event, *_ in e.put}
    told = {message.id for message in seen.all}
    names = {event: (topic, subject, sequence) for event, topic, subject, sequence in e.put}
    altered = [m.id for m in seen.all if m.id in names and names[m.id] != (m.topic, m.subject, m.sequence)]
    logged = Counter((row.subject, row.sequence) for row in e.log)
    expected = {(m.subject, m.sequence) for m in seen.public()}
    counted = Counter(e.facts)
    facts = {(m.subject, m.sequence) for m in seen.first.values() if m.topic == CASES}
    return [
        *_finding(3, "waits in an outbox", (f"{schema}: {n}" for schema, n in e.outbox.items() if n)),
        *_finding(3, "put into an outbox and on no topic", put - told),
        *_finding(3, "on a topic and never in an outbox", told - put),
        *_finding(3, "on a topic under another name than in the outbox", altered),
        *_finding(3, "in the log more than once", (name for name, n in logged.items() if n > 1)),
        *_finding(3, "not in the log", expected - set(logged)),
        *_finding(3, "in the log and on no topic", set(logged) - expected),
        *_finding(3, "not kept by evaluation", facts - set(counted)),
        *_finding(3, "kept by evaluation and on no topic", set(counted) - facts),
        *_finding(3, "a counter is not what the log says", _miscounted(e, seen)),
    ]


def _recount(facts: Sequence[Message]) -> dict[str, int]:
    """One case's counters from its facts, by the plain words of INDICATORS: what happened, and what it waits for."""
    types = [message.type.split(".")[1] for message in facts]
    data = [message.data or {} for message in facts]
    handled_after_rework, reworked = 0, False
    for kind, each in zip(types, data, strict=True):
        if kind == "rework_ordered" and each.get("after_check"):
            reworked = True
        elif kind == "handled" and reworked:
            handled_after_rework, reworked = handled_after_rework + 1, False
    status = data[-1].get("status")
    last_visit = next((kind for kind in reversed(types) if kind in ("verification_requested", "verified")), "")
    last_check = next((kind for kind in reversed(types) if kind in ("check_requested", "checked")), "")
    disposed = int("handled" in types and status in ("handled", "checking", "checked", "closed"))
    return {
        "report": int("opened" in types),
        "operate": int("accepted" in types),
        "send_verify": int("verification_requested" in types),
        "verify": int(last_visit == "verified"),
        "inst": int("filed" in types),
        "dispatch": int("dispatched" in types),
        "through_dispose": int("handled" in types),
        "dispose": disposed,
        "rework": int(handled_after_rework > 0),
        "multi_rework": handled_after_rework,
        "send_check": int("check_requested" in types),
        "check": int(last_check == "checked"),
        "archive": int(status == "closed"),
    }


def _miscounted(e: Evidence, seen: _Topics) -> Iterator[str]:
    sums: Counter[str] = Counter()
    for case, facts in seen.facts.items():
        facts.sort(key=lambda message: message.sequence)
        wanted, found = _recount(facts), e.counted.get(case, {})
        for name, number in wanted.items():
            if found.get(name) != number:
                yield f"{name} of {case} is {found.get(name)}, the log says {number}"
        if wanted["inst"]:
            sums.update(wanted)
    by_status = Counter(case.status for case in e.cases.values())
    if sums["archive"] != by_status["closed"]:
        yield f"closed: the log says {sums['archive']}, the case table {by_status['closed']}"
    for name in ("inst", "dispatch", "dispose", "rework", "multi_rework", "archive"):
        if name in e.scorecard and e.scorecard[name] != sums[name]:
            yield f"the score card says {name} {e.scorecard[name]}, the log {sums[name]}"


def versions_in_order(e: Evidence, seen: _Topics) -> list[Finding]:
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
        *_finding(4, "on the topic out of order", (n for n, found in order.items() if found != _to(len(found)))),
        *_finding(4, "a subject in two partitions", (n for n, found in places.items() if len(found) > 1)),
        *_finding(4, "timeline with a gap", _not(versions, {c: [s.version for s in t] for c, t in e.timeline.items()})),
        *_finding(4, "topic and case disagree", _not(versions, told)),
        *_finding(4, "evaluation has a gap", _not(versions, kept)),
        *_finding(4, "evaluation counted to another version", (c for c, v in versions.items() if _counted(e, c) != v)),
        *_finding(4, "log out of order", (s for s, found in in_log.items() if found != _to(len(found)))),
        *_finding(4, "tracking differs", (c for c, found in changes.items() if tracked.get(c) != found)),
        *_finding(4, "a report's status is not its case's", stale),
        *_finding(4, "a report without its case's status", {c.report for c in e.cases.values()} - set(e.statuses)),
        *_finding(4, "shown to its sender otherwise", otherwise),
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


def streams_told_all(e: Evidence, seen: _Topics) -> list[Finding]:
    """5: each listener heard each event of its prefix, in order for each case, and nothing else."""
    findings: list[Finding] = []
    for name, prefix in e.book.prefixes.items():
        heard = e.book.heard[name]
        expected = {m.id for m in seen.public() if _within(m.routing_key, prefix)}
        ids = {each.id for each in heard}
        latest: dict[str, int] = {}
        disordered = []
        for each in heard:
            if each.sequence > latest.get(each.subject, 0) + 1:
                disordered.append((each.subject, each.sequence))
            latest[each.subject] = max(latest.get(each.subject, 0), each.sequence)
        findings += [
            *_finding(5, f"{name} did not hear", expected - ids),
            *_finding(
                5, f"{name} heard what is not its own", (h.id for h in heard if not _within(h.routing_key, prefix))
            ),
            *_finding(5, f"{name} heard what is on no topic", ids - {m.id for m in seen.all}),
            *_finding(5, f"{name} heard out of order", disordered),
        ]
    return findings + _finding(5, "a stream was reset although nothing is gone", e.book.resets)


def _within(routing_key: str, prefix: str) -> bool:
    """Whole segments: 110108.01 is no prefix of 110108.012."""
    return routing_key.split(".")[: len(prefix.split("."))] == prefix.split(".")


def all_is_quiet(e: Evidence, seen: _Topics) -> list[Finding]:
    """7: no lag, everybody ready, parked exactly what was poison."""
    expected = Counter(
        (schema, group, p.topic, p.partition, p.offset, p.kind)
        for p in e.book.poison
        for schema, group in READERS[p.topic]
    )
    found = Counter((p.schema, p.group, p.topic, p.partition, p.offset, p.reason) for p in e.parked)
    return [
        *_finding(7, "not read to the end", (f"{name}: {n}" for name, n in e.lag.items() if n)),
        *_finding(7, "not ready", (name for name, ready in e.ready.items() if not ready)),
        *_finding(7, "parked and no poison", (found - expected).elements()),
        *_finding(7, "poison and not parked as it must be", (expected - found).elements()),
    ]


def webhook_told_once(e: Evidence, seen: _Topics) -> list[Finding]:
    """8: a receiver that deduplicates on the id has each event once, in order for each case."""
    if e.webhook_state == "none":
        return []
    heard = e.book.heard["webhook"]
    logged = {row.id for row in e.log}
    first = list({each.id: each for each in heard}.values())
    latest: dict[str, int] = {}
    disordered = []
    for each in first:
        if each.sequence < latest.get(each.subject, 0):
            disordered.append((each.subject, each.sequence))
        latest[each.subject] = each.sequence
    twice = Counter((each.subject, each.sequence, each.type) for each in first)
    return [
        *_finding(8, "the webhook was not told", logged - {each.id for each in first}),
        *_finding(8, "the webhook was told what is on no topic", {h.id for h in first} - {m.id for m in seen.all}),
        *_finding(8, "one fact under two ids", (name for name, n in twice.items() if n > 1)),
        *_finding(8, "the webhook was told out of order", disordered),
        *_finding(8, "the webhook was switched off", [e.webhook_state] if e.webhook_state != "active" else []),
    ]


def clocks_fired_once(e: Evidence, seen: _Topics) -> list[Finding]:
    """6: every due instant exactly once (timing.py)."""
    late, doubled, early = clocks(e)
    return [
        *_finding(6, "a due instant passed and nothing fired", late),
        *_finding(6, "a mark set twice", doubled),
        *_finding(6, "a mark before its instant", early),
    ]


CHECKS: tuple[Callable[[Evidence, _Topics], list[Finding]], ...] = (
    reports_became_cases,
    nothing_out_of_nothing,
    outbox_is_topic,
    versions_in_order,
    streams_told_all,
    clocks_fired_once,
    all_is_quiet,
    webhook_told_once,
)
