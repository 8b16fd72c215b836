"""Which code may be reported today: codes of several standards, days in effect, the admission list."""

from datetime import UTC, date, datetime

import pytest

from services.intake.domain.catalogue import (
    Alias,
    Catalogue,
    Entry,
    NotAdmitted,
    NotInEffect,
    Span,
    TurnTo,
    entry_of,
)
from services.intake.domain.report import UnknownCategory
from services.intake.pack_rules import report_rules
from services.intake.queries.catalogue import catalogue as views
from shared.packs import load

OLD = Alias("01001", "old", "GB/T 30428.2-2013", Span(None, date(2027, 12, 31)))


def at(day: date) -> Catalogue:
    entries = (
        Entry("01001", "供水井盖", "manhole cover"),
        Entry("09011", "共享单车", "shared bicycles"),
        Entry("09998", "共享电单车", "electric bicycles", (), Span(None, date(2026, 6, 30)), "09011"),
        Entry("09997", "滑板车", "scooters", (), Span(date(2027, 1, 1)), None),
        Entry("09008", "出版物", "publications", turn_to=TurnTo("热线", "the hotline", "12345")),
    )
    return Catalogue({each.code: each for each in entries}, {"old:component:0101": OLD}, lambda: day)


TODAY = date(2026, 11, 27)


def test_a_code_of_another_standard_means_the_category() -> None:
    assert entry_of(at(TODAY), "old:component:0101").code == "01001"
    assert entry_of(at(TODAY), "01001").code == "01001"


@pytest.mark.parametrize("named", ["99999", "old:matter:0101", "new:component:0101", "old:component:01001", ""])
def test_a_code_that_no_standard_has_is_refused(named: str) -> None:
    with pytest.raises(UnknownCategory) as refused:
        entry_of(at(TODAY), named)
    assert refused.value.errors[0].pointer == "/category"


def test_a_category_that_has_ended_names_what_replaces_it() -> None:
    assert entry_of(at(date(2026, 6, 30)), "09998").code == "09998", "its last day"
    with pytest.raises(NotInEffect) as refused:
        entry_of(at(date(2026, 7, 1)), "09998")
    assert refused.value.facts["instead"] == "09011"
    assert refused.value.errors == (("/category", "use 09011"),)
    assert "until 2026-06-30" in refused.value.detail


def test_a_category_that_has_not_begun_says_when_it_does() -> None:
    assert entry_of(at(date(2027, 1, 1)), "09997").code == "09997", "its first day"
    with pytest.raises(NotInEffect, match="from 2027-01-01 on; today is 2026-11-27"):
        entry_of(at(TODAY), "09997")


def test_codes_of_a_standard_that_has_ended_name_the_code_of_today() -> None:
    with pytest.raises(NotInEffect, match=r"GB/T 30428\.2-2013.*report it as 01001"):
        entry_of(at(date(2028, 1, 1)), "old:component:0101")


def test_what_is_not_on_the_admission_list_is_refused_with_where_to_turn() -> None:
    with pytest.raises(NotAdmitted) as refused:
        entry_of(at(TODAY), "09008")
    assert refused.value.facts["turn_to"] == {"name": {"zh": "热线", "en": "the hotline"}, "phone": "12345"}
    assert "12345" in refused.value.detail


def test_the_city_s_own_day_counts() -> None:
    # 17:00 UTC of New Year's Eve is 01:00 of New Year's Day in Beijing.
    late = datetime(2027, 12, 31, 17, tzinfo=UTC)
    assert report_rules(load("haidian"), lambda: late).catalogue.today() == date(2028, 1, 1)
    with pytest.raises(NotInEffect):
        entry_of(report_rules(load("haidian"), lambda: late).catalogue, "gb2013:component:0101")


def test_haidian_understands_the_codes_of_2013_and_says_where_its_own_are_from() -> None:
    pack = load("haidian")
    rules = report_rules(pack, lambda: datetime(2026, 11, 27, tzinfo=UTC)).catalogue
    assert entry_of(rules, "gb2013:component:0101").code == "01001"
    assert entry_of(rules, "gb2013:matter:0101").code == "06001"
    assert entry_of(rules, "gb2026:matter:09012").form[0].name == "obstacle"
    shown = {view.code: view for view in views(pack)}
    assert shown["01001"].standard is not None
    assert shown["01001"].standard.number == "GB/T 47678.5-2026"
    assert [each.key for each in shown["01001"].codes] == ["gb2013:component:0101"]
    assert {condition.source for condition in shown["01001"].conditions} == {"yuncheng"}
    assert shown["01999"].standard is not None
    assert shown["01999"].standard.key == "local"
    assert (shown["09998"].effective_until, shown["09998"].instead) == (date(2026, 6, 30), "09011")
    assert shown["09008"].turn_to is not None
    assert not shown["09008"].admitted
    assert sum(bool(view.attributes) for view in shown.values()) >= 12


def test_new_york_s_catalogue_needs_none_of_it() -> None:
    shown = views(load("nyc-311"))
    assert all(v.standard is None and v.admitted and not v.codes and not v.attributes for v in shown)
