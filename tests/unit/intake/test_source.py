"""Sources: which a report has when it says none, and what each must bring."""

from typing import Any

import pytest

from services.intake.domain.report import Asked, AtPoint, Origin, Reporter
from services.intake.domain.source import (
    Source,
    SourceIncomplete,
    Sources,
    UnknownSource,
    check_source,
    default_source,
)
from shared.kernel.place import Datum

SOURCES = Sources(
    {
        each.key: each
        for each in (
            Source("app", "应用", "app", public=True),
            Source("hotline", "热线", "hotline", frozenset({"contact"}), public=True),
            Source("video", "视频", "video", frozenset({"media"})),
            Source("transfer", "部门移送", "transfer", frozenset({"number", "name"})),
            Source("desk", "受理台", "desk"),
            Source("grid_worker", "网格员", "grid worker"),
        )
    },
    {"acceptor": "desk"},
)
ALONE = Asked("01001", "井盖", AtPoint(116.3, 39.9, Datum.WGS84), None, "", {}, None, ())


def asked(**fields: Any) -> Asked:
    return ALONE._replace(**fields)


@pytest.mark.parametrize(
    ("post", "source"),
    [(None, "app"), ("acceptor", "desk"), ("grid_worker", "grid_worker"), ("a post without a source", "app")],
)
def test_a_report_that_says_none_has_that_of_its_caller(post: str | None, source: str) -> None:
    assert default_source(SOURCES, post) == source


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("app", {}),
        ("hotline", {"reporter": Reporter(phone="13800000000")}),
        ("hotline", {"reporter": Reporter(email="a@example.org")}),
        ("video", {"media": ("one",)}),
        ("transfer", {"origin": Origin("移〔2026〕7号", "区住建委")}),
    ],
)
def test_a_source_that_brings_what_it_must_is_taken(source: str, fields: dict[str, Any]) -> None:
    check_source(SOURCES, source, asked(**fields))


@pytest.mark.parametrize(
    ("source", "fields", "pointers"),
    [
        ("hotline", {}, ["/reporter"]),
        ("hotline", {"reporter": Reporter(name="王女士")}, ["/reporter"]),
        ("hotline", {"reporter": Reporter(phone="")}, ["/reporter"]),
        ("video", {}, ["/media"]),
        ("transfer", {}, ["/origin/number", "/origin/name"]),
        ("transfer", {"origin": Origin("7")}, ["/origin/name"]),
    ],
)
def test_one_that_does_not_is_refused_by_what_is_missing(
    source: str, fields: dict[str, Any], pointers: list[str]
) -> None:
    with pytest.raises(SourceIncomplete) as refused:
        check_source(SOURCES, source, asked(**fields))
    assert [e.pointer for e in refused.value.errors] == pointers


def test_a_source_that_the_city_does_not_have_is_refused() -> None:
    with pytest.raises(UnknownSource) as refused:
        check_source(SOURCES, "rumour", ALONE)
    assert refused.value.errors[0].pointer == "/source"
    assert "hotline" in refused.value.errors[0].message


def test_a_pack_without_sources_takes_every_one() -> None:
    check_source(Sources({}, {}), "rumour", ALONE)


def test_the_public_stays_anonymous_only_where_the_city_lets_it() -> None:
    strict = SOURCES._replace(anonymous=False)
    check_source(strict, "desk", ALONE)
    check_source(strict, "app", asked(reporter=Reporter(phone="13800000000")))
    with pytest.raises(SourceIncomplete) as refused:
        check_source(strict, "app", ALONE)
    assert [e.pointer for e in refused.value.errors] == ["/reporter"]
