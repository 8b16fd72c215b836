"""Admit a report: what is asked of it before its place is looked for. Nothing is read but what the process holds."""

from typing import NamedTuple

from services.intake.domain.catalogue import POINTER, Catalogue, entry_of
from services.intake.domain.form import check_form
from services.intake.domain.report import Asked
from services.intake.domain.source import Sources, check_source, default_source
from shared.auth import OutsideScope, Principal
from shared.kernel.errors import FieldError


class ReportRules(NamedTuple):
    """What the city asks of a report: its pack's, fixed as long as the process runs."""

    catalogue: Catalogue
    sources: Sources


def admit(rules: ReportRules, who: Principal, asked: Asked) -> Asked:
    """The report with the catalogue's own code for its category, and with a source.

    Raises UnknownCategory, NotInEffect, NotAdmitted, UnfitAttributes, UnknownSource, SourceIncomplete, and OutsideScope
    if the caller's key does not hold this category.
    """
    entry = entry_of(rules.catalogue, asked.category)
    if who.categories is not None and entry.code not in who.categories:
        raise OutsideScope(
            f"{who.subject} may report {', '.join(sorted(who.categories))}, not {entry.code}",
            errors=[FieldError(POINTER, "outside the key's categories")],
            facts={"category": entry.code},
        )
    if entry.form:
        check_form(entry.form, asked.attributes)
    source = asked.source or default_source(rules.sources, who.post)
    check_source(rules.sources, source, asked)
    if asked.category == entry.code and asked.source:
        return asked
    return asked._replace(category=entry.code, source=source)
