"""What the topics tell, and who reads them."""

from collections import defaultdict
from collections.abc import Iterator

from tests.chaos.evidence import Evidence, Message

REPORTS, CASES = "wangge.intake.reports.v1", "wangge.dispatch.cases.v1"
# Who reads what, as (schema, group); a poison on a topic must be parked once by each of its readers.
READERS = {
    REPORTS: (("dispatch", "dispatch"), ("notify", "notify")),
    CASES: (("intake", "intake"), ("evaluation", "evaluation"), ("notify", "notify")),
}


class Topics:
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
