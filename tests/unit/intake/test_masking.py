import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.masking import mask


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("联系电话13812345678，请尽快", "联系电话138********，请尽快"),
        ("电话：138 1234 5678", "电话：138 **** ****"),
        ("打 138-1234-5678 找王先生", "打 138-****-**** 找王先生"),
        ("+86 13812345678", "+86 1**********"),
        ("手机１３８１２３４５６７８", "手机１３８********"),
        ("居委会座机010-62345678", "居委会座机010-********"),
        ("(0371)6234567", "(037*)*******"),
        ("电话 62345678", "电话 ********"),
        ("身份证110108199003071234", "身份证110108************"),
        ("身份证 11010819900307123X。", "身份证 110108************。"),
        ("110108 1990 0307 123x", "110108 **** **** ****"),
        ("旧证110108900307123", "旧证110108*********"),
        ("车牌京A12345挡路", "车牌京A*****挡路"),
        ("京A·12345 占道", "京A·***** 占道"),
        ("新能源 京AD12345", "新能源 京A******"),
        ("沪a8b8c8", "沪a*****"),
        ("粤Z1234港", "粤Z*****"),
        ("京Ａ１２３４５", "京Ａ*****"),
        ("豫A1234挂", "豫A*****"),
        ("使 123456 停在门口", "使 1***** 停在门口"),
        ("call (212) 555-0187 or 212-555-0187", "call (212) ***-**** or 212-***-****"),
        ("写信 li.lei@example.com", "写信 l*.***@*******.***"),
        ("a@b.cn", "a@*.**"),
        ("WJ1234", "WJ****"),
        ("a car, wj 12345, in the drive", "a car, wj *****, in the drive"),
    ],
)
def test_what_names_a_person_is_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "井盖破损，位于中关村大街27号",
        "路灯不亮，编号 0102-33",
        "2026年11月23日 08:30 发现积水，约15平方米",
        "Noise - Residential, Loud Music/Party, 5th floor, zip 10027",
        "",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert mask(text) == text


def test_a_fifteen_digit_number_is_taken_for_an_old_identity_card() -> None:
    assert mask("网格 110108012003017") == "网格 110108*********"


def test_several_in_one_text() -> None:
    assert mask("京A12345车主13812345678和13912345678") == "京A*****车主138********和139********"


@given(st.text("WwJj0123456789@.+ab()x ", min_size=1, max_size=30))
def test_a_text_without_chinese_is_searched_for_the_same(text: str) -> None:
    assert mask(f"{text} 。") == f"{mask(text)} 。"


@given(st.text(max_size=200))
def test_the_length_never_changes(text: str) -> None:
    assert len(mask(text)) == len(text)


@given(st.text(max_size=20), st.integers(13_000_000_000, 19_999_999_999), st.text(max_size=20))
def test_a_mobile_number_never_gets_through(before: str, number: int, after: str) -> None:
    if (before[-1:].isdigit() or before[-1:] == ".") or after[:1].isdigit():
        return
    assert str(number) not in mask(f"{before}{number}{after}")


@pytest.mark.parametrize(
    "time", ["2026-05-01", "2026-05-01T08:30:00+08:00", "2026-05-01 08:30", "1999-12-31T23:59:59.123456Z"]
)
def test_a_point_in_time_stays_as_it_is(time: str) -> None:
    assert mask(time) == time


@pytest.mark.parametrize("text", ["2026-05-01 13812345678", "2026-05-01T13812345678", "138-1234-5678"])
def test_what_only_begins_like_one_is_masked(text: str) -> None:
    assert "5678" not in mask(text)
