"""Deadlines that rest on a provisional year, and what becomes of them when it is published."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.dispatch.domain.acts import perform
from services.dispatch.domain.case import Act, Case, Post, Status
from services.dispatch.domain.clocks import Stage, StageClock, resumed, started, stopped
from services.dispatch.domain.due import mark, recompute
from services.dispatch.domain.recount import outdated, recounted
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.worktime import Calendar, Limit, Slot, Unit, due, used
from services.dispatch.store.clock_json import clock_json, clock_of
from tests.unit.dispatch.calendars import DAY, LATE, dispatched, published
from tests.unit.dispatch.cases import CALENDAR, HOUR, MINUTE, RULES, actor, order

A, P, S = Act, Post, Status
NEW_YEAR = [date(2027, 1, 1), date(2027, 1, 4)]
ANNOUNCED = published(RULES, 2027, off=NEW_YEAR)
# 31 December 16:00 has two hours left; by weekends alone Friday the 1st and Monday the 4th follow.
GUESSED = datetime(2027, 1, 4, 8, 0, tzinfo=UTC)
REALLY = datetime(2027, 1, 6, 8, 0, tzinfo=UTC)


def clock(case: Case, stage: Stage = Stage.HANDLE) -> StageClock:
    return next(clock for clock in case.clocks if clock.stage is stage)


def test_a_clock_knows_the_calendar_it_was_counted_from_and_whether_that_was_a_guess() -> None:
    case = dispatched()
    assert case.due_at == GUESSED
    assert (clock(case).calendar, clock(case).edition) == ("test", 0)
    sure = dispatched(LATE - 7 * DAY)
    assert (clock(sure).calendar, clock(sure).edition, clock(sure).spells) == ("test", None, ())
    urgent = dispatched(condition="missing")
    assert (clock(urgent).calendar, clock(urgent).edition) == ("", None)


def test_a_running_clock_is_counted_again_with_a_fact_that_says_so() -> None:
    case = dispatched()
    after = recompute(case, LATE + HOUR, ANNOUNCED)
    assert after.due_at == clock(after).due_at == REALLY
    assert (after.version, after.revision, after.status) == (case.version + 1, case.revision, S.DISPATCHED)
    fact = after.facts[-1]
    assert (fact.act, fact.due_at, fact.actor.subject) == (A.RECOMPUTE, REALLY, "system")
    assert fact.details == {
        "stage": Stage.HANDLE,
        "due_before": GUESSED,
        "due_after": REALLY,
        "calendar": "test-1",
        "taken_back": [],
    }
    assert fact.clock == {"stage": "handle", "limit_s": 57600, "used_s": 3600}
    assert clock(after).edition is None
    assert clock(after).ahead == (80, datetime(2027, 1, 6, 2, 48, tzinfo=UTC))


def test_doing_it_again_changes_nothing() -> None:
    after = recompute(dispatched(), LATE + HOUR, ANNOUNCED)
    assert recompute(after, LATE + 2 * HOUR, ANNOUNCED) is after
    assert outdated(after, ANNOUNCED) == []


def test_a_year_that_turns_out_as_guessed_makes_no_fact() -> None:
    case = dispatched()
    after = recompute(case, LATE + HOUR, published(RULES, 2027, off=[date(2027, 5, 3)]))
    assert after.facts == case.facts
    assert (after.version, clock(after).edition, clock(after).calendar) == (case.version, None, "test-1")


def test_a_deadline_counted_from_a_published_year_is_frozen() -> None:
    case = dispatched(LATE - 7 * DAY)
    corrected = published(RULES, 2026, off=[date(2026, 12, 25), date(2026, 12, 28)])
    assert recompute(case, LATE - 6 * DAY, corrected) is case
    again = published(ANNOUNCED, 2027, off=[date(2027, 1, 5)])
    settled = recompute(dispatched(), LATE + HOUR, ANNOUNCED)
    assert recompute(settled, LATE + HOUR, again) is settled


def test_a_frozen_deadline_is_measured_by_its_own_calendar_to_its_end() -> None:
    """Thursday to Monday is two working days by the old version, one by the new: what was used follows the old."""
    begun = datetime(2026, 12, 17, 0, 0, tzinfo=UTC)
    case = dispatched(begun)
    corrected = published(RULES, 2026, off=[date(2026, 12, 18)])
    case = perform(case, order(A.TAKE), actor(P.UNIT_CLERK), begun + HOUR, corrected)
    case = perform(case, order(A.REPORT_HANDLED), actor(P.UNIT_CLERK), begun + DAY + 10 * HOUR, corrected)
    assert clock(case).spent == 16 * HOUR
    assert not case.overdue
    case = perform(case, order(A.ORDER_REWORK), actor(P.DISPATCHER), begun + 2 * DAY, corrected)
    assert clock(case).calendar == "test-1", "the rest is counted by the calendar in force"


def test_only_the_year_that_was_provisional_is_counted_anew() -> None:
    """The publication of 2027 also changes a day of 2026, on which the deadline had been counted as announced."""
    both = published(RULES, 2026, 2027, off=[date(2026, 12, 31), *NEW_YEAR])
    after = recompute(dispatched(), LATE + HOUR, both)
    assert after.due_at == REALLY, "the two hours of 31 December stay used"
    assert clock(after).calendar == "test-1/test"
    assert both.counted_by(clock(after)).works_on(date(2027, 1, 5))
    later = LATE + 30 * DAY
    assert clock(after).used(later, both.counted_by(clock(after))) > 16 * HOUR
    assert used(LATE, REALLY, False, both.counted_by(clock(after))) == 16 * HOUR
    assert used(LATE, REALLY, False, both.calendar) == 14 * HOUR


def test_an_area_with_another_calendar_only_notes_that_it_was_looked_at() -> None:
    """A publication for somebody else: the version in force here is the same, under a later edition."""
    elsewhere = replace(RULES, calendar=replace(CALENDAR, edition=5))
    case = dispatched()
    after = recompute(case, LATE + HOUR, elsewhere)
    assert (after.facts, after.due_at, clock(after).edition) == (case.facts, case.due_at, 5)
    assert recompute(after, LATE + HOUR, elsewhere) is after


def test_a_deadline_that_moves_into_the_past_is_marked_at_the_next_look() -> None:
    """Saturday and Sunday turn out to be make-up workdays: the limit ran out on the first of them."""
    worked = published(RULES, 2027, worked=[date(2027, 1, 2), date(2027, 1, 3)])
    now = GUESSED - HOUR
    case = mark(dispatched(), now, RULES)
    assert not case.overdue
    after = recompute(case, now, worked)
    assert after.due_at == datetime(2027, 1, 2, 8, 0, tzinfo=UTC) < now
    assert not after.overdue
    marked = mark(after, now, worked)
    assert [fact.act for fact in marked.facts[-2:]] == [A.RECOMPUTE, A.MARK_OVERDUE]
    assert marked.overdue
    assert mark(marked, now + DAY, worked) is marked


def test_a_mark_that_rested_on_a_guess_is_taken_back_and_made_again_when_it_is_true() -> None:
    case = mark(dispatched(), GUESSED + HOUR, RULES)
    assert case.overdue
    after = recompute(case, GUESSED + 2 * HOUR, ANNOUNCED)
    fact = after.facts[-1]
    assert (after.overdue, fact.overdue, fact.details["taken_back"]) == (False, False, ["warn", "overdue"])
    assert (clock(after).reached, clock(after).ahead) == (0, (80, datetime(2027, 1, 6, 2, 48, tzinfo=UTC)))
    assert mark(after, GUESSED + 3 * HOUR, ANNOUNCED) is after
    again = mark(after, REALLY + MINUTE, ANNOUNCED)
    assert [fact.act for fact in again.facts[-2:]] == [A.MARK_WARNED, A.MARK_OVERDUE]
    assert again.overdue


def test_only_what_is_not_true_is_taken_back() -> None:
    one_day = published(RULES, 2027, off=[date(2027, 1, 1)])
    case = mark(dispatched(), GUESSED + HOUR, RULES)
    after = recompute(case, datetime(2027, 1, 5, 6, 0, tzinfo=UTC), one_day)
    assert after.facts[-1].details["taken_back"] == ["overdue"]
    assert clock(after).warned


def test_an_act_counts_again_before_it_marks_so_that_none_outruns_the_calendar() -> None:
    case = dispatched()
    after = perform(case, order(A.TAKE), actor(P.UNIT_CLERK), GUESSED + HOUR, ANNOUNCED)
    assert [fact.act for fact in after.facts[-2:]] == [A.RECOMPUTE, A.TAKE]
    assert not after.overdue


def test_a_clock_that_stands_is_measured_anew_along_its_own_stretches() -> None:
    case = dispatched()
    case = perform(case, order(A.TAKE), actor(P.UNIT_CLERK), LATE + MINUTE, RULES)
    # Handed over on Friday 1 January at 10:00, a working day as far as anybody knew.
    handed = datetime(2027, 1, 1, 2, 0, tzinfo=UTC)
    case = perform(case, order(A.REPORT_HANDLED), actor(P.UNIT_CLERK), handed, RULES)
    assert (clock(case).spent, len(clock(case).spells), clock(case).edition) == (4 * HOUR, 1, 0)
    after = recompute(case, handed + HOUR, ANNOUNCED)
    assert (clock(after).spent, clock(after).spells, clock(after).edition) == (2 * HOUR, (), None)
    assert after.due_at == clock(after).due_at == REALLY
    back = perform(after, order(A.ORDER_REWORK), actor(P.DISPATCHER), REALLY - DAY, ANNOUNCED)
    assert back.due_at == due(REALLY - DAY, Limit(14, Unit.WORK_HOUR), ANNOUNCED.calendar)


def test_a_hand_over_that_was_late_only_by_a_guess_is_not_overdue_any_more() -> None:
    case = perform(dispatched(), order(A.TAKE), actor(P.UNIT_CLERK), LATE + MINUTE, RULES)
    case = perform(case, order(A.REPORT_HANDLED), actor(P.UNIT_CLERK), GUESSED + HOUR, RULES)
    assert case.overdue
    after = recompute(case, GUESSED + 2 * HOUR, ANNOUNCED)
    assert not after.overdue
    assert not clock(after).overdue
    assert after.due_at == REALLY


def test_a_version_nobody_here_has_heard_of_is_taken_for_the_one_in_force() -> None:
    strange = replace(clock(dispatched()), calendar="test-9/test")
    assert RULES.counted_by(strange) is CALENDAR


NEW_YORK = Rules(
    route=RULES.route,
    **{name: getattr(RULES, name) for name in ("number_prefix", "stages", "handling", "units", "check_radius_m")},
    calendar=Calendar(
        "ny-1",
        "America/New_York",
        (Slot(0, 360), Slot(540, 1020), Slot(1320, 1440)),
        holidays=frozenset({date(2026, 7, 3), date(2026, 11, 26)}),
        published=frozenset({2026}),
    ),
)
pauses = st.lists(st.tuples(st.integers(1, 5 * 1440), st.integers(0, 20 * 1440)), max_size=8)
amounts = st.builds(Limit, st.integers(1, 60), st.sampled_from(Unit))
days = st.frozensets(st.dates(date(2027, 1, 1), date(2027, 3, 31)), max_size=12)


@given(
    st.datetimes(datetime(2026, 2, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),
    amounts,
    pauses,
    st.sampled_from([RULES, NEW_YORK]),
)
def test_pausing_neither_loses_nor_gains_time(
    at: datetime, limit: Limit, moves: list[tuple[int, int]], rules: Rules
) -> None:
    """However often it stands, over nights and both changes of daylight saving: what it ran is what it measured."""
    calendar = rules.calendar
    clock, since, ran = started(Stage.HANDLE, limit, at, calendar), at, timedelta(0)
    for runs, stands in moves:
        stop = since + runs * MINUTE
        ran += used(since, stop, clock.continuous, calendar)
        clock = stopped(clock, stop, calendar)
        assert clock.spent == ran
        since = stop + stands * MINUTE
        clock = resumed(clock, since, calendar)
        clock = clock_of(clock.stage, clock_json(clock))
        left = clock.limit - ran
        if left > timedelta(0):
            assert used(since, clock.due_at, clock.continuous, calendar) == left
        assert clock.generation >= 2


@given(
    st.datetimes(datetime(2026, 11, 1), datetime(2027, 2, 28), timezones=st.just(UTC)),
    amounts,
    pauses,
    days,
    days,
    st.booleans(),
    st.sampled_from([RULES, NEW_YORK]),
)
def test_counted_again_is_as_if_it_had_been_known_all_along(
    at: datetime,
    limit: Limit,
    moves: list[tuple[int, int]],
    off: frozenset[date],
    worked: frozenset[date],
    stands: bool,
    rules: Rules,
) -> None:
    known = published(rules, 2027, off=off - worked, worked=worked)
    one, other = (started(Stage.HANDLE, limit, at, each.calendar) for each in (rules, known))
    since = at
    for runs, pause in moves:
        stop = since + runs * MINUTE
        one, other = stopped(one, stop, rules.calendar), stopped(other, stop, known.calendar)
        since = stop + pause * MINUTE
        one, other = resumed(one, since, rules.calendar), resumed(other, since, known.calendar)
    if stands:
        since += HOUR
        one, other = stopped(one, since, rules.calendar), stopped(other, since, known.calendar)
    one = clock_of(one.stage, clock_json(one))
    if one.edition is None:
        return
    again = recounted(one, since, known)
    assert (again.spent, again.reached, again.edition, again.spells) == (other.spent, 0, None, ())
    if again.spent >= again.limit:
        return
    if stands:
        assert used(since, again.due_at, False, known.calendar) == again.limit - again.spent
        return
    assert again.due_at == other.due_at
    if again.spent < again.limit * 80 / 100:
        assert (again.warn_at, again.ahead) == (other.warn_at, other.ahead)
