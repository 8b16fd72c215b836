"""What is open on a case beside its status: a request, urgings, parts of other units, an appeal.

None of them is a status: while a unit asks for more time its clock runs on and the case stays with it.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class RequestKind(StrEnum):
    RETURN = "return"
    EXTENSION = "extension"
    SUSPENSION = "suspension"


@dataclass(frozen=True)
class Request:
    """A request 申请 of the handling unit that command has not decided yet. `until` is the day on which a suspension
    would end.
    """

    kind: RequestKind
    unit: str
    asked_by: str
    asked_at: datetime
    reason: str
    until: datetime | None = None


@dataclass(frozen=True)
class Urging:
    """An urging 督办 of the command centre, numbered from 1, with its own limit and reply. `missed`: the limit ran out
    unanswered.
    """

    number: int
    unit: str
    urged_by: str
    urged_at: datetime
    due_at: datetime
    replied_at: datetime | None = None
    missed: bool = False


class PartKind(StrEnum):
    ASSIST = "assist"
    SUMMONS = "summons"


@dataclass(frozen=True)
class Part:
    """What another unit has to do with a case: to assist 协办 with a task of its own, or to come when a street whistles
    吹哨报到. `due_at` is its own limit, which takes nothing from the lead unit's.
    """

    kind: PartKind
    unit: str
    task: str | None
    asked_at: datetime
    due_at: datetime | None = None
    done_at: datetime | None = None
    missed: bool = False


@dataclass(frozen=True)
class Appeal:
    """An appeal 申诉 against an overdue mark: reviewed by command, decided by supervision, once."""

    unit: str
    asked_by: str
    asked_at: datetime
    reason: str
    recommended: bool | None = None
    reviewed_by: str | None = None
    approved: bool | None = None


class Deadline(NamedTuple):
    """An instant at which something other than a stage's clock falls due. `key` names it on its case:
    `suspension`, `task`, `urging:2`, `assist:roads`, `summons:roads`.
    """

    key: str
    due_at: datetime


@dataclass(frozen=True)
class Matters:
    """All of that together. `extensions` and `suspensions` count what was approved; `returned_by` is the unit whose
    return was approved, until the case is dispatched again, `passed_on` are those that sent it on to a partner.
    `task_since` is when the open task was given, `task_due` when it goes to the next person. `level` is the number of
    area segments of the level that answers for the case (None: the lowest): it falls as the case climbs.
    """

    request: Request | None = None
    extensions: int = 0
    suspensions: int = 0
    suspended_until: datetime | None = None
    returned_by: str | None = None
    passed_on: tuple[str, ...] = ()
    urgings: tuple[Urging, ...] = ()
    parts: tuple[Part, ...] = ()
    meeting_at: datetime | None = None
    appeal: Appeal | None = None
    exempt: bool = False
    level: int | None = None
    task_since: datetime | None = None
    task_due: datetime | None = None
    self_handled: bool = False
    spot_checked: bool = False
    reopened_as: UUID | None = None
    reopened_from: UUID | None = None
    merged_into: UUID | None = None

    def deadlines(self) -> list[Deadline]:
        """What of it has an instant to reach, in no order."""
        found = [Deadline("suspension", self.suspended_until)] if self.suspended_until else []
        if self.task_due:
            found.append(Deadline("task", self.task_due))
        found += [
            Deadline(f"urging:{urging.number}", urging.due_at)
            for urging in self.urgings
            if not urging.missed and urging.replied_at is None
        ]
        found += [
            Deadline(f"{part.kind}:{part.unit}", part.due_at)
            for part in self.parts
            if part.due_at and not part.missed and part.done_at is None
        ]
        return found

    def asks(self, ended: bool) -> list[str]:
        """What of it waits for somebody, beside the status: `request`, `urging:<unit>`, `assist:<unit>`,
        `summons:<unit>`, `appeal_review`, `appeal_decision`. Of a case that ended only its appeal does.
        """
        appeal = self.appeal if self.appeal and self.appeal.approved is None else None
        found = ["appeal_decision" if appeal.recommended is not None else "appeal_review"] if appeal else []
        if ended:
            return found
        found += ["request"] if self.request else []
        found += [f"urging:{urging.unit}" for urging in self.urgings if urging.replied_at is None]
        return found + [f"{part.kind}:{part.unit}" for part in self.parts if part.done_at is None]

    def open_part(self, kind: PartKind, unit: str | None) -> Part | None:
        """The part of this kind that `unit` has not done yet."""
        return next((p for p in self.parts if p.kind is kind and p.unit == unit and p.done_at is None), None)


NOTHING_OPEN = Matters()
