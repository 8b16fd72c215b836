"""Sequencing decisions, walked by hypothesis: whatever the order, the repeats, the poison and the batches."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from shared.bus.event import Record
from shared.bus.sequence import Parked, State, Subject, decide

AT = datetime(2026, 11, 23, tzinfo=UTC)
TOPIC = "t"


def record(subject: str, sequence: int, topic: str = TOPIC) -> Record:
    return Record(topic, 0, 0, "k", "id", "x.v1", "/wangge/t", subject, sequence, "k", None, AT, b"{}", None)


class Group:
    """What the inbox's tables would hold, kept in memory."""

    def __init__(self, bad: set[tuple[str, int]] | None = None, latest: bool = False) -> None:
        self.states: dict[Subject, State] = {}
        self.applied: list[tuple[str, int]] = []
        self.bad = bad or set()
        self.latest = frozenset({TOPIC}) if latest else frozenset[str]()
        self._row = 0

    def take(self, batch: Sequence[Record], retry: frozenset[int] | None = None) -> None:
        poison: dict[tuple[str, str, int], str] = {}
        while True:
            decision = decide(batch, self.states, latest=self.latest, poison=poison, retry=retry)
            found = next((r for r in decision.apply if (r.subject, r.sequence) in self.bad), None)
            if found is None:
                break
            poison[found.topic, found.subject, found.sequence] = "bad"
        self.applied += [(r.subject, r.sequence) for r in decision.apply]
        waiting = {name: dict(state.waiting) for name, state in self.states.items()}
        for name in decision.states:
            waiting.setdefault(name, {})
        for rows in waiting.values():
            for number, row in list(rows.items()):
                if row.id in decision.released:
                    del rows[number]
                elif row.id in decision.failed:
                    rows[number] = row._replace(reason="poison")
        for parked in decision.park:
            self._row += 1
            name = (parked.record.topic, parked.record.subject)
            assert parked.record.sequence not in waiting[name], "a version is parked once"
            waiting[name][parked.record.sequence] = Parked(self._row, parked.reason, parked.record)
        for name, rows in waiting.items():
            version, held = decision.states.get(name, (self.version(name), bool(rows)))
            assert held == bool(rows), "the flag says whether anything waits"
            self.states[name] = State(version, rows)

    def version(self, name: Subject) -> int:
        return self.states[name].version if name in self.states else 0

    def reasons(self) -> Mapping[tuple[str, int], str]:
        return {(n[1], row.record.sequence): row.reason for n, s in self.states.items() for row in s.waiting.values()}


def batches(records: Sequence[Record], cuts: Sequence[int]) -> list[Sequence[Record]]:
    ends = sorted({min(cut, len(records)) for cut in cuts} | {len(records)})
    return [records[start:end] for start, end in zip([0, *ends], ends, strict=False)]


VERSIONS = st.integers(1, 6)
SUBJECTS = st.sampled_from("abc")
LOG = st.lists(st.tuples(SUBJECTS, VERSIONS), max_size=60)
CUTS = st.lists(st.integers(0, 60), max_size=8)


@given(LOG, CUTS)
def test_versions_are_applied_once_and_contiguously_in_any_order(log: list[tuple[str, int]], cuts: list[int]) -> None:
    group = Group()
    for batch in batches([record(*each) for each in log], cuts):
        group.take(batch)
    for subject in "abc":
        there = {number for name, number in log if name == subject}
        reach = next(n for n in range(1, 9) if n not in there) - 1
        assert [n for name, n in group.applied if name == subject] == list(range(1, reach + 1))
        assert {n for name, n in group.reasons() if name == subject} == {n for n in there if n > reach}
    assert set(group.reasons().values()) <= {"gap"}


@given(LOG, CUTS, CUTS)
def test_how_the_log_is_cut_into_batches_makes_no_difference(
    log: list[tuple[str, int]], cuts: list[int], others: list[int]
) -> None:
    outcomes = []
    for way in (cuts, others):
        group = Group()
        for batch in batches([record(*each) for each in log], way):
            group.take(batch)
        outcomes.append((group.applied, group.reasons()))
    assert outcomes[0] == outcomes[1]


@given(LOG, CUTS, st.sets(st.tuples(SUBJECTS, VERSIONS), max_size=4))
def test_behind_poison_its_subject_waits_and_goes_on_when_it_is_cured(
    log: list[tuple[str, int]], cuts: list[int], bad: set[tuple[str, int]]
) -> None:
    group, healthy = Group(bad), Group()
    for batch in batches([record(*each) for each in log], cuts):
        group.take(batch)
        healthy.take(batch)
    stops = {s: min(n for name, n in bad if name == s) for s in {name for name, _ in bad}}
    for subject in "abc":
        wanted = [n for name, n in healthy.applied if name == subject and n < stops.get(subject, 99)]
        assert [n for name, n in group.applied if name == subject] == wanted
    group.bad = set()
    for _ in range(len(bad) + 1):
        poisoned = [
            row.id for state in group.states.values() for row in state.waiting.values() if row.reason == "poison"
        ]
        group.take([], retry=frozenset(poisoned))
    assert sorted(group.applied) == sorted(healthy.applied)
    assert set(group.reasons()) == set(healthy.reasons())


@given(LOG, CUTS)
def test_where_the_newest_alone_matters_versions_only_rise(log: list[tuple[str, int]], cuts: list[int]) -> None:
    group = Group(latest=True)
    for batch in batches([record(*each) for each in log], cuts):
        group.take(batch)
    for subject in "abc":
        applied = [n for name, n in group.applied if name == subject]
        assert applied == sorted(set(applied))
        assert applied[-1:] == [max(n for name, n in log if name == subject)] if applied else True
    assert not group.reasons()


def test_the_reasons_are_told_apart() -> None:
    group = Group(bad={("a", 2)})
    group.take([record("a", 1), record("a", 2), record("a", 3), record("b", 2)])
    assert group.reasons() == {("a", 2): "poison", ("a", 3): "held", ("b", 2): "gap"}


def test_the_same_subject_in_two_topics_is_two_subjects() -> None:
    decision = decide([record("a", 1), record("a", 1, topic="u"), record("a", 2, topic="u")], {})
    assert [(r.topic, r.sequence) for r in decision.apply] == [(TOPIC, 1), ("u", 1), ("u", 2)]


def test_without_a_retry_poison_is_not_tried_again() -> None:
    waiting = {2: Parked(7, "poison", record("a", 2)), 3: Parked(8, "held", record("a", 3))}
    known = {(TOPIC, "a"): State(1, waiting)}
    assert decide([record("a", 1), record("a", 2), record("a", 3)], known).apply == []
    assert decide([], known, retry=frozenset()).apply == []
    retried = decide([], known, retry=frozenset({7}))
    assert [r.sequence for r in retried.apply] == [2, 3]
    assert retried.released == [7, 8]
    assert retried.states == {(TOPIC, "a"): (3, False)}
