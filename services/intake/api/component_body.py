"""The body of a component as clients send it."""

from datetime import date
from typing import Annotated

from pydantic import Field

from services.intake.commands.receive_report import in_grid
from services.intake.components.rows import nobody, wrong_attributes
from services.intake.domain.component import LONGEST, BadComponent, Component, State
from services.intake.domain.component_code import Codes, ComponentCode, refused
from services.intake.domain.report import AtPoint
from services.intake.grids.index import GridIndex
from shared.http import Body
from shared.kernel.errors import FieldError
from shared.kernel.place import Datum, to_wgs84

Name = Annotated[str | None, Field(min_length=1, max_length=LONGEST["name"])]
Unit = Annotated[str | None, Field(min_length=1, max_length=LONGEST["owner"], description="its code, or its name")]
_POINT = {"allow_inf_nan": False}


class ComponentLocation(Body):
    """Degrees, of `datum`; its grid is found."""

    lon: Annotated[float, Field(ge=-180, le=180, **_POINT)]
    lat: Annotated[float, Field(ge=-90, le=90, **_POINT)]
    datum: Datum = Datum.WGS84


class ComponentBody(Body):
    """A component 部件 as it is to stand: what is left out is not known. Its kind is in its code."""

    location: ComponentLocation
    name: Name = Field(None, description="left out: its kind's")
    state: State = State.INTACT
    authority: Unit = None
    authority_name: Name = None
    owner: Unit = None
    owner_name: Name = None
    maintainer: Unit = None
    maintainer_name: Name = None
    surveyed_on: date | None = None
    changed_on: date | None = None
    data_source: Name = None
    note: Annotated[str | None, Field(max_length=LONGEST["note"])] = None
    former_code: str | None = Field(None, description="the code it had under the other standard")
    successor: str | None = Field(None, description="what took its place")
    attributes: dict[str, str | bool | int | float] = Field(
        default_factory=dict, description="the city's own, such as material 材质"
    )


def code_of(text: str, codes: Codes, pointer: str) -> ComponentCode:
    """Raises BadComponentCode, saying which digits are wrong."""
    found = codes.read(text)
    if isinstance(found, list):
        raise refused(text, found, pointer)
    return found


def component_of(code: ComponentCode, body: ComponentBody, codes: Codes, name: str, grids: GridIndex) -> Component:
    """The component that `body` describes. Raises BadComponentCode, BadComponent, OutsideEveryGrid."""
    former = None if body.former_code is None else code_of(body.former_code, codes, "/former_code").number
    successor = None if body.successor is None else code_of(body.successor, codes, "/successor").number
    for pointer, other in (("/former_code", former), ("/successor", successor)):
        if other == code.number:
            raise _bad(pointer, "is the component's own code")
    if body.surveyed_on and body.changed_on and body.changed_on < body.surveyed_on:
        raise _bad("/changed_on", f"{body.changed_on} is before surveyed_on, {body.surveyed_on}")
    if trouble := wrong_attributes(body.attributes):
        raise _bad("/attributes", f"{trouble[0]}; right would be {trouble[1]}")
    sent = AtPoint(body.location.lon, body.location.lat, body.location.datum)
    place = to_wgs84(*sent)
    return Component(
        code.number,
        code.kind,
        in_grid(grids, sent, place, grids.locate(place)),
        place.lon,
        place.lat,
        body.state.value,
        body.name or name,
        _unit(body.authority, body.authority_name),
        body.authority_name,
        owner := _unit(body.owner, body.owner_name),
        body.owner_name if owner else None,
        _unit(body.maintainer, body.maintainer_name),
        body.maintainer_name,
        body.surveyed_on,
        body.changed_on,
        body.data_source,
        body.note,
        former,
        successor,
        body.attributes or None,
    )


def _unit(code: str | None, called: str | None) -> str | None:
    if not nobody(code):
        return code
    return None if nobody(called) else called


def _bad(pointer: str, why: str) -> BadComponent:
    return BadComponent(f"{pointer[1:]} {why}", errors=[FieldError(pointer, why)])
