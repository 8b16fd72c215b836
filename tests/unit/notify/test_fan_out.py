"""Who hears of an event: by area prefix on whole segments, by type, category and unit."""

from hypothesis import given
from hypothesis import strategies as st

from services.notify.domain.frame import Frame, prefixes_of, render
from services.notify.domain.interest import Interest
from services.notify.domain.live import Bounds, CutOff, Listener, Live
from shared.kernel.area import AreaPath

paths = st.lists(st.sampled_from(["1", "2", "01", "012", "a"]), min_size=1, max_size=4).map(".".join)
areas = st.one_of(st.just(""), paths)
types = st.sampled_from(["case.filed.v1", "case.closed.v1", "report.received.v1"])
BOUNDS = Bounds(1000, 1_000_000)


def frame(position: int, area: str, moved_from: str | None = None, type_: str = "case.filed.v1") -> Frame:
    prefixes = prefixes_of(area, moved_from)
    return Frame(position, type_, prefixes, "10203", "water", render(position, type_, b"{}"))


def listener(area: str = "", bounds: Bounds = BOUNDS, **narrowed: object) -> Listener:
    return Listener(Interest(area=area, **narrowed), bounds, lambda: None)  # type: ignore[arg-type]


@given(
    st.lists(areas, max_size=8),
    st.lists(st.tuples(paths, st.none() | paths, types), max_size=20),
    st.none() | st.frozensets(types),
)
def test_each_listener_hears_exactly_what_its_area_covers_once_and_in_order(
    listening: list[str], facts: list[tuple[str, str | None, str]], wanted: frozenset[str] | None
) -> None:
    live = Live(keep_frames=100, keep_bytes=100_000)
    live.start_at(0)
    listeners = [listener(area, types=wanted) for area in listening]
    for each in listeners:
        assert live.join(each, 0)
    live.publish(frame(n, area, moved, type_) for n, (area, moved, type_) in enumerate(facts, 1))
    for area, each in zip(listening, listeners, strict=True):
        covers = AreaPath(area).covers
        expected = [
            n
            for n, (now, before, type_) in enumerate(facts, 1)
            if (covers(now) or (before is not None and covers(before))) and (wanted is None or type_ in wanted)
        ]
        assert [f.position for f in each.take()] == expected


@given(st.lists(paths, min_size=1, max_size=30), areas, st.data())
def test_joining_anywhere_in_memory_leaves_no_gap_and_no_duplicate(
    facts: list[str], area: str, data: st.DataObject
) -> None:
    live = Live(keep_frames=data.draw(st.integers(1, 10)), keep_bytes=100_000)
    live.start_at(0)
    published = data.draw(st.integers(0, len(facts)))
    frames = [frame(n, each) for n, each in enumerate(facts, 1)]
    live.publish(frames[:published])
    after = data.draw(st.integers(0, published))
    late = listener(area)
    if not live.join(late, after):
        assert after < live.floor
        return
    live.publish(frames[published:])
    assert late.take() == [f for f in frames[after:] if area in f.prefixes]


def test_a_listener_whose_queue_is_full_is_cut_off_and_the_others_hear_on() -> None:
    live = Live(keep_frames=10, keep_bytes=100_000)
    live.start_at(0)
    slow, other = listener("a", Bounds(3, 1_000_000)), listener("a")
    assert live.join(slow, 0)
    assert live.join(other, 0)
    live.publish(frame(n, "a.1") for n in range(1, 6))
    assert slow.cut is CutOff.TOO_SLOW
    assert slow.take() == []
    assert [f.position for f in other.take()] == [1, 2, 3, 4, 5]


def test_a_queue_is_bounded_in_bytes_as_well() -> None:
    small = listener("", Bounds(1000, 3 * len(frame(1, "a").payload)))
    for n in (1, 2, 3):
        small.offer(frame(n, "a"))
    assert small.cut is None
    small.offer(frame(4, "a"))
    assert small.cut is CutOff.TOO_SLOW


def test_a_listener_is_woken_once_until_it_takes() -> None:
    rings: list[int] = []
    each = Listener(Interest(), BOUNDS, lambda: rings.append(1))
    each.offer(frame(1, "a"))
    each.offer(frame(2, "a"))
    assert len(rings) == 1
    each.take()
    each.offer(frame(3, "a"))
    assert len(rings) == 2


def test_more_than_a_queue_holds_is_not_joined_but_read_from_the_log() -> None:
    live = Live(keep_frames=100, keep_bytes=100_000)
    live.start_at(0)
    live.publish(frame(n, "a") for n in range(1, 51))
    each = listener("", Bounds(10, 1_000_000))
    assert not live.join(each, 0)
    assert live.join(each, 45)
    assert [f.position for f in each.take()] == [46, 47, 48, 49, 50]


def test_who_left_hears_nothing_and_leaving_twice_does_no_harm() -> None:
    live = Live(keep_frames=10, keep_bytes=100_000)
    live.start_at(0)
    each = listener("a")
    assert live.join(each, 0)
    live.leave(each)
    live.leave(each)
    live.publish([frame(1, "a")])
    assert each.take() == []
    assert len(live) == 0


def test_an_end_lets_what_is_queued_through_and_nothing_after() -> None:
    each = listener()
    each.offer(frame(1, "a"))
    each.end(CutOff.SHUTTING_DOWN)
    each.offer(frame(2, "a"))
    assert [f.position for f in each.take()] == [1]
    assert each.busy


def test_credentials_narrow_to_categories_and_unit() -> None:
    assert Interest(categories=frozenset({"10203"}), unit="water").wants(frame(1, "a"))
    assert not Interest(categories=frozenset({"999"})).wants(frame(1, "a"))
    assert not Interest(unit="power").wants(frame(1, "a"))
    assert not Interest(categories=frozenset()).wants(frame(1, "a"))


def test_types_are_whole_or_a_family_and_no_types_is_every_type() -> None:
    every = Interest().narrowed_to(["", ""], "?types")
    assert every.everything
    some = Interest().narrowed_to(["case.filed.v1", "report.*"], "?types")
    assert some.allows("case.filed.v1", None, None)
    assert some.allows("report.received.v1", None, None)
    assert not some.allows("case.filed.v12", None, None)
    assert not some.allows("case.closed.v1", None, None)
