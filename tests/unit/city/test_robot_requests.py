"""What the robots post: the same requests at the same places in every run."""

from pathlib import Path

import pytest
import shapely
from shapely.geometry import shape

from services.city.robots.requests import MARK, NotRequests, placed, read_requests, report_of
from shared.packs import Pack, load
from shared.packs.geography import areas
from shared.packs.loader import PACKS

FILE = PACKS / "nyc-311" / "requests.csv"


@pytest.fixture(scope="module")
def haidian() -> Pack:
    return load("haidian")


def test_reads_every_request_with_its_own_time_and_place() -> None:
    requests = read_requests(FILE)
    assert len(requests) == 924
    assert sum(request.place is None for request in requests) == 11
    assert requests[0].created_at.isoformat() == "2022-05-01T00:00:03-04:00"
    assert len(read_requests(FILE, limit=5)) == 5


def test_in_haidian_each_located_request_is_played_inside_a_grid_the_same_every_time(haidian: Pack) -> None:
    requests = read_requests(FILE)
    played = placed(requests, haidian)
    assert played == placed(requests, haidian)
    tree = shapely.STRtree([shape(area.geometry) for area in areas(haidian) if area.level == "grid"])
    for before, request in zip(requests, played, strict=True):
        assert (request.place is None) == (before.place is None)
        if request.place:
            assert len(tree.query(shapely.Point(request.place), predicate="intersects")) == 1


def test_in_new_york_they_are_played_where_they_happened() -> None:
    requests = read_requests(FILE)
    assert placed(requests, load("nyc-311")) == requests


@pytest.mark.parametrize("name", ["haidian", "nyc-311"])
def test_every_complaint_type_becomes_a_category_of_the_pack(name: str) -> None:
    pack = load(name)
    for request in read_requests(FILE):
        assert report_of(request, pack)["category"] in pack.categories


def test_a_report_says_what_was_complained_of_and_is_marked_as_played(haidian: Pack) -> None:
    request = read_requests(FILE, limit=1)[0]
    report = report_of(request, haidian)
    assert report["description"] == f"Noise - Residential: Loud Music/Party {MARK}"
    assert report["attributes"]["agency"] == "NYPD"
    assert "occurred_at" not in report
    assert report_of(request, load("nyc-311"))["occurred_at"] == "2022-05-01T00:00:03-04:00"


def test_a_request_without_coordinates_is_posted_without_a_place(haidian: Pack) -> None:
    unlocated = next(request for request in placed(read_requests(FILE), haidian) if request.place is None)
    assert "location" not in report_of(unlocated, haidian)


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("a,b\n1,2\n", "has no column 'Unique Key'"),
        (
            "Unique Key,Created Date,Agency,Complaint Type,Descriptor,Latitude,Longitude\n1,yesterday,,,,,\n",
            "line 2: time",
        ),
    ],
)
def test_says_what_is_wrong_with_a_file(tmp_path: Path, text: str, finding: str) -> None:
    path = tmp_path / "requests.csv"
    path.write_text(text)
    with pytest.raises(NotRequests, match=finding):
        read_requests(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotRequests, match=r"nowhere\.csv cannot be read \(No such file or directory\)"):
        read_requests(tmp_path / "nowhere.csv")
