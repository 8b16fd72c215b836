"""The clocks of cases, told again from their timelines alone: which marks must be there, which may not.

Only stages whose limit runs on through nights are told; the handling stage runs in working time, and of it is asked
that no mark is set twice. Limits are those of the pack, and serve.py's own for acceptance.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.chaos.evidence import Evidence, Step

MINUTES = {"accept": 1, "verify": 30, "file": 15, "dispatch": 15, "check": 30}
STARTS = {
    "open": "accept",
    "request_verification": "verify",
    "accept": "file",
    "file": "dispatch",
    "dispatch": "handle",
    "request_check": "check",
}
STOPS = {
    "request_verification": "accept",
    "accept": "accept",
    "answer_verification": "verify",
    "file": "file",
    "dispatch": "dispatch",
    "report_handled": "handle",
    "answer_check": "check",
}
RESUMES = {"answer_verification": "accept", "order_rework": "handle"}
SHARES = {"mark_warned": 0.8, "mark_overdue": 1.0}
# A mark is looked for every half second; what fell due just before the snapshot may still be on its way.
GRACE = timedelta(seconds=5)


def clocks(e: Evidence) -> tuple[list[str], list[str], list[str]]:
    """Instants that passed without their mark, marks set twice, marks set before their instant."""
    late: list[str] = []
    doubled: list[str] = []
    early: list[str] = []
    for case, steps in e.timeline.items():
        for run in _runs(steps):
            for mark, share in SHARES.items():
                name = f"{case} {run.stage} {mark}"
                at = [step.at for step in run.marks if step.act == mark]
                if len(at) > 1 or (at and not run.spells):
                    doubled.append(name)
                if run.stage not in MINUTES:
                    continue
                due = run.reaches(share, e.now - GRACE)
                if at and (due is None or at[0] < due) and run.reaches(share, e.now + GRACE) != due:
                    continue  # fell due between the two: either is right
                if at and (due is None or at[0] < due):
                    early.append(name)
                if not at and due is not None:
                    late.append(f"{name} was due at {due:%H:%M:%S}")
    return late, doubled, early


def lateness(e: Evidence, since: datetime) -> list[float]:
    """How many seconds after its instant each mark was set, in order of size, of those that fell due after `since`."""
    found = []
    for steps in e.timeline.values():
        for run in _runs(steps):
            for step in run.marks:
                due = run.reaches(SHARES[step.act], e.now) if run.stage in MINUTES else None
                if due is not None and due > since:
                    found.append((step.at - due).total_seconds())
    return sorted(found)


@dataclass
class _Run:
    """A clock from its start: the spells in which it ran (the last may be open), and the marks set meanwhile."""

    stage: str
    spells: list[tuple[datetime, datetime | None]]
    marks: list[Step] = field(default_factory=list)

    def reaches(self, share: float, now: datetime) -> datetime | None:
        """When it had used `share` of its limit; None if it had not by `now`, or when it was stopped."""
        left = timedelta(minutes=MINUTES[self.stage]) * share
        for began, ended in self.spells:
            if began + left < (ended or now):
                return began + left
            left -= (ended or now) - began
        return None


def _runs(steps: list[Step]) -> list[_Run]:
    """Every clock that was started, by the acts that move clocks."""
    runs: list[_Run] = []
    current: dict[str, _Run] = {}
    for step in steps:
        if step.act in SHARES:
            run = current.get(step.stage or "")
            if run is None:
                runs.append(_Run(step.stage or "", [], [step]))  # a mark of a clock that never ran
            else:
                run.marks.append(step)
            continue
        if (stage := STOPS.get(step.act)) in current:
            began, _ = current[stage].spells[-1]
            current[stage].spells[-1] = (began, step.at)
        if (stage := STARTS.get(step.act)) is not None:
            current[stage] = _Run(stage, [(step.at, None)])
            runs.append(current[stage])
        if (stage := RESUMES.get(step.act)) in current:
            current[stage].spells.append((step.at, None))
    return runs
