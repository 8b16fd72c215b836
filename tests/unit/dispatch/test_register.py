"""What an import changes in a register with a history."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dispatch.domain.register import Entry, Given, ImportRefused, plan, refuse

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def row(key="u", fields=("a",), since=None, until=None, successor=None, line=2) -> Given:
    return Given(key, fields, since, until, successor, line)


def entry(key="u", fields=("a",), since=NOW - 10 * DAY, until=None) -> Entry:
    return Entry(key, fields, since, until)


def test_what_is_new_begins_now():
    made, wrong = plan({}, [row()], NOW)
    assert (made.added, wrong) == ({"u": Entry("u", ("a",), NOW)}, [])


def test_what_is_the_same_changes_nothing():
    made, wrong = plan({"u": entry()}, [row()], NOW)
    assert (made.added, made.ended, made.unchanged, wrong) == ({}, {}, 1, [])


def test_what_differs_ends_the_one_before_and_follows_it():
    made, wrong = plan({"u": entry()}, [row(fields=("b",), since=NOW + DAY)], NOW)
    assert not wrong
    assert made.ended == {("u", NOW - 10 * DAY): (NOW + DAY, None)}
    assert made.added["u"] == Entry("u", ("b",), NOW + DAY)
    assert made.moved({"u": entry()}, NOW) == []  # not yet


def test_what_ends_names_who_follows_and_is_gone():
    made, wrong = plan({"u": entry()}, [row(until=NOW, successor="v")], NOW)
    assert not wrong
    assert made.ended == {("u", NOW - 10 * DAY): (NOW, "v")}
    assert made.moved({"u": entry()}, NOW) == [(entry(), None)]


def test_the_same_file_again_changes_nothing():
    ended = Entry("u", ("a",), NOW - 10 * DAY, NOW - DAY, "v")
    made, wrong = plan({"u": ended}, [row(until=NOW - DAY, successor="v")], NOW)
    assert (made.added, made.ended, made.unchanged, wrong) == ({}, {}, 1, [])


@pytest.mark.parametrize(
    ("before", "given", "column"),
    [
        (None, row(since=NOW, until=NOW - DAY), "valid_until"),
        (entry(), row(fields=("b",), since=NOW - 20 * DAY), "valid_from"),
        (entry(since=NOW + DAY), row(fields=("b",)), "valid_from"),
        (entry(until=NOW + DAY), row(), "valid_until"),
        (entry(), row(until=NOW - 20 * DAY), "valid_until"),
        (entry(), row(since=NOW - 20 * DAY), "valid_from"),
    ],
)
def test_history_is_not_written_anew(before, given, column):
    _made, wrong = plan({"u": before} if before else {}, [given], NOW)
    assert [finding.where for finding in wrong] == [f"line 2, {column}"]
    with pytest.raises(ImportRefused, match=column):
        refuse(wrong)


def test_a_key_given_twice_is_refused_with_both_lines():
    _, wrong = plan({}, [row(), row(line=3)], NOW)
    assert [(finding.where, "line 2" in finding.message) for finding in wrong] == [("line 3", True)]


times = st.none() | st.integers(-20, 20).map(lambda n: NOW + n * DAY)
rows = st.builds(row, fields=st.sampled_from([("a",), ("b",)]), since=times, until=times)


@given(st.lists(st.tuples(rows, st.integers(0, 3)), max_size=8))
def test_whatever_is_imported_nothing_recorded_is_lost_and_no_two_entries_are_true_at_once(imports):
    now, recorded = NOW, list[Entry]()
    for given_row, later in imports:
        now += later * DAY
        last = {"u": max(recorded, key=lambda each: each.valid_from)} if recorded else {}
        made, wrong = plan(last, [given_row], now)
        if wrong:
            continue
        past = {(each.valid_from, each.fields) for each in recorded}
        for n, each in enumerate(recorded):
            if (each.key, each.valid_from) in made.ended:
                recorded[n] = each._replace(valid_until=made.ended[each.key, each.valid_from][0])
        recorded += made.added.values()
        assert past <= {(each.valid_from, each.fields) for each in recorded}
        assert len({each.valid_from for each in recorded}) == len(recorded)
        again, wrong_again = plan({"u": max(recorded, key=lambda each: each.valid_from)}, [given_row], now)
        assert wrong_again or (not again.added and not again.ended) or given_row.valid_until is not None
    in_order = sorted(recorded, key=lambda each: each.valid_from)
    for one, following in itertools.pairwise(in_order):
        assert one.valid_until is not None
        assert one.valid_from <= one.valid_until <= following.valid_from
