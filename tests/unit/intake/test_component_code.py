"""Codes of components: both forms, and which digits are wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.component_code import BadComponentCode, Codes, ComponentCode, refused

KINDS = {"01001": "供水井盖", "01077": "综合杆", "05009": "文物古迹"}
HAIDIAN = Codes(KINDS, "110108")
ANYWHERE = Codes(KINDS, None)


@pytest.mark.parametrize(
    ("text", "kind", "standard"),
    [
        ("11010801001000001", "01001", "GB/T 47678.5-2026"),
        ("11010801077123456", "01077", "GB/T 47678.5-2026"),
        ("1101080101000001", "01001", "GB/T 30428.2-2013"),
        ("1101080509999999", "05009", "GB/T 30428.2-2013"),
    ],
)
def test_both_forms_name_the_same_kinds(text: str, kind: str, standard: str) -> None:
    code = HAIDIAN.read(text)
    assert isinstance(code, ComponentCode)
    assert (str(code.number), code.kind, code.standard) == (text, kind, standard)


def test_the_code_seen_in_suzhou_is_one() -> None:
    assert ANYWHERE.read("3205080101000001") == ComponentCode(3205080101000001, "01001")


@pytest.mark.parametrize(
    ("text", "digits", "said"),
    [
        ("", [(1, 1)], "17 digits"),
        ("1101080100100000", [(9, 10)], "make"),  # sixteen: one digit too few is read as the old form
        ("110108010010000011", [(1, 18)], "17 digits"),
        ("1101080100100000O", [(17, 17)], "no digit"),
        ("１1010801001000001", [(1, 1)], "no digit"),
        ("11010501001000001", [(1, 6)], "110108"),
        ("11010806001000001", [(7, 8)], "01 to 05"),
        ("11010801078000001", [(9, 11)], "01078"),
        ("1101080177000001", [], ""),
        ("11010801001000000", [(12, 17)], "000001"),
        ("11010506001000000", [(1, 6), (7, 8), (12, 17)], "01 to 05"),
    ],
)
def test_wrong_digits_are_named_with_what_would_be_right(text: str, digits: list[tuple[int, int]], said: str) -> None:
    found = HAIDIAN.read(text)
    if not digits:  # 77 with its leading zero is a kind of the new form, and read so
        assert isinstance(found, ComponentCode)
        return
    assert isinstance(found, list)
    assert [(each.first, each.last) for each in found] == digits
    assert said in " ".join(map(str, found))


def test_without_a_division_of_its_own_a_city_takes_every_province() -> None:
    assert isinstance(ANYWHERE.read("44030501001000001"), ComponentCode)
    found = ANYWHERE.read("99030501001000001")
    assert isinstance(found, list)
    assert [(each.first, each.last) for each in found] == [(1, 2)]


def test_a_refusal_points_at_each_wrong_part() -> None:
    found = HAIDIAN.read("11010506001000001")
    assert isinstance(found, list)
    refusal = refused("11010506001000001", found, "/code")
    assert isinstance(refusal, BadComponentCode)
    assert [error.pointer for error in refusal.errors] == ["/code", "/code"]
    assert "GB/T 47678.5-2026" in refusal.detail


@given(st.text(max_size=20))
def test_whatever_is_read_is_a_code_or_says_why_not(text: str) -> None:
    found = HAIDIAN.read(text)
    assert isinstance(found, ComponentCode) or found


def test_what_is_remembered_of_others_codes_is_bounded() -> None:
    codes = Codes({f"01{n:03}" for n in range(1000)}, None)
    for division in range(110000, 110020):
        for minor in range(1000):
            codes.read(f"{division}01{minor:03}000001")
    assert len(codes._known) <= 10_000
