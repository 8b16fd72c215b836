"""What the routes of areas answer with."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from services.intake.commands.import_areas import Checked, Imported
from services.intake.commands.plan_areas import Plan, Planned
from services.intake.domain.area import KIND_ZH, Finding, Kind
from shared.contracts.base import Point

# A file of 10⁵ areas may have as many findings; the picture and this list show the first of them.
MOST_FINDINGS = 1_000


class FindingView(BaseModel):
    """One thing that is wrong with areas, or is only `noted`; `where` is its feature or line in the file."""

    kind: Kind
    kind_zh: str
    where: str
    message: str
    size_m2: float | None
    at: Point | None
    noted: bool


class AreasTaken(BaseModel):
    """How many areas were defined anew or changed, stood already as given, or were retired, and what was noted.

    With `dry_run` nothing was changed, and `findings` is all that is wrong. With a `plan` it is to come: `counts` are
    what it would be now. `version` is that of the areas as a whole, null where nothing was changed.
    """

    defined: int
    unchanged: int
    retired: int
    version: int | None = None
    dry_run: bool = False
    plan: UUID | None = None
    effective_at: datetime | None = None
    counts: dict[Kind, int] = {}
    findings: list[FindingView] = []


class PlanView(BaseModel):
    """A change that takes effect on a day: waiting, done, refused (`wrong` says why) or withdrawn."""

    id: UUID
    status: str
    effective_at: datetime
    planned_at: datetime
    planned_by: str
    note: str | None
    areas: int
    settled_at: datetime | None
    version: int | None
    wrong: dict[str, Any] | None


class VersionView(BaseModel):
    """A change of the areas: from when it counts, when and by whom it was made."""

    version: int
    valid_from: datetime
    made_at: datetime
    made_by: str
    note: str | None
    defined: int
    retired: int


def findings_of(found: Sequence[Finding]) -> dict[str, Any]:
    counts: dict[Kind, int] = {}
    for finding in found:
        counts[finding.kind] = counts.get(finding.kind, 0) + 1
    return {
        "counts": counts,
        "findings": [
            FindingView(
                kind=f.kind,
                kind_zh=KIND_ZH[f.kind],
                where=f.where,
                message=f.message,
                size_m2=None if f.size_m2 is None else round(f.size_m2, 1),
                at=None if f.at is None else Point(lon=f.at.lon, lat=f.at.lat),
                noted=f.noted,
            )
            for f in found[:MOST_FINDINGS]
        ],
    }


def taken(done: Imported | Checked | Planned) -> AreasTaken:
    """The answer to a change that was made, looked at, or planned."""
    if isinstance(done, Imported):
        return AreasTaken(
            defined=done.defined,
            unchanged=done.unchanged,
            retired=done.retired,
            version=done.version,
            **findings_of(done.noted),
        )
    checked = done.checked if isinstance(done, Planned) else done
    answer = AreasTaken(
        defined=checked.defined,
        unchanged=checked.unchanged,
        retired=checked.retired,
        **findings_of(checked.found),
    )
    if isinstance(done, Planned):
        return answer.model_copy(update={"plan": done.plan.id, "effective_at": done.plan.effective_at})
    return answer.model_copy(update={"dry_run": True})


def plan_view(plan: Plan) -> PlanView:
    return PlanView(**{name: value for name, value in plan._asdict().items() if name in PlanView.model_fields})
