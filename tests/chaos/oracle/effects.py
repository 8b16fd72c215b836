"""Point 3: what went into the outboxes, against the topics and what their readers made of it."""

from collections import Counter
from collections.abc import Iterator, Sequence

from tests.chaos.evidence import Evidence, Message
from tests.chaos.oracle.findings import Finding, finding
from tests.chaos.oracle.topics import CASES, Topics


def outbox_is_topic(e: Evidence, seen: Topics) -> list[Finding]:
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
        *finding(3, "waits in an outbox", (f"{schema}: {n}" for schema, n in e.outbox.items() if n)),
        *finding(3, "put into an outbox and on no topic", put - told),
        *finding(3, "on a topic and never in an outbox", told - put),
        *finding(3, "on a topic under another name than in the outbox", altered),
        *finding(3, "in the log more than once", (name for name, n in logged.items() if n > 1)),
        *finding(3, "not in the log", expected - set(logged)),
        *finding(3, "in the log and on no topic", set(logged) - expected),
        *finding(3, "not kept by evaluation", facts - set(counted)),
        *finding(3, "kept by evaluation and on no topic", set(counted) - facts),
        *finding(3, "a counter is not what the log says", _miscounted(e, seen)),
    ]


def recount(facts: Sequence[Message]) -> dict[str, int]:
    """One case's counters from its facts, by the plain words of INDICATORS: what happened, and what it waits for."""
    types = [message.type.split(".")[1] for message in facts]
    data = [message.data or {} for message in facts]
    handled_after_rework, reworked = 0, False
    for kind, each in zip(types, data, strict=True):
        if kind == "rework_ordered" and each.get("after_check"):
            reworked = True
        elif kind == "handled" and reworked:
            handled_after_rework, reworked = handled_after_rework + 1, False
    statuses = [each.get("status") for each in data]
    status = statuses[-1]
    # Back with the command centre after a return, it waits to be dispatched again.
    filed = max((n for n, each in enumerate(statuses) if each == "filed"), default=0)
    last_visit = next((kind for kind in reversed(types) if kind in ("verification_requested", "verified")), "")
    last_check = next((kind for kind in reversed(types) if kind in ("check_requested", "checked")), "")
    disposed = int("handled" in types and status in ("handled", "checking", "checked", "closed"))
    return {
        "report": int("opened" in types),
        "operate": int("accepted" in types),
        "send_verify": int("verification_requested" in types),
        "verify": int(last_visit == "verified"),
        "inst": int("filed" in types),
        "dispatch": int("dispatched" in types[filed:]),
        "through_dispose": int("handled" in types),
        "dispose": disposed,
        "rework": int(handled_after_rework > 0),
        "multi_rework": handled_after_rework,
        "send_check": int("check_requested" in types),
        "check": int(last_check == "checked"),
        "archive": int(status == "closed"),
    }


def _miscounted(e: Evidence, seen: Topics) -> Iterator[str]:
    sums: Counter[str] = Counter()
    for case, facts in seen.facts.items():
        facts.sort(key=lambda message: message.sequence)
        wanted, found = recount(facts), e.counted.get(case, {})
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
