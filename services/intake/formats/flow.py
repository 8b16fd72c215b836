"""A walk over bytes that come in pieces, written as if all of them were there: it holds no more than it looks at."""

from collections.abc import Generator
from typing import TypeAlias, TypeVar

from services.intake.domain.media import MediaBroken

T = TypeVar("T")
Walk: TypeAlias = Generator[None, None, T]
"""Yields whenever it needs more bytes."""


class Flow:
    """What has come and was not looked at yet, and what goes on. A walk calls its methods with `yield from`."""

    def __init__(self) -> None:
        self._in = bytearray()
        self._out = bytearray()
        self._ended = False
        self.at = 0
        """How many bytes of the file the walk has left behind."""

    def come(self, data: bytes) -> None:
        self._in += data

    def end(self) -> None:
        self._ended = True

    def gone_on(self) -> bytes:
        """What may be kept, since the last call."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def emit(self, data: bytes) -> None:
        self._out += data

    def at_end(self) -> Walk[bool]:
        """Whether the file ends here."""
        while not self._in and not self._ended:
            yield
        return not self._in

    def take(self, size: int) -> Walk[bytes]:
        """The next `size` bytes. Raises MediaBroken if the file ends before."""
        while len(self._in) < size:
            self._more(size - len(self._in))
            yield
        return self._cut(size)

    def copy(self, size: int, *, blank: bool = False) -> Walk[None]:
        """Let the next `size` bytes pass, or zeros in their place. Raises MediaBroken if the file ends before."""
        while size:
            if not self._in:
                self._more(size)
                yield
                continue
            piece = self._cut(min(size, len(self._in)))
            self._out += bytes(len(piece)) if blank else piece
            size -= len(piece)

    def drop(self, size: int) -> Walk[None]:
        """Leave the next `size` bytes out. Raises MediaBroken if the file ends before."""
        while size:
            if not self._in:
                self._more(size)
                yield
                continue
            size -= len(self._cut(min(size, len(self._in))))

    def copy_rest(self) -> Walk[None]:
        while not (yield from self.at_end()):
            self._out += self._cut(len(self._in))

    def drop_rest(self) -> Walk[None]:
        while not (yield from self.at_end()):
            self._cut(len(self._in))

    def held(self) -> bytearray:
        """What has come and was not looked at yet; may be searched, not changed."""
        return self._in

    def more(self) -> Walk[None]:
        """Wait for another piece. Raises MediaBroken if the file has ended."""
        self._more(1)
        yield

    def _cut(self, size: int) -> bytes:
        data = bytes(self._in[:size])
        del self._in[:size]
        self.at += size
        return data

    def _more(self, wanted: int) -> None:
        if self._ended:
            raise MediaBroken(f"the file ends {wanted:,} bytes or more too early: send it again, whole")
