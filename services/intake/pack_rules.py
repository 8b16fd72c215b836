"""From a pack to what intake decides by: the catalogue, the forms, the sources, in the domain's own terms."""

from datetime import date, datetime

from services.intake.commands.admit_report import ReportRules
from services.intake.commands.at_address import AreaNames
from services.intake.domain.catalogue import ALWAYS, Alias, Catalogue, Entry, Span, TurnTo
from services.intake.domain.form import Field
from services.intake.domain.source import Source, Sources
from shared.kernel.clock import Clock
from shared.packs import Pack
from shared.packs.model import Attribute, Category, Dated


def report_rules(pack: Pack, clock: Clock) -> ReportRules:
    """What the pack asks of a report."""
    return ReportRules(_catalogue(pack, clock), _sources(pack))


def area_names(pack: Pack) -> AreaNames:
    """The names by which an address may call the pack's areas."""
    return AreaNames(pack.levels[-1].key, len(pack.levels))


def _catalogue(pack: Pack, clock: Clock) -> Catalogue:
    zone = pack.zone

    def today() -> date:
        now: datetime = clock()
        return now.astimezone(zone).date()

    entries, aliases = {}, {}
    for category in pack.categories.values():
        entries[category.code] = _entry(pack, category)
        for other in category.codes:
            standard = pack.standards[other.standard]
            aliases[other.key] = Alias(category.code, other.standard, standard.number, _span(standard))
        if category.standard is not None:
            standard = pack.standards[category.standard]
            own = f"{category.standard}:{category.kind}:{category.code}"
            aliases[own] = Alias(category.code, category.standard, standard.number, _span(standard))
    return Catalogue(entries, aliases, today)


def _entry(pack: Pack, category: Category) -> Entry:
    to = pack.admission.turn_to(category.code) if pack.admission is not None else None
    return Entry(
        category.code,
        category.name.zh,
        category.name.en,
        tuple(_field(name, attribute) for name, attribute in pack.attributes_of(category.code)),
        _span(category),
        category.instead,
        None if to is None else TurnTo(to.zh, to.en, to.phone),
    )


def _field(name: str, attribute: Attribute) -> Field:
    return Field(
        name,
        attribute.zh,
        attribute.en,
        attribute.type,
        attribute.required,
        tuple(attribute.values),
        attribute.min,
        attribute.max,
    )


def _span(dated: Dated) -> Span:
    return ALWAYS if dated.begins is None and dated.ends is None else Span(dated.begins, dated.ends)


def _sources(pack: Pack) -> Sources:
    known = {
        key: Source(key, source.zh, source.en, frozenset(source.needs), source.public)
        for key, source in pack.sources.items()
    }
    of_post = {post: key for key, source in pack.sources.items() for post in source.posts}
    return Sources(known, of_post, pack.anonymous)
