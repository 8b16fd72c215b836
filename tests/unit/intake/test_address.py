"""An address in words, as far as it names one area."""

import pytest

from services.intake.domain.address import AmbiguousAddress, NamedArea, UnknownAddress, area_named
from shared.kernel.area import AreaPath

AREAS = [
    NamedArea(AreaPath(path), name)
    for path, name in (
        ("110108", "海淀区"),
        ("110108.001", "万寿路街道"),
        ("110108.001.001", "翠微路社区居委会"),
        ("110108.001.002", "翠微路21号社区"),
        ("110108.001.003", "和平社区"),
        ("110108.002", "清河街道"),
        ("110108.002.001", "和平社区"),
        ("110108.002.002", "美和园社区"),
        ("110108.002.003", "和园社区"),
    )
]


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("海淀区万寿路街道翠微路社区 5 号楼前", "110108.001.001"),
        ("翠微路社区", "110108.001.001"),
        ("翠微路21号社区东门", "110108.001.002"),
        ("万寿路街道和平社区", "110108.001.003"),
        ("北京市海淀区清河街道办事处和平社区居委会门口", "110108.002.001"),
        ("美和园社区对面", "110108.002.002"),
    ],
)
def test_an_address_that_names_one_community_is_there(address: str, path: str) -> None:
    assert area_named(address, AREAS, 3).path == path


@pytest.mark.parametrize("address", ["朝阳区", "翠微路", "和平里", "", "万寿路 5 号"])
def test_an_address_that_names_none_is_refused(address: str) -> None:
    with pytest.raises(UnknownAddress) as refused:
        area_named(address, AREAS, 3)
    assert refused.value.errors[0].pointer == "/location/address"


@pytest.mark.parametrize(
    ("address", "candidates"),
    [
        ("和平社区 3 号楼", ["110108.001.003", "110108.002.001"]),
        ("海淀区和平社区", ["110108.001.003", "110108.002.001"]),
        ("清河街道主街", ["110108.002.001", "110108.002.002", "110108.002.003"]),
        ("海淀区", ["110108.001", "110108.002"]),
        ("翠微路社区和美和园社区之间", ["110108.001.001", "110108.002.002"]),
    ],
)
def test_one_that_may_mean_several_names_them(address: str, candidates: list[str]) -> None:
    with pytest.raises(AmbiguousAddress) as refused:
        area_named(address, AREAS, 3)
    found = refused.value.facts["candidates"]
    assert isinstance(found, list)
    assert [each["path"] for each in found] == candidates


def test_at_the_most_twenty_are_named() -> None:
    many = [NamedArea(AreaPath(f"1.{n:03}.001"), "幸福社区") for n in range(30)]
    with pytest.raises(AmbiguousAddress, match="may mean 30 areas") as refused:
        area_named("幸福社区", many, 3)
    found = refused.value.facts["candidates"]
    assert isinstance(found, list)
    assert len(found) == 20


def test_english_names_are_found_whatever_their_case() -> None:
    york = [NamedArea(AreaPath("MN"), "Manhattan"), NamedArea(AreaPath("MN.01"), "Manhattan 01")]
    assert area_named("MANHATTAN 01, Broadway", york, 2).path == "MN.01"
