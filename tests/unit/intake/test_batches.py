"""A batch is cut into lines and parts alike, however it arrives."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.intake.commands.batches import PART_BYTES, LineTooLong, Part, Shape, Splitter
from shared.kernel.errors import Invalid, TooLarge

SHAPE = Shape(7, 3, 20, TooLarge, Invalid, "/v1/things")


def split(raw: bytes, cuts: list[int], shape: Shape = SHAPE) -> tuple[list[Part], int | None]:
    splitter = Splitter(shape)
    edges = [0, *sorted(cut % (len(raw) + 1) for cut in cuts), len(raw)]
    parts = [p for a, b in pairwise(edges) for p in splitter.feed(raw[a:b])]
    parts += splitter.feed(b"\n")
    if (last := splitter.end()) is not None:
        parts.append(last)
    return parts, splitter.over


def told(parts: list[Part]) -> list[list[tuple[int, bytes | None]]]:
    return [[(n, line if isinstance(line, bytes) else None) for n, line in part.lines] for part in parts]


LINES = st.lists(st.sampled_from([b"", b"  ", b"a", b"bcd", b"x" * 20, b"y" * 21, b"z" * 90]), max_size=14)


@given(LINES, st.lists(st.integers(0, 1000), max_size=12))
def test_the_parts_do_not_depend_on_how_it_arrived(lines: list[bytes], cuts: list[int]) -> None:
    raw = b"\n".join(lines)
    parts, over = split(raw, cuts)
    whole, over_whole = split(raw, [])
    assert (told(parts), [p.digest for p in parts], over) == (told(whole), [p.digest for p in whole], over_whole)
    numbered = [(n, line) for n, line in enumerate(lines, start=1) if line.strip()]
    assert [n for part in parts for n, _ in part.lines] == [n for n, _ in numbered[:7]]
    assert [len(part.lines) for part in parts[:-1]] == [3] * (len(parts) - 1)
    assert over == (numbered[7][0] if len(numbered) > 7 else None)


def test_a_line_too_long_is_refused_and_nothing_of_it_is_kept() -> None:
    splitter = Splitter(SHAPE)
    for _ in range(1000):
        splitter.feed(b"x" * 1000)
    assert len(splitter._rest) <= SHAPE.line_bytes
    splitter.feed(b"\nok\n")
    part = splitter.end()
    assert part is not None
    (first, why), second = part.lines
    assert first == 1
    assert isinstance(why, LineTooLong)
    assert why.facts == {"limit_bytes": 20}
    assert second == (2, b"ok")


def test_the_digest_tells_apart_what_follows_and_what_was_too_long() -> None:
    digests = {split(raw, [])[0][-1].digest for raw in (b"a", b"a\nb", b"a\n\nb", b"y" * 21, b"y" * 22, b"a\nc")}
    assert len(digests) == 6
    assert split(b"a\nb\nc\nd", [])[0][0].digest == split(b"a\nb\nc\ne", [])[0][0].digest


def test_long_lines_come_fewer_in_a_part() -> None:
    shape = Shape(100, 50, 1 << 20, TooLarge, Invalid, "/v1/things")
    parts, _ = split(b"\n".join([b"x" * (1 << 20)] * 9), [5, 1 << 19], shape)
    assert [len(part.lines) for part in parts] == [4, 4, 1]
    assert sum(len(line) for _, line in parts[0].lines if isinstance(line, bytes)) == PART_BYTES
