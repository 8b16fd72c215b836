"""Score cards 评价."""

from datetime import UTC
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BeforeValidator

from services.evaluation.domain.period import FORMS, Cohort, month_of, parse_period
from services.evaluation.domain.posts import POSTS
from services.evaluation.queries.pages import page
from services.evaluation.queries.scorecards import Asked, ObjectKind, ScoreCard, scorecards
from services.evaluation.wiring import Wired
from shared.auth import Caller, Principal, authorize
from shared.http import AREA, Cursor, Instant, Listing, PageLimit, decode_cursor, encode_cursor, refusals, wired_of
from shared.kernel.area import AreaPath
from shared.kernel.errors import FieldError, Forbidden, Invalid

router = APIRouter(tags=["scorecards"])


class OnlyOwnUnit(Forbidden):
    slug, title, title_zh = "only-own-unit", "A handling unit sees its own scores", "处置单位只能查看本单位评价"


class BadPost(Invalid):
    slug, title, title_zh = "bad-post", "Not a post that is evaluated", "岗位无效"


def _plus(value: Any) -> Any:
    # `+08:00` in a query string, not escaped, arrives as ` 08:00`.
    return value.strip().replace(" ", "+") if isinstance(value, str) else value


@router.get("/v1/scorecards", summary="Score cards of regions, units and posts 评价", responses=refusals(404))
async def get_scorecards(
    request: Request,
    who: Caller,
    object: Annotated[ObjectKind, Query(description="what is evaluated: 区域, 处置单位 or 岗位")],
    area: Annotated[
        str | None,
        Query(description="cases in this area and below it; left out: the caller's whole area", json_schema_extra=AREA),
    ] = None,
    unit: Annotated[
        str | None, Query(description="only cases with this handling unit", pattern=r"^[^\x00]*$", max_length=100)
    ] = None,
    post: Annotated[str | None, Query(description="object=post: this post, and each person that acted in it")] = None,
    period: Annotated[str | None, Query(description=f"{FORMS}, where the city is; left out: the present month")] = None,
    cohort: Annotated[
        Cohort, Query(description="cases filed 立案 in the period or, for filing_rate 立案率, reported in it")
    ] = "filed",
    as_of: Annotated[
        Instant | None,
        BeforeValidator(_plus),
        Query(description="the instant that open cases are compared with; left out: now"),
    ] = None,
    children: Annotated[bool, Query(description="object=region: also a card for each area directly below")] = True,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> Listing[ScoreCard]:
    """Counters and rates of the cases of a period; `GET /v1/indicators` says what each means.

    *region*: the area's own card first, then one for each area directly below it. *unit*: one card a handling unit, or
    the one asked for. *post*: one card a post; with `post=`, that post's card first and then one for each person in it.

    The counters are of all facts known now; `as_of` moves the instant that deadlines of open cases are compared with.
    A rate is in per cent, and null where there was nothing to do.
    """
    wired: Wired = wired_of(request)
    path = who.area if area is None else AreaPath.parse(area, "?area") if area else AreaPath.root()
    authorize(who, "scores:read", path)
    now = wired.clock()
    zone = wired.pack.zone
    asked = Asked(
        object=object,
        cohort=cohort,
        period=month_of(now, zone) if period is None else parse_period(period, zone),
        area=path,
        as_of=(as_of or now).astimezone(UTC),
        unit=_unit_within_reach(who, object, unit),
        post=_known_post(post),
        children=children,
    )
    cards = await scorecards(wired.pool, wired.pack, asked)
    after = str(decode_cursor(cursor, 1)[0]) if cursor else None
    shown, following = page(cards, after, limit)
    return Listing(items=shown, next=encode_cursor(following) if following is not None else None)


def _unit_within_reach(who: Principal, object_: ObjectKind, unit: str | None) -> str | None:
    if who.unit is None or who.post != "unit_clerk":
        return unit
    if object_ != "unit" or unit not in (None, who.unit):
        raise OnlyOwnUnit(
            f"{who.subject} belongs to {who.unit}: ask with object=unit, and with unit={who.unit} or no unit",
            facts={"unit": who.unit},
        )
    return who.unit


def _known_post(post: str | None) -> str | None:
    if post is None or post in POSTS:
        return post
    words = f"one of {', '.join(POSTS)}"
    raise BadPost(f"{post[:40]!r} is not a post that is evaluated; it is {words}", errors=[FieldError("?post", words)])
