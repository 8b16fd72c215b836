"""The catalogue 目录: what may be reported, and within which limit it is handled. Read from the pack."""

from datetime import date
from typing import Literal

from pydantic import BaseModel

from shared.auth import Principal, authorize
from shared.http import BadCursor, Listing, decode_cursor, encode_cursor
from shared.packs import Pack
from shared.packs.model import Attribute, Category, Text


class Name(BaseModel):
    zh: str
    en: str


class LimitView(BaseModel):
    """`unit`: `work_…` counts working time only, `urgent_…` runs through nights and holidays."""

    amount: int
    unit: str


class ConditionView(BaseModel):
    """A filing condition 立案条件; the limit belongs to it. `source` says whose figure the limit is."""

    key: str
    name: Name
    limit: LimitView
    source: str


class ValueView(BaseModel):
    """What a choice may be."""

    key: str
    name: Name


class AttributeView(BaseModel):
    """An attribute 属性 of reports of the category. `values` are those of a choice or of choices; `min` and `max`, both
    included, those of a number.
    """

    key: str
    name: Name
    type: Literal["text", "number", "boolean", "datetime", "choice", "choices"]
    required: bool
    description: Name | None
    values: list[ValueView]
    min: float | None
    max: float | None


class StandardView(BaseModel):
    """The standard 标准 that the code is of. `note` says what is known of it."""

    key: str
    number: str
    title: Name
    note: Name | None


class OtherCodeView(BaseModel):
    """What another standard calls it: a report may name it so, as `key`. `note`: how that is known."""

    key: str
    standard: str
    kind: Literal["component", "matter"]
    code: str
    note: str


class TurnToView(BaseModel):
    """Who sees to what the grids may not be asked for."""

    name: Name
    phone: str


class CategoryView(BaseModel):
    """A component 部件 or a matter 事项. In effect from `effective_from` to `effective_until`, both days included;
    `instead` is what to report while it is not. `turn_to` is set for what is not on the admission list 准入清单.
    """

    code: str
    name: Name
    kind: Literal["component", "matter"]
    conditions: list[ConditionView]
    attributes: list[AttributeView]
    standard: StandardView | None
    codes: list[OtherCodeView]
    effective_from: date | None
    effective_until: date | None
    instead: str | None
    admitted: bool
    turn_to: TurnToView | None


def catalogue(pack: Pack) -> list[CategoryView]:
    """Every category of the pack, in its order. Built once for a process: a pack does not change while it runs."""
    return [_view(pack, category) for category in pack.categories.values()]


def _view(pack: Pack, category: Category) -> CategoryView:
    to = pack.admission.turn_to(category.code) if pack.admission is not None else None
    return CategoryView(
        code=category.code,
        name=_name(category.name),
        kind=category.kind,
        conditions=[
            ConditionView(
                key=condition.key,
                name=_name(condition.name),
                limit=LimitView(amount=condition.limit.amount, unit=condition.limit.unit),
                source=condition.source,
            )
            for condition in category.conditions
        ],
        attributes=[_attribute(name, each) for name, each in pack.attributes_of(category.code)],
        standard=None if category.standard is None else _standard(category.standard, pack),
        codes=[
            OtherCodeView(key=each.key, standard=each.standard, kind=each.kind, code=each.code, note=each.note)
            for each in category.codes
        ],
        effective_from=category.begins,
        effective_until=category.ends,
        instead=category.instead,
        admitted=to is None,
        turn_to=None if to is None else TurnToView(name=_name(to), phone=to.phone),
    )


def _attribute(name: str, attribute: Attribute) -> AttributeView:
    return AttributeView(
        key=name,
        name=_name(attribute),
        type=attribute.type,
        required=attribute.required,
        description=None if attribute.description is None else _name(attribute.description),
        values=[ValueView(key=key, name=_name(text)) for key, text in attribute.values.items()],
        min=attribute.min,
        max=attribute.max,
    )


def _standard(key: str, pack: Pack) -> StandardView:
    of = pack.standards[key]
    note = None if of.note is None else _name(of.note)
    return StandardView(key=key, number=of.number, title=_name(of.title), note=note)


def _name(text: Text) -> Name:
    return Name(zh=text.zh, en=text.en)


def allowed(
    views: list[CategoryView], who: Principal, *, standard: str | None, cursor: str | None, limit: int
) -> Listing[CategoryView]:
    """A page of those the caller may report, or those of them that `standard` has a code for. Raises BadCursor."""
    authorize(who, "catalogue:read")
    mine = views if who.categories is None else [view for view in views if view.code in who.categories]
    if standard is not None:
        mine = [view for view in mine if _known_to(view, standard)]
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


def _known_to(view: CategoryView, standard: str) -> bool:
    own = view.standard is not None and view.standard.key == standard
    return own or any(each.standard == standard for each in view.codes)
