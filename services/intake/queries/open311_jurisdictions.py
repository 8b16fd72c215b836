"""Jurisdictions: the parts of the city that an endpoint of Open311 serves, by the names that clients send."""

from collections.abc import Mapping
from typing import NamedTuple

from services.intake.domain.open311 import UnknownJurisdiction
from shared.kernel.area import AreaPath
from shared.kernel.errors import FieldError, Invalid
from shared.packs import Pack


class Jurisdiction(NamedTuple):
    """A name, and the area whose reports it means; the root: the whole city."""

    name: str
    area: AreaPath


_CITY = AreaPath.root()


def jurisdiction(pack: Pack, named: Mapping[str, str], asked: str | None) -> Jurisdiction:
    """The one asked for. The whole city goes by the pack's name and by its area path, unless the settings name several:
    then one must be said. Raises Invalid, UnknownJurisdiction.
    """
    if asked is None and not named:
        return Jurisdiction(pack.name, _CITY)
    whole = AreaPath(next(iter(named.values()), ""))
    known = {name: AreaPath(area) for name, area in named.items()}
    if len(named) < 2:
        known = {name: whole for name in (pack.name, pack.area) if name} | known
    if asked is None:
        if len(named) > 1:
            words = f"this endpoint serves several: {', '.join(sorted(named))}"
            raise Invalid(f"jurisdiction_id is missing; {words}", errors=[FieldError("?jurisdiction_id", words)])
        return Jurisdiction(pack.name, whole)
    if asked not in known:
        raise UnknownJurisdiction(
            f"there is no jurisdiction {asked[:80]!r}; there are {', '.join(sorted(known))}",
            errors=[FieldError("?jurisdiction_id", "no such jurisdiction")],
        )
    return Jurisdiction(asked, known[asked])
