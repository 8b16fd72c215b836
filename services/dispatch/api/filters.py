"""What lists, counts, maps and exports are filtered by: the same for all of them."""

from typing import Annotated

from fastapi import Depends, Query

from services.dispatch.api.asking import Area
from services.dispatch.domain.case import Status
from services.dispatch.domain.search import terms
from services.dispatch.queries.cases import Wanted
from shared.http import Instant
from shared.kernel.errors import FieldError, Invalid

Text = Annotated[str | None, Query(min_length=1, max_length=64, pattern=r"^[^\x00]+$")]
Code = Annotated[str, Query(min_length=1, max_length=64, pattern=r"^[^\x00]+$")]
Time = Annotated[Instant | None, Query(description="RFC 3339 with offset: 2026-11-25T00:00:00Z")]


class EmptySpan(Invalid):
    slug, title, title_zh = "empty-span", "A time that ends before it begins", "时间范围无效"


def wanted(
    area: Area,
    status: Annotated[list[Status] | None, Query(description="may be given several times")] = None,
    category: Annotated[list[Code] | None, Query(description="may be given several times")] = None,
    unit: Annotated[Text, Query(description="the lead unit 主办单位")] = None,
    overdue: Annotated[bool | None, Query(description="its handling is overdue 超期")] = None,
    warned: Annotated[bool | None, Query(description="the running clock has passed 80 % 预警")] = None,
    source: Text = None,
    opened_from: Time = None,
    opened_until: Time = None,
    due_from: Annotated[Time, Query(description="of handling, like the case's due_at")] = None,
    due_until: Time = None,
    number: Annotated[Text, Query(description="the whole case number 案卷号")] = None,
    q: Annotated[
        Text, Query(description="words in the description, the number or an address; each of two characters or more")
    ] = None,
) -> Wanted:
    """The filters as they were given. Raises WordTooShort, EmptySpan."""
    for name, start, end in (("opened", opened_from, opened_until), ("due", due_from, due_until)):
        if start and end and end <= start:
            raise EmptySpan(
                f"{name}_until must be later than {name}_from",
                errors=[FieldError(f"?{name}_until", f"later than {name}_from")],
            )
    return Wanted(
        area=area,
        statuses=status,
        categories=category,
        unit=unit,
        overdue=overdue,
        warned=warned,
        source=source,
        opened_from=opened_from,
        opened_until=opened_until,
        due_from=due_from,
        due_until=due_until,
        number=number,
        terms=terms(q) if q is not None else None,
    )


Filters = Annotated[Wanted, Depends(wanted)]
