"""Days and times at which areas change, or are looked at."""

from datetime import date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from services.intake.domain.area import BadEffective
from shared.kernel.errors import FieldError

# Of the last days that a calendar has, no other zone's day can be told.
YEARS: Final = range(1900, 9999)


def time_of(text: str, zone: ZoneInfo, pointer: str) -> datetime:
    """A day (`2027-01-01`: its first moment in the city's own time) or an RFC 3339 time with an offset.

    Raises BadEffective, naming `pointer`.
    """
    try:
        if len(text) == len("2027-01-01"):
            found = datetime.combine(date.fromisoformat(text), time(), zone)
        else:
            # A plus sign in an address that was not escaped arrives as a space.
            found = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        if found.tzinfo is not None and found.year in YEARS:
            return found
    except ValueError:
        pass
    raise BadEffective(
        f"{text[:40]!r} is neither a day nor a time with an offset",
        errors=[FieldError(pointer, "a day such as 2027-01-01, or a time such as 2027-01-01T00:00:00+08:00")],
    )
