"""Real requests, read from a CSV file in the form of New York's 311, and the reports that an app makes of them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from services.city.trouble import Trouble
from shared.packs import Pack
from shared.packs.geography import draw_places
from shared.packs.tables import lines

NEW_YORK = ZoneInfo("America/New_York")
CREATED = "%m/%d/%Y %I:%M:%S %p"
COLUMNS = ("Unique Key", "Created Date", "Agency", "Complaint Type", "Descriptor", "Latitude", "Longitude")
MARK = "[NYC 311]"
"""Ends the description of every report that the robots post, so that they know their cases again after a restart."""


class Request(NamedTuple):
    """One request. `place` is longitude and latitude, None where the record has no coordinates."""

    key: str
    complaint: str
    descriptor: str
    agency: str
    created_at: datetime
    place: tuple[float, float] | None


class NotRequests(Trouble):
    """The file is not a table of 311 requests; says what is missing."""


def read_requests(path: Path, limit: int | None = None) -> list[Request]:
    """The first `limit` requests of the file, all without it. Raises NotRequests."""
    try:
        return list(islice(_read(path), limit))
    except OSError as error:
        raise NotRequests(f"{path} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise NotRequests(f"{path} is not UTF-8 text") from error


def _read(path: Path) -> Iterator[Request]:
    for line, row in lines(path):
        if missing := [column for column in COLUMNS if column not in row]:
            raise NotRequests(f"{path} has no column {missing[0]!r}; a file of 311 requests has {', '.join(COLUMNS)}")
        try:
            located = row["Latitude"] and row["Longitude"]
            yield Request(
                row["Unique Key"],
                row["Complaint Type"],
                row["Descriptor"],
                row["Agency"],
                datetime.strptime(row["Created Date"], CREATED).replace(tzinfo=NEW_YORK),
                (float(row["Longitude"]), float(row["Latitude"])) if located else None,
            )
        except ValueError as error:
            raise NotRequests(f"{path} line {line}: {error}") from error


def placed(requests: Sequence[Request], pack: Pack) -> list[Request]:
    """The requests where this pack plays them: where they happened, or at places drawn from the pack's fixed seed.

    A request without coordinates stays without a place, so that its report is refused here as it would be there.
    """
    if pack.demo.places == "own":
        return list(requests)
    places = draw_places(pack, len(requests))
    return [r._replace(place=place) if r.place else r for r, place in zip(requests, places, strict=True)]


def report_of(request: Request, pack: Pack) -> dict[str, Any]:
    """What the app posts. A complaint type that the pack does not know is posted as it is, for the city to refuse."""
    what = request.complaint if request.descriptor in ("", "N/A") else f"{request.complaint}: {request.descriptor}"
    report: dict[str, Any] = {
        "category": pack.demo.categories.get(request.complaint, request.complaint),
        "description": f"{what} {MARK}",
        "attributes": {
            "complaint_type": request.complaint,
            "descriptor": request.descriptor,
            "agency": request.agency,
            "created_at": request.created_at.isoformat(),
        },
    }
    if request.place:
        report["location"] = {"lon": request.place[0], "lat": request.place[1]}
    if pack.demo.places == "own":
        report["occurred_at"] = request.created_at.isoformat()
    return report
