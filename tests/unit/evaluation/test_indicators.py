import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evaluation.domain.case_count import STEPS, CaseCount
from services.evaluation.domain.indicators import AS_OF, COUNTERS, RATES, RATES_OF_A_POST, STORED, complete, rates
from services.evaluation.queries.indicators import SOURCES, indicators

NONE = dict.fromkeys((*STORED, *AS_OF), 0)


def test_every_counter_is_a_column_or_is_found_from_columns() -> None:
    assert set(STORED) <= set(CaseCount._fields)
    names = [c.name for c in COUNTERS]
    assert len(names) == len(set(names))
    assert all(part in names for c in COUNTERS for part in c.parts)
    assert {c.step for c in COUNTERS} - {None} <= set(STEPS)


def test_every_rate_is_made_of_counters() -> None:
    names = {c.name for c in COUNTERS}
    assert all(name in names for rate in RATES for name in rate.numerator + rate.denominator)


def test_rates_of_an_empty_set_are_null() -> None:
    assert set(rates(complete(NONE)).values()) == {None}


def test_a_rate_is_in_per_cent_and_not_rounded() -> None:
    found = rates(complete({**NONE, "dispose": 2, "intime_dispose": 1, "overtime_dispose": 1, "to_dispose": 1}))
    assert found["dispose_rate"] == pytest.approx(200 / 3)
    assert found["dispose_ontime_rate"] == pytest.approx(100 / 3)
    assert found["archive_rate"] == 0
    assert found["rework_rate"] is None


@given(st.fixed_dictionaries({name: st.integers(0, 9) for name in NONE}))
def test_sums_of_parts_are_parts_of_sums(counters: dict[str, int]) -> None:
    twice = complete({name: 2 * n for name, n in counters.items()})
    assert twice == {name: 2 * n for name, n in complete(counters).items()}
    assert twice["need_dispose"] == twice["dispose"] + twice["to_dispose"]
    assert twice["need_archive"] == twice["dispose"] + twice["overtime_to_dispose"]


def test_a_post_is_measured_by_its_own_acts_alone() -> None:
    names = {rate.name for rate in RATES_OF_A_POST}
    assert {"verify_ontime_rate", "check_ontime_rate", "inst_ontime_rate", "dispatch_accuracy", "rework_rate"} <= names
    assert not {"dispose_rate", "archive_rate", "filing_rate"} & names


def test_what_is_published_says_it_in_two_languages_and_where_from() -> None:
    published = indicators()
    assert [c.name for c in published.counters] == [c.name for c in COUNTERS]
    for counter in published.counters:
        assert counter.title.zh
        assert counter.definition.zh
        assert counter.definition.en
    moving = {c.name for c in published.counters if c.depends_on_as_of}
    assert moving == {"intime_to_dispose", "overtime_to_dispose", "stock", "need_archive"}
    sources = [c.source for c in published.counters] + [r.source for r in published.rates]
    assert {mark for source in sources for mark in source.split(",")} <= set(SOURCES)
