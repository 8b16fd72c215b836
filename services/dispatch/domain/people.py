"""Handling units 处置单位 and persons 人员 as they are imported: what an entry is, and what is wrong with one."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from services.dispatch.domain.case import Centre, Post
from services.dispatch.domain.register import Entry, Finding, Given
from shared.kernel.area import AreaPath

NO_CENTRE: Final = "none"
# Which centre a post belongs to. Posts that act on no case (evaluator, auditor, admin, subscriber) belong to none.
CENTRE_OF: Final[Mapping[str, str]] = {
    Post.ACCEPTOR: Centre.SUPERVISION,
    Post.SHIFT_LEADER: Centre.SUPERVISION,
    Post.SUPERVISOR: Centre.ON_SITE,
    Post.GRID_WORKER: Centre.ON_SITE,
    Post.GRID_LEADER: Centre.ON_SITE,
    Post.DISPATCHER: Centre.COMMAND,
    Post.COMMAND_LEADER: Centre.COMMAND,
    Post.UNIT_CLERK: Centre.UNIT,
    "evaluator": NO_CENTRE,
    "auditor": NO_CENTRE,
    "admin": NO_CENTRE,
    "subscriber": NO_CENTRE,
}


class UnitFields(NamedTuple):
    """A handling unit. `area` is where it works, empty for everywhere; `leader` the subject of who leads it."""

    name_zh: str
    name_en: str
    dept: str
    area: AreaPath
    leader: str | None


class PersonFields(NamedTuple):
    """A person in a post. `unit` is what a unit_clerk acts for; `area` what the person sees, empty for everything."""

    name: str
    phone: str | None
    post: str
    unit: str | None
    area: AreaPath


def check_units(given: Sequence[Given], departments: Collection[str], city: AreaPath) -> list[Finding]:
    """Departments and areas that the city does not have, names that are missing."""
    found = []
    for row in given:
        unit = UnitFields(*row.fields)
        if unit.dept not in departments:
            known = ", ".join(sorted(departments))
            found.append(Finding(f"line {row.line}, dept", f"{unit.dept!r} is no department of the pack: {known}"))
        if unit.area and not city.covers(unit.area):
            found.append(Finding(f"line {row.line}, area", f"{unit.area} lies outside the city, {city}"))
        for column, value in (("name_zh", unit.name_zh), ("name_en", unit.name_en)):
            if not value:
                found.append(Finding(f"line {row.line}, {column}", "missing: how people call the unit"))
    return found


def check_persons(given: Sequence[tuple[Given, str | None]], units: Collection[str], city: AreaPath) -> list[Finding]:
    """Posts that do not exist, a second centre, units that do not exist, areas outside the city.

    Each row comes with the centre that the file states, where it does. `units` are those true now or to come.
    """
    found, centres = [], _centres(given)
    for row, stated in given:
        person = PersonFields(*row.fields)
        own = CENTRE_OF.get(person.post)
        if own is None:
            found.append(
                Finding(f"line {row.line}, post", f"{person.post!r} is no post; posts: {', '.join(CENTRE_OF)}")
            )
            continue
        if stated is not None and stated != own:
            found.append(
                Finding(
                    f"line {row.line}, centre",
                    f"{row.key} as {person.post} belongs to the centre {own}, not {stated}: a person holds one centre",
                )
            )
        if len(both := centres[row.key]) > 1:
            found.append(
                Finding(
                    f"line {row.line}, post",
                    f"{row.key} would hold posts of two centres, {' and '.join(sorted(both))}: nobody acts for two; "
                    "keep one line, or end the one post (valid_until) in one import and give the other in the next",
                )
            )
        if not person.name:
            found.append(Finding(f"line {row.line}, name", "missing: the person's name"))
        found += _unit(row, person, units)
        if person.area and not city.covers(person.area):
            found.append(Finding(f"line {row.line}, area", f"{person.area} lies outside the city, {city}"))
    return found


def _centres(given: Iterable[tuple[Given, str | None]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row, _ in given:
        post = PersonFields(*row.fields).post
        found.setdefault(row.key, set()).update({CENTRE_OF[post]} if post in CENTRE_OF else ())
    return found


def _unit(row: Given, person: PersonFields, units: Collection[str]) -> list[Finding]:
    if person.unit is None:
        if person.post == Post.UNIT_CLERK:
            return [Finding(f"line {row.line}, unit", f"missing: {row.key} is a unit_clerk and acts for one unit")]
        return []
    if person.post != Post.UNIT_CLERK:
        return [Finding(f"line {row.line}, unit", f"must be empty: a {person.post} acts for no handling unit")]
    if person.unit not in units:
        return [Finding(f"line {row.line}, unit", f"there is no unit {person.unit!r}: wangge units import it first")]
    return []


def reach(entry: Entry | None) -> AreaPath | None:
    """The area in which a person can answer tasks on the spot; None for whoever is in no post for that."""
    person = PersonFields(*entry.fields) if entry else None
    return person.area if person and CENTRE_OF.get(person.post) == Centre.ON_SITE else None


def masked(phone: str | None) -> str | None:
    """A telephone number 电话 as lists show it: the first three and the last two digits of it at the most."""
    if phone is None:
        return None
    if len(phone) < 7:
        return "*" * len(phone)
    return phone[:3] + "*" * (len(phone) - 5) + phone[-2:]
