"""The routing key: a prefix is a prefix on whole segments, in Python and in SQL alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.area import AreaPath, BadAreaPath

segment = st.text("0123456789abcXYZ_-", min_size=1, max_size=4)
paths = st.lists(segment, min_size=1, max_size=8).map(lambda parts: AreaPath(".".join(parts)))


@given(paths, paths)
def test_covers_is_the_prefix_of_segments(a, b):
    assert a.covers(b) == (b.segments[: len(a.segments)] == a.segments)


@given(paths, paths)
def test_the_sql_range_says_the_same(a, b):
    """`prefix_sql` compares bytes: equal, or between the path with a dot and the path with the character after it."""
    in_range = a <= b < f"{a}/"
    assert (in_range and (a == b or b >= f"{a}.")) == a.covers(b)


@given(paths)
def test_prefixes_are_exactly_the_areas_that_cover_it(path):
    assert path.prefixes() == [".".join(path.segments[: n + 1]) for n in range(path.level)]
    assert all(AreaPath(prefix).covers(path) for prefix in path.prefixes())
    assert path.prefixes()[-1] == path
    assert path.parent == (path.prefixes()[-2] if path.level > 1 else "")


@given(paths)
def test_the_root_covers_everything_and_nothing_else_covers_the_root(path):
    assert AreaPath.root().covers(path)
    assert not path.covers(AreaPath.root())


@given(paths)
def test_a_path_survives_being_written_and_read(path):
    assert AreaPath.parse(str(path)) == path
    assert AreaPath.parse(str(path)).level == len(path.segments)


def test_whole_segments_only():
    assert not AreaPath("110108.01").covers("110108.012")
    assert AreaPath("110108.012").covers("110108.012.003")


NO_PATHS = ["", ".", "a.", ".a", "a..b", "a b", "a/b", "网格", "a\x00", "a\n", "x" * 33, ".".join("a" * 9)]


@pytest.mark.parametrize("text", NO_PATHS)
def test_what_is_no_path_is_refused_with_the_field(text):
    with pytest.raises(BadAreaPath) as refused:
        AreaPath.parse(text, "/location/grid")
    assert refused.value.errors[0].pointer == "/location/grid"
