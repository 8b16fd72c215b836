"""What a request asks, from its address: format, jurisdiction, times, pages, boxes. An empty parameter is none."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

from fastapi import Request

from services.intake.api.open311.rendering import Format
from services.intake.domain.open311 import MOST_UNPAGED
from services.intake.queries.open311_jurisdictions import Jurisdiction, jurisdiction
from services.intake.wiring import Wired
from shared.http import wired_of
from shared.kernel.errors import FieldError, Invalid, NotFound

PAGE_SIZE: Final = 50
MOST_PAGE_SIZE: Final = 500
LAST_PAGE: Final = 1_000_000
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?(\d{1,15}(\.\d{0,20})?|\.\d{1,20})([eE][+-]?\d{1,2})?", re.ASCII)


class NoSuchFormat(NotFound):
    slug, title, title_zh = "no-such-format", "The formats are xml and json", "仅支持 xml 和 json"


class Multi(Protocol):
    """Parameters by name, each with all its values: of an address or of a form."""

    def getlist(self, key: Any) -> list[Any]: ...


class Page(NamedTuple):
    """`number` counts from 1. `unpaged`: the client did not ask for pages, and has the protocol's first 1,000."""

    number: int
    size: int
    unpaged: bool

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size


def wired(request: Request) -> Wired:
    parts: Wired = wired_of(request)
    return parts


def format_asked(request: Request) -> Format:
    """Raises NoSuchFormat."""
    form = request.path_params["format"]
    if form not in ("xml", "json"):
        raise NoSuchFormat(f"there is no format {form[:20]!r}: the address ends in .xml or .json")
    return "json" if form == "json" else "xml"


def one(given: Multi, name: str, mark: str = "?") -> str | None:
    """The one value of a parameter; None for none. Raises Invalid for several: which of them holds nobody can say."""
    values = [value for value in given.getlist(name) if value != ""]
    if len(values) > 1:
        raise Invalid(
            f"{name} is given {len(values)} times; give it once",
            errors=[FieldError(mark + name, "given more than once")],
        )
    return values[0] if values else None


def many(given: Multi, name: str) -> list[str]:
    """A comma list, which may be given several times; nothing is left of what stands between two commas."""
    return [part.strip() for value in given.getlist(name) for part in value.split(",") if part.strip()]


def place_asked(request: Request, form: Multi | None = None) -> Jurisdiction:
    """The jurisdiction that the address names, or the form. Raises Invalid, UnknownJurisdiction."""
    named = one(request.query_params, "jurisdiction_id") if request.scope["query_string"] else None
    said = None if form is None else one(form, "jurisdiction_id", "/")
    if named and said and named != said:
        words = "the address names another jurisdiction than the form"
        raise Invalid(words, errors=[FieldError("/jurisdiction_id", words)])
    parts = wired(request)
    return jurisdiction(parts.pack, parts.settings.open311_jurisdictions, named or said)


def moment(given: Multi, name: str, mark: str = "?") -> datetime | None:
    """A time of the W3C's profile of ISO 8601, with its zone. Raises Invalid."""
    text = one(given, name, mark)
    if text is None:
        return None
    # Sent bare, the plus of +08:00 arrives as a space: many clients forget to write it as %2B.
    text = text.strip().replace(" ", "+")
    try:
        if _MOMENT.fullmatch(text) and 1970 <= int(text[:4]) <= 9998:
            return datetime.fromisoformat(text.upper())
    except ValueError:
        pass
    right = "a time with its zone, such as 2026-11-27T08:00:00Z or 2026-11-27T16:00:00+08:00"
    raise Invalid(f"{name} {text[:60]!r} is not {right}", errors=[FieldError(mark + name, f"must be {right}")])


def page_asked(given: Multi) -> Page:
    """Raises Invalid."""
    number, size = _whole(given, "page", 0, LAST_PAGE), _whole(given, "page_size", 1, MOST_PAGE_SIZE)
    if number is None and size is None:
        return Page(1, MOST_UNPAGED, True)
    return Page(max(1, number or 1), size or PAGE_SIZE, False)


def box_asked(given: Multi) -> tuple[float, float, float, float] | None:
    """West, south, east, north in degrees. Raises Invalid."""
    text = one(given, "bbox")
    if text is None:
        return None
    right = "four numbers: west,south,east,north, in degrees, such as 116.2,39.8,116.4,40.0"
    numbers = [number(part) for part in text.split(",")]
    known = [each for each in numbers if each is not None]
    if len(numbers) == len(known) == 4:
        west, south, east, north = known
        if -180 <= west <= east <= 180 and -90 <= south <= north <= 90:
            return west, south, east, north
        if -180 <= south <= north <= 180 and -90 <= west <= east <= 90:
            right += "; latitude and longitude seem to be swapped"
    raise Invalid(f"bbox {text[:80]!r} is not {right}", errors=[FieldError("?bbox", f"must be {right}")])


def number(text: str) -> float | None:
    """A number as people and programs write it; None for anything else, also for NaN and infinity."""
    return float(text) if _NUMBER.fullmatch(text.strip()) else None


def truth(given: Multi, name: str) -> bool:
    """Raises Invalid."""
    text = (one(given, name) or "false").lower()
    if text in ("true", "1", "yes"):
        return True
    if text in ("false", "0", "no"):
        return False
    raise Invalid(f"{name} {text[:20]!r} is not true or false", errors=[FieldError(f"?{name}", "true or false")])


def known_ids(texts: list[str]) -> list[UUID]:
    """Those that could be ids of ours, each once, in their order; the others are ids of nothing."""
    found: dict[UUID, None] = {}
    for text in texts:
        try:
            found[UUID(text)] = None
        except ValueError:
            continue
    return list(found)


def page_headers(total: int, page: Page, request: Request) -> Mapping[str, str]:
    """How many there are in all, and where the pages before and after this one are (RFC 8288)."""
    last = max(1, -(-total // page.size))
    headers = {
        "X-Total-Count": str(total),
        "X-Total-Pages": str(last),
        "X-Page": str(page.number),
        "X-Page-Size": str(page.size),
    }
    links = []
    if page.number < last and not page.unpaged:
        links.append((page.number + 1, "next"))
    if page.number > 1:
        links.append((min(page.number - 1, last), "prev"))
    if links:
        headers["Link"] = ", ".join(
            f'<{request.url.include_query_params(page=number)}>; rel="{name}"' for number, name in links
        )
    return headers


def _whole(given: Multi, name: str, least: int, most: int) -> int | None:
    text = one(given, name)
    if text is None:
        return None
    if re.fullmatch(r"\d{1,9}", text, re.ASCII) and least <= int(text) <= most:
        return int(text)
    right = f"a whole number from {least} to {most:,}"
    raise Invalid(f"{name} {text[:20]!r} is not {right}", errors=[FieldError(f"?{name}", f"must be {right}")])
