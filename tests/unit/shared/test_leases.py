"""What the answers say of a key's limits, and areas that are several."""

import time

import pytest

from shared.kernel.area import AreaPath, AreaPaths
from shared.leases import Lease


def fields(lease: Lease) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in lease.fields()}


def test_a_rate_is_shown_in_both_forms():
    lease = Lease("k", 20, None)
    lease.tokens, lease.left = 3, 9.7
    assert fields(lease) == {
        "ratelimit-policy": '"second";q=20;w=1',
        "ratelimit": '"second";r=12;t=1',
        "ratelimit-limit": "20",
        "ratelimit-remaining": "12",
        "ratelimit-reset": "1",
    }


def test_the_old_form_shows_what_is_nearer_its_end():
    lease = Lease("k", 20, 1000)
    lease.tokens, lease.left, lease.used = 5, 15.0, 995
    lease.day_ends = time.monotonic() + 3600
    shown = fields(lease)
    assert shown["ratelimit-policy"] == '"second";q=20;w=1, "day";q=1000;w=86400'
    assert shown["ratelimit"] in ('"second";r=20;t=1, "day";r=10;t=3600', '"second";r=20;t=1, "day";r=10;t=3601')
    assert (shown["ratelimit-limit"], shown["ratelimit-remaining"]) == ("1000", "10")


def areas(*paths: str) -> AreaPath:
    return AreaPaths.of([AreaPath(path) for path in paths])


def test_several_areas_cover_what_one_of_them_covers():
    both = areas("110108.011", "110108.012.003")
    assert both.covers("110108.011.002")
    assert both.covers("110108.012.003")
    assert not both.covers("110108.012")
    assert not both.covers("110108.01")
    assert both.covers(areas("110108.011.001", "110108.012.003.004"))
    assert not both.covers(areas("110108.011.001", "110108.013"))
    assert AreaPath("110108").covers(both)
    assert not AreaPath("110108.011").covers(both)
    assert AreaPath.root().covers(both)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["110108"], "110108"),
        (["110108", "110108.011"], "110108"),
        (["110108.011", "110108"], "110108"),
        (["110108.011", "110108.011"], "110108.011"),
        (["", "110108"], ""),
    ],
)
def test_areas_within_one_another_are_one(given: list[str], kept: str):
    found = areas(*given)
    assert found == kept
    assert type(found) is AreaPath


def test_where_one_path_is_understood_several_are_none_and_not_all():
    both = areas("110108.011", "110108.012")
    assert both  # the empty path would be the whole city
    for path in ("110108.011", "110108.011.001", "110108", "110108.012"):
        assert not AreaPath(str(both)).covers(path)
