"""Points 5 and 8: what streams and the webhook told."""

from collections import Counter

from tests.chaos.evidence import Evidence
from tests.chaos.oracle.findings import Finding, finding
from tests.chaos.oracle.topics import Topics


def streams_told_all(e: Evidence, seen: Topics) -> list[Finding]:
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
            *finding(5, f"{name} did not hear", expected - ids),
            *finding(
                5, f"{name} heard what is not its own", (h.id for h in heard if not _within(h.routing_key, prefix))
            ),
            *finding(5, f"{name} heard what is on no topic", ids - {m.id for m in seen.all}),
            *finding(5, f"{name} heard out of order", disordered),
        ]
    return findings + finding(5, "a stream was reset although nothing is gone", e.book.resets)


def _within(routing_key: str, prefix: str) -> bool:
    """Whole segments: 110108.01 is no prefix of 110108.012."""
    return routing_key.split(".")[: len(prefix.split("."))] == prefix.split(".")


def webhook_told_once(e: Evidence, seen: Topics) -> list[Finding]:
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
        *finding(8, "the webhook was not told", logged - {each.id for each in first}),
        *finding(8, "the webhook was told what is on no topic", {h.id for h in first} - {m.id for m in seen.all}),
        *finding(8, "one fact under two ids", (name for name, n in twice.items() if n > 1)),
        *finding(8, "the webhook was told out of order", disordered),
        *finding(8, "the webhook was switched off", [e.webhook_state] if e.webhook_state != "active" else []),
    ]
