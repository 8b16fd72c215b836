"""The form of a category: every wrong or missing attribute is named, with what would be right."""

from typing import Any

import pytest

from services.intake.domain.form import Field, UnfitAttributes, check_form

FORM = (
    Field("depth_cm", "深度", "depth", "number", least=0, most=500),
    Field("note", "说明", "note", "text"),
    Field("lit", "有灯", "lit", "boolean"),
    Field("since", "开始时间", "since", "datetime"),
    Field("obstacle", "占用物", "obstacle", "choice", required=True, values=("vehicle", "goods")),
    Field("risk", "危及", "risk", "choices", values=("people", "vehicles")),
)
GOOD: dict[str, Any] = {"obstacle": "goods"}


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"depth_cm": 0},
        {"depth_cm": 500.0},
        {"note": "路口北侧"},
        {"lit": False},
        {"since": "2026-11-23T08:00:00+08:00"},
        {"since": "2026-11-23T00:00:00.5Z"},
        {"risk": ["people"]},
        {"risk": ["vehicles", "people"]},
        {"depth_cm": None, "risk": None},
        {"asked by nobody": {"kept": ["as", "it", "is"]}},
    ],
)
def test_what_fits_is_taken(attributes: dict[str, Any]) -> None:
    check_form(FORM, GOOD | attributes)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("depth_cm", "12", "a number of at least 0 and at most 500"),
        ("depth_cm", True, "a number of at least 0"),
        ("depth_cm", -0.1, "at least 0"),
        ("depth_cm", 501, "at most 500"),
        ("depth_cm", float("nan"), "a number"),
        ("note", 7, "a text of 1 to 2,000 characters"),
        ("note", "", "a text of 1 to"),
        ("note", "长" * 2001, "2,000 characters"),
        ("lit", 1, "true or false"),
        ("lit", "true", "true or false"),
        ("since", "2026-11-23T08:00:00", "RFC 3339 with offset"),
        ("since", "2026-02-30T08:00:00Z", "RFC 3339"),
        ("since", "20261123T080000Z", "RFC 3339"),
        ("since", 1763856000, "RFC 3339"),
        ("obstacle", "snow", "one of vehicle, goods"),
        ("obstacle", ["goods"], "one of vehicle, goods"),
        ("obstacle", None, "required: one of vehicle, goods"),
        ("risk", "people", "a list of one or more of people, vehicles"),
        ("risk", [], "a list of one or more"),
        ("risk", ["people", "people"], "each once"),
        ("risk", ["people", "dogs"], "one or more of people, vehicles"),
        ("risk", [["people"]], "one or more of people, vehicles"),
    ],
)
def test_what_does_not_is_refused_with_what_would_be_right(name: str, value: Any, wanted: str) -> None:
    with pytest.raises(UnfitAttributes) as refused:
        check_form(FORM, GOOD | {name: value})
    (error,) = refused.value.errors
    assert error.pointer == f"/attributes/{name}"
    assert wanted in error.message


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(UnfitAttributes) as refused:
        check_form(FORM, {"depth_cm": "x", "note": 1, "lit": 0})
    assert [e.pointer.rpartition("/")[2] for e in refused.value.errors] == ["depth_cm", "note", "lit", "obstacle"]
    assert refused.value.detail.endswith("and 1 more")


def test_null_is_the_same_as_left_out() -> None:
    with pytest.raises(UnfitAttributes, match="required"):
        check_form(FORM, {"obstacle": None})
