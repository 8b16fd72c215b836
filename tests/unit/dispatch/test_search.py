"""What is searched, and how a word finds it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dispatch.domain.search import WordTooShort, grams, normal, searched, terms


def test_forms_and_case_make_no_difference() -> None:
    assert normal("ＡＢＣ　１２３") == "abc 123"
    assert normal("STRASSE  ﬁx") == normal("straße FIX")
    assert normal("㎡") == "m2"
    assert normal("a\x00b") == "ab"


def test_number_description_addresses_and_component_are_searched_and_nothing_else() -> None:
    attributes = {
        "address": "清华园路 1号",
        "incident_address": "12 MAIN ST",
        "详细地址": "五道口",
        "agency": "DOT",
        "address_no": 5,
        "component": "11010801001000001",
    }
    text = searched("YC20261125000001", "井盖破损", attributes)
    assert text.split("\n") == [
        "yc20261125000001",
        "井盖破损",
        "清华园路 1号",
        "12 main st",
        "五道口",
        "11010801001000001",
    ]


@pytest.mark.parametrize("query", ["井", " ", "井盖 破", "a"])
def test_a_word_of_one_character_is_refused(query: str) -> None:
    with pytest.raises(WordTooShort) as refused:
        terms(query)
    assert refused.value.errors[0].pointer == "?q"


def test_a_query_is_its_words_each_once() -> None:
    assert terms("井盖  破损 井盖 ＡＢ") == ["井盖", "破损", "ab"]


@given(text=st.text(max_size=40), start=st.integers(0, 40), length=st.integers(2, 12))
def test_every_part_of_a_text_has_none_but_keys_of_the_text(text: str, start: int, length: int) -> None:
    words = normal(text)
    part = words[start : start + length]
    assert set(grams(part)) <= set(grams(words))


@given(st.text())
def test_keys_fit_a_column_of_signed_32_bits(text: str) -> None:
    found = grams(normal(text))
    assert found == sorted(set(found))
    assert all(-(2**31) <= key < 2**31 for key in found)


@given(st.text())
def test_what_is_normal_stays_so(text: str) -> None:
    assert normal(normal(text)) == normal(text)
