"""Pages of lists, and their cursors: each says of which list it is, and is refused by any other."""

import hashlib
import re
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.dispatch.store.lists import Place
from shared.http import BadCursor, decode_cursor, encode_cursor
from shared.kernel.errors import FieldError, Invalid

_PARTS = 5
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?\+00")
_SNAPSHOT = re.compile(r"(\d{1,18}):(\d{1,18}):((?:\d{1,18})(?:,\d{1,18})*)?")


class CursorOfOtherList(Invalid):
    slug, title, title_zh = "cursor-of-other-list", "This cursor is of another list", "游标与筛选或排序条件不符"


class Page(NamedTuple):
    """A page of a list, and the cursor of the one after it; None on the last."""

    items: list[Any]
    next: str | None


def bad_cursor() -> BadCursor:
    return BadCursor("this cursor is not of this list", errors=[FieldError("?cursor", "not a cursor of this list")])


def fingerprint(*asked: object) -> str:
    """Of what a list was asked for: another filter or order is another list."""
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:12]


def place_cursor(list_: str, place: Place) -> str:
    """Where a page of the list with this fingerprint ended. By age, `waits` and `snapshot` are empty."""
    return encode_cursor("case", list_, place.waits, str(place.id), place.snapshot)


def place_of(cursor: str | None, list_: str) -> Place | None:
    """Where the page before ended; None without a cursor. Raises BadCursor, CursorOfOtherList."""
    if cursor is None:
        return None
    parts = decode_cursor(cursor, _PARTS)
    kind, of, waits, id_, snapshot = parts
    if kind != "case" or not all(isinstance(part, str) for part in parts):
        raise bad_cursor()
    if of != list_:
        raise CursorOfOtherList(
            "give a cursor back with the filters and the sort of the page it came with; for others begin without one",
            errors=[FieldError("?cursor", "made with other filters or another sort")],
        )
    if not (_instant(waits) and _snapshot(snapshot)):
        raise bad_cursor()
    try:
        return Place(waits, UUID(id_), snapshot)
    except ValueError:
        raise bad_cursor() from None


def _instant(text: str) -> bool:
    if text in ("", "infinity"):
        return True
    try:
        return bool(_INSTANT.fullmatch(text) and datetime.fromisoformat(text))
    except ValueError:
        return False


def _snapshot(text: str) -> bool:
    """Whether PostgreSQL would read it: xmin:xmax:those in between, in order."""
    if not text:
        return True
    match = _SNAPSHOT.fullmatch(text)
    if match is None:
        return False
    xmin, xmax = int(match[1]), int(match[2])
    running = [int(each) for each in match[3].split(",")] if match[3] else []
    return 0 < xmin <= xmax and running == sorted(set(running)) and all(xmin <= each < xmax for each in running)
