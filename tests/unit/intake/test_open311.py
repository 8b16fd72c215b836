"""What a case is to Open311, what a form may say, and how an answer is written: pure."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import UUID
from xml.etree.ElementTree import Element

import orjson
import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.dispatch.domain.case import Act, Status
from services.intake.api.open311.rendering import Format, rendered
from services.intake.domain.open311 import (
    ANSWERS,
    ENDED,
    EXTENDED,
    MOVES,
    STATUSES,
    TOLD,
    SpanTooLong,
    born,
    extended_status,
    id_floor,
    plain_status,
    update_id,
    window,
    words_of,
)
from services.intake.domain.open311_form import BadField, check_description, check_urls, read_back, reporter, written
from services.intake.domain.report import Reporter
from shared.kernel.errors import Invalid
from shared.kernel.ids import uuid7

NOW = datetime(2026, 11, 27, 1, 2, 3, 400_000, tzinfo=UTC)


def test_every_act_that_is_told_is_one_of_dispatchs() -> None:
    assert TOLD.keys() <= {act.value for act in Act}
    assert TOLD.keys() >= ANSWERS
    assert TOLD.keys() >= MOVES


def test_open_or_closed_as_dispatch_sees_it() -> None:
    assert {status.value for status in Status if status.terminal} == ENDED
    assert {plain_status(status) for status in Status} == set(STATUSES)
    assert plain_status(None) == "open"


def test_every_finer_status_is_one_of_the_extension() -> None:
    found = {extended_status(act, status.value) for act in [*TOLD, None, "urge"] for status in Status}
    assert found <= set(EXTENDED)
    assert set(EXTENDED) <= found
    assert extended_status(None, None) == "OPEN"


def test_words_of_what_happened() -> None:
    assert words_of("dispatch", "排水 Drainage", None) == "已派遣 passed to the unit responsible: 排水 Drainage"
    assert words_of("accept", "排水", None) == "已受理 accepted"
    assert words_of("decline", None, "不属本市") == "不予受理 not accepted. 不属本市"


def test_an_update_has_a_name_of_its_own() -> None:
    case, other, report = uuid7(), uuid7(), uuid7()
    names = {update_id(c, v, r) for c in (case, other) for v in (1, 2) for r in (report, uuid7())}
    assert len(names) == 8
    assert update_id(case, 1, report) == update_id(UUID(str(case)), 1, UUID(str(report)))


def test_a_window_without_ends_is_the_last_90_days() -> None:
    found = window(None, None, NOW)
    assert (found.start, found.end) == (NOW - timedelta(days=90), NOW)


def test_a_window_is_whole_seconds() -> None:
    """What is shown has no fractions: a time that is shown lies within what was asked for."""
    found = window(NOW, NOW + timedelta(seconds=10), NOW)
    assert found.after == NOW.replace(microsecond=0) + timedelta(seconds=1)
    assert found.before == NOW.replace(microsecond=0) + timedelta(seconds=11)
    whole = NOW.replace(microsecond=0)
    assert window(whole, whole, NOW).after == whole
    assert window(whole, whole, NOW).before == whole + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("start", "end"),
    [(NOW - timedelta(days=91), None), (NOW - timedelta(days=91), NOW), (NOW, NOW + timedelta(days=90, seconds=1))],
)
def test_a_window_of_more_than_90_days_is_refused(start: datetime, end: datetime | None) -> None:
    with pytest.raises(SpanTooLong):
        window(start, end, NOW)


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(Invalid):
        window(NOW, NOW - timedelta(seconds=1), NOW)


# On a machine that does much else the first drawing takes its time.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@PATIENT
@given(st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_an_id_tells_its_time_and_sorts_by_it(at: datetime) -> None:
    made = uuid7(at)
    assert abs(born(made) - at) < timedelta(milliseconds=2)
    assert id_floor(at) <= made < id_floor(at + timedelta(milliseconds=2))


@pytest.mark.parametrize("text", ["<b>x</b>", "a <br/> b", "x<!-- y -->", "<SCRIPT src=x>", "</p>", '<a href="x">'])
def test_html_is_no_description(text: str) -> None:
    assert check_description(text)


@pytest.mark.parametrize("text", ["a < b > c", "<3", "1<2", "if x<y and y>z", "井盖<5cm>", "<>", "a<=b", None, ""])
def test_a_sign_is_no_html(text: str | None) -> None:
    assert check_description(text) == []


@pytest.mark.parametrize(
    "url", ["javascript:x", "//a.example/x", "http://", "https:///x", "x", "data:,x", "http://[", "http://a.example/\n"]
)
def test_what_is_no_web_address(url: str) -> None:
    assert check_urls([url])
    assert check_urls(["https://a.example/图.jpg?x=1"]) == []
    assert check_urls(["https://a.example"] * 21)


def test_what_the_desk_reads_and_what_the_reporter_said() -> None:
    words = written("灯不亮", "路灯", ["https://a.example/1", "https://a.example/2"])
    assert words.text[: words.said] == "灯不亮"
    assert words.text.split("\n")[1:] == ["照片 photo: https://a.example/1", "照片 photo: https://a.example/2"]
    assert read_back(words.text) == ("灯不亮\n照片 photo: https://a.example/1", "https://a.example/2")
    assert read_back("灯不亮\n照片 photo: 见附件") == ("灯不亮\n照片 photo: 见附件", None)
    bare = written(None, "路灯", [])
    assert (bare.text, bare.said) == ("路灯", 0)
    with pytest.raises(BadField):
        written("x" * 3_990, "路灯", ["https://a.example/1"])


def test_names_are_written_as_their_language_does() -> None:
    assert reporter("Marie", "Curie", None, None) == Reporter("Marie Curie", None, None)
    assert reporter("小明", "王", None, None) == Reporter("王小明", None, None)
    assert reporter("Marie", None, None, "1") == Reporter("Marie", "1", None)
    assert reporter(None, None, None, None) is None


text = st.text(max_size=30)


@PATIENT
@given(st.dictionaries(st.sampled_from(["description", "address", "status_notes"]), text | st.none()))
def test_whatever_is_told_xml_reads_it_back(told: dict[str, Any]) -> None:
    root = fromstring(rendered("service_requests", [told], "xml"), forbid_dtd=True)
    (request,) = root
    for name, value in told.items():
        read = request.findtext(name)
        expected = "".join("\ufffd" if _unwritable(sign) else sign for sign in value or "")
        assert read == expected
    (same,) = orjson.loads(rendered("service_requests", [told], "json"))
    assert same == told


def _unwritable(sign: str) -> bool:
    return (sign < " " and sign not in "\t\n\r") or sign in "\ufffe\uffff"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_list_is_a_list_however_many_it_holds(count: int) -> None:
    told = {"code": "1", "values": [{"key": str(n)} for n in range(count)]}
    assert len(orjson.loads(rendered("service_definition", told, "json"))["values"]) == count
    root: Element = fromstring(rendered("service_definition", told, "xml"))
    assert [each.tag for each in root.findall("values/*")] == ["value"] * count


def test_nothing_is_an_empty_element_and_null() -> None:
    assert rendered("token", [{"token": None, "n": 0, "yes": True, "x": 1.5}], "xml").endswith(
        b"<item><token/><n>0</n><yes>true</yes><x>1.5</x></item></token>\n"
    )
    assert get_args(Format) == ("xml", "json")
