"""Which case a report belongs to, as the facts of cases tell it: what every follower of reports must decide alike."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Belonging(NamedTuple):
    """A report's case. `handed`: it came to this case from another, by a merge 并案, a reopening 重开, or
    because it was merged and is no more 解除合并.
    """

    case_id: str
    handed: bool

    def yields_to(self, other: "Belonging") -> bool:
        """Whether `other`, heard later, is the report's case from now on. What was handed over is taken away by another
        hand-over alone; otherwise the younger case counts (ids are UUIDv7, in the order of their birth).
        """
        if other.case_id == self.case_id:
            return False
        return other.handed or (not self.handed and self.case_id < other.case_id)


def belongings(fact: Mapping[str, Any]) -> dict[str, Belonging]:
    """Report id → case, by one fact of a case (its JSON)."""
    reports, case_id = fact.get("reports") or (), fact["case_id"]
    act = fact.get("act")
    handed = set(fact.get("new_reports") or ()) if act == "absorb" else ()
    if act == "open" and (fact.get("reopened_from") or fact.get("apart_from")):
        handed = set(reports)
    return {report: Belonging(case_id, report in handed) for report in reports}
