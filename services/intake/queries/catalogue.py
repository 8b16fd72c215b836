"""The catalogue 目录: what may be reported, and within which limit it is handled. Read from the pack."""

from typing import Literal

from pydantic import BaseModel

from shared.auth import Principal, authorize
from shared.http import BadCursor, Listing, decode_cursor, encode_cursor
from shared.packs import Pack


class Name(BaseModel):
    zh: str
    en: str


class LimitView(BaseModel):
    """`unit`: `work_…` counts working time only, `urgent_…` runs through nights and holidays."""

    amount: int
    unit: str


class ConditionView(BaseModel):
    """A filing condition 立案条件; the limit belongs to it."""

    key: str
    name: Name
    limit: LimitView


class CategoryView(BaseModel):
    """A component 部件 or a matter 事项."""

    code: str
    name: Name
    kind: Literal["component", "matter"]
    conditions: list[ConditionView]


def catalogue(pack: Pack) -> list[CategoryView]:
    """Every category of the pack, in its order. Built once for a process: a pack does not change while it runs."""
    return [
        CategoryView(
            code=category.code,
            name=Name(zh=category.name.zh, en=category.name.en),
            kind=category.kind,
            conditions=[
                ConditionView(
                    key=condition.key,
                    name=Name(zh=condition.name.zh, en=condition.name.en),
                    limit=LimitView(amount=condition.limit.amount, unit=condition.limit.unit),
                )
                for condition in category.conditions
            ],
        )
        for category in pack.categories.values()
    ]


def allowed(views: list[CategoryView], who: Principal, *, cursor: str | None, limit: int) -> Listing[CategoryView]:
    """A page of those the caller may report. Raises BadCursor."""
    authorize(who, "catalogue:read")
    mine = views if who.categories is None else [view for view in views if view.code in who.categories]
    start = 0
    if cursor is not None:
        after = decode_cursor(cursor, 1)[0]
        codes = [view.code for view in mine]
        if after not in codes:
            raise BadCursor("give the 'next' of the page before, unchanged, or leave it out")
        start = codes.index(after) + 1
    page = mine[start : start + limit]
    following = encode_cursor(page[-1].code) if start + limit < len(mine) else None
    return Listing(items=page, next=following)
