"""Persons 人员 and duty rosters 值班表."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from services.dispatch.api.asking import Area, At, Parts, sight_of
from services.dispatch.api.shapes import DutyShape, PersonShape, RosterShape
from services.dispatch.queries import people
from services.dispatch.queries.people import PeopleWanted
from shared.auth import Caller, authorize
from shared.http import Cursor, Listing, PageLimit

router = APIRouter(prefix="/v1", tags=["people 人员"])

Text = Annotated[str | None, Query(min_length=1, max_length=64, pattern=r"^[^\x00]+$")]


@router.get("/persons", summary="Persons in a post")
async def list_persons(
    who: Caller,
    parts: Parts,
    area: Area,
    post: Text = None,
    unit: Text = None,
    at: At = None,
    left_with_tasks: Annotated[
        bool, Query(description="instead: those who left their post, and whom open tasks still wait for")
    ] = False,
    cursor: Cursor = None,
    limit: PageLimit = 50,
) -> Listing[PersonShape]:
    authorize(who, "people:read")
    if left_with_tasks:
        left = await people.left_with_tasks(parts.pool, sight_of(who))
        return Listing(items=[PersonShape(**person) for person in left])
    wanted = PeopleWanted(area, post, unit)
    page = await people.list_persons(parts.pool, sight_of(who), wanted, at, cursor, limit)
    return Listing(items=[PersonShape(**person) for person in page.items], next=page.next)


@router.get("/persons/{subject}", summary="One person, with the telephone number")
async def get_person(
    who: Caller, parts: Parts, subject: Annotated[str, Path(max_length=200, pattern=r"^[^\x00]+$")]
) -> PersonShape:
    authorize(who, "people:read")
    return PersonShape(**await people.find_person(parts.pool, sight_of(who), subject))


@router.get("/roster", summary="Who is on duty in an area, and its roster")
async def get_roster(
    who: Caller, parts: Parts, area: Area, at: At = None, cursor: Cursor = None, limit: PageLimit = 50
) -> RosterShape:
    authorize(who, "people:read")
    watch = await people.watch(parts.pool, parts.duty, who.area, area, at, cursor, limit)
    items = [DutyShape(**row) for row in watch.page.items]
    subject, why = watch.assignment
    return RosterShape(area=area, at=watch.at, on_duty=subject, why=why, items=items, next=watch.page.next)
