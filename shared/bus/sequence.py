"""Which records of a batch to apply, drop, hold or release. Pure: no I/O, decided from versions alone.

Within a subject the versions are applied without gaps, whatever order and however often they arrive: seen → drop, next
→ apply, a version missing → hold until it comes. Behind a poisoned version everything of its subject is held. In
topics where the newest version alone matters, a newer one is applied at once and outdates whatever of its subject was
parked.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from shared.bus.event import Record

Subject: TypeAlias = tuple[str, str]  # topic, subject


class Parked(NamedTuple):
    """A record that was put aside: its row's id and why."""

    id: int
    reason: str
    record: Record


@dataclass(slots=True)
class State:
    """What is known of one subject: the newest version applied and, by version, what waits."""

    version: int = 0
    waiting: dict[int, Parked] = field(default_factory=dict)


class Park(NamedTuple):
    record: Record
    reason: str
    error: str = ""


@dataclass(slots=True)
class Decision:
    """What is to become of each record.

    `released` are the ids of parked rows that are applied now or outdated; `failed` those that turned out poison, with
    the error; `states` how each subject that changed stands afterwards: its version, and whether records of it wait.
    """

    apply: list[Record] = field(default_factory=list)
    park: list[Park] = field(default_factory=list)
    released: list[int] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    states: dict[Subject, tuple[int, bool]] = field(default_factory=dict)


# A record of this batch that its handler refused: (topic, subject, sequence) → what it said.
Poison: TypeAlias = Mapping[tuple[str, str, int], str]

_NEW = -1  # row id of a record that this very decision parks


def decide(
    records: Iterable[Record],
    known: Mapping[Subject, State],
    *,
    latest: frozenset[str] = frozenset(),
    poison: Poison | None = None,
    retry: frozenset[int] | None = None,
) -> Decision:
    """Decide over `records` in the order of the log; subjects not in `known` were never seen. `known` is left as it is.

    `poison` holds what is already known to fail. With `retry` all subjects of `known` are gone through, also those of
    which the batch has no record; parked rows whose ids it names may be applied although they failed before.
    """
    decision = Decision()
    subjects: dict[Subject, _Subject] = {}
    poison = poison or {}
    again = retry or frozenset()
    for record in records:
        name = (record.topic, record.subject)
        subject = subjects.get(name)
        if subject is None:
            subject = subjects[name] = _Subject(known.get(name), record.topic in latest)
        subject.take(record, decision, poison, again)
    if retry is not None:
        for name, state in known.items():
            subjects.setdefault(name, _Subject(state, name[0] in latest)).drain(decision, poison, again)
    for name, subject in subjects.items():
        if subject.changed:
            decision.states[name] = (subject.version, bool(subject.waiting))
        for parked in subject.waiting.values():
            if parked.id == _NEW:
                decision.park.append(Park(parked.record, parked.reason, _said(poison, parked.record)))
    return decision


def _said(poison: Poison, record: Record) -> str:
    return poison.get((record.topic, record.subject, record.sequence), "") if poison else ""


class _Subject:
    __slots__ = ("changed", "latest", "version", "waiting")

    def __init__(self, state: State | None, latest: bool) -> None:
        self.version = state.version if state else 0
        self.waiting = dict(state.waiting) if state and state.waiting else {}
        self.latest = latest
        self.changed = False

    def take(self, record: Record, decision: Decision, poison: Poison, retry: frozenset[int]) -> None:
        """One record from the log."""
        number = record.sequence
        if number <= self.version or (self.waiting and number in self.waiting):
            return
        self.changed = True
        if number == self.version + 1 or self.latest:
            if poison and (record.topic, record.subject, number) in poison:
                self.waiting[number] = Parked(_NEW, "poison", record)
                return
            decision.apply.append(record)
            self.version = number
            if self.waiting:
                self.drain(decision, poison, retry)
            return
        behind_poison = any(parked.reason == "poison" for parked in self.waiting.values())
        self.waiting[number] = Parked(_NEW, "held" if behind_poison else "gap", record)

    def drain(self, decision: Decision, poison: Poison, retry: frozenset[int]) -> None:
        """What waits and may go now, in order."""
        for number in sorted(self.waiting):
            parked = self.waiting[number]
            if number <= self.version:
                del self.waiting[number]
                self.changed = True
                if parked.id != _NEW:
                    decision.released.append(parked.id)
                continue
            if number != self.version + 1 and not self.latest:
                return
            said = _said(poison, parked.record)
            if said:
                if parked.id != _NEW:
                    decision.failed[parked.id] = said
                self.waiting[number] = parked._replace(reason="poison")
                return
            if parked.reason == "poison" and parked.id not in retry:
                if self.latest:
                    continue
                return
            del self.waiting[number]
            self.changed = True
            decision.apply.append(parked.record)
            self.version = number
            if parked.id != _NEW:
                decision.released.append(parked.id)


def by_topic(records: Iterable[Record], wanted: Callable[[Record], bool] | None = None) -> dict[str, list[Record]]:
    """The records that `wanted` accepts, in order, by topic."""
    topics: dict[str, list[Record]] = {}
    for record in records:
        if wanted is None or wanted(record):
            topics.setdefault(record.topic, []).append(record)
    return topics
