"""The live end of the log: who listens to which area, and the latest frames for those who come back.

Pure bookkeeping without I/O. An event computes its prefixes once and is offered to the listeners of each of them:
the work per event is the number of clients that hear it, not the number of clients.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from services.notify.domain.frame import Frame
from services.notify.domain.interest import Interest
from shared.kernel.errors import FieldError, Invalid


class CutOff(StrEnum):
    """Why we ended a stream."""

    TOO_SLOW = "too_slow"
    SHUTTING_DOWN = "shutting_down"
    CREDENTIALS_ENDED = "credentials_ended"


class Bounds(NamedTuple):
    """How far a client may fall behind before it is cut off: frames, and bytes of them."""

    frames: int
    bytes: int


class Listener:
    """One client's place in the queue. Frames are shared, so a waiting one costs a pointer.

    `wake` is called when there is something to do after there was nothing; it must not block.
    """

    __slots__ = ("_bounds", "_frames", "_size", "_wake", "beat_due", "cut", "interest")

    def __init__(self, interest: Interest, bounds: Bounds, wake: Callable[[], None]) -> None:
        self.interest = interest
        self.cut: CutOff | None = None
        self.beat_due = False
        self._bounds = bounds
        self._wake = wake
        self._frames: list[Frame] = []
        self._size = 0

    def offer(self, frame: Frame) -> None:
        """Put `frame` in the queue; a client whose queue is full loses it whole and is cut off. Never waits."""
        if self.cut is not None:
            return
        self._frames.append(frame)
        self._size += len(frame.payload)
        if len(self._frames) > self._bounds.frames or self._size > self._bounds.bytes:
            self.give_up()
        elif len(self._frames) == 1:
            self._wake()

    @property
    def waiting(self) -> int:
        """How many frames wait."""
        return len(self._frames)

    @property
    def busy(self) -> bool:
        """Whether there is something to send."""
        return bool(self._frames) or self.cut is not None or self.beat_due

    def has_room_for(self, frames: Sequence[Frame]) -> bool:
        """Whether all of `frames` may wait at once."""
        return (
            len(self._frames) + len(frames) <= self._bounds.frames
            and self._size + sum(len(f.payload) for f in frames) <= self._bounds.bytes
        )

    def take(self) -> list[Frame]:
        """All that waits, in order; the queue is empty afterwards."""
        taken, self._frames, self._size = self._frames, [], 0
        return taken

    def give_up(self) -> None:
        """The client is too slow: what waits for it is thrown away, and it is told where to come back to."""
        if self.cut is None:
            self.cut = CutOff.TOO_SLOW
            self._frames, self._size = [], 0
            self._wake()

    def end(self, reason: CutOff) -> None:
        """No further frames; what is queued is still sent."""
        if self.cut is None:
            self.cut = reason
            self._wake()

    def beat(self) -> None:
        """Ask for a heartbeat."""
        self.beat_due = True
        self._wake()


class Live:
    """Listeners by area, and the newest frames in memory.

    `position` is the newest position seen, once `started`. Every frame after `floor` is in memory:
    a client whose token is not older joins without asking the database.
    """

    def __init__(self, *, keep_frames: int, keep_bytes: int) -> None:
        self.position = 0
        self.floor = 0
        self.started = False
        self._keep = Bounds(keep_frames, keep_bytes)
        self._recent: deque[Frame] = deque()
        self._recent_bytes = 0
        self._by_area: dict[str, set[Listener]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def listeners(self) -> Iterator[Listener]:
        """Every listener, in no order."""
        for those in list(self._by_area.values()):
            yield from list(those)

    def start_at(self, position: int) -> None:
        """Begin with nothing in memory: the next frame comes after `position`."""
        self.position = self.floor = position
        self.started = True
        self._recent.clear()
        self._recent_bytes = 0

    def publish(self, frames: Iterable[Frame]) -> None:
        """Offer frames, in order of position, to all who listen, and keep the newest."""
        by_area = self._by_area
        for frame in frames:
            self.position = frame.position
            self._recent.append(frame)
            self._recent_bytes += len(frame.payload)
            for area in frame.prefixes:
                for listener in by_area.get(area, ()):
                    wish = listener.interest
                    if wish.everything or wish.allows(frame.type, frame.category, frame.unit):
                        listener.offer(frame)
        while len(self._recent) > self._keep.frames or self._recent_bytes > self._keep.bytes:
            dropped = self._recent.popleft()
            self._recent_bytes -= len(dropped.payload)
            self.floor = dropped.position

    def join(self, listener: Listener, after: int) -> bool:
        """Let `listener` hear everything after position `after`: first what is in memory, then what comes.

        False, and nothing is done, when memory does not reach back that far, or there is more than one queue takes.
        """
        if after < self.floor:
            return False
        missed = []
        for frame in reversed(self._recent):
            if frame.position <= after:
                break
            if listener.interest.wants(frame):
                missed.append(frame)
        if not listener.has_room_for(missed):
            return False
        for frame in reversed(missed):
            listener.offer(frame)
        self._by_area.setdefault(listener.interest.area, set()).add(listener)
        self._count += 1
        return True

    def leave(self, listener: Listener) -> None:
        """`listener` hears nothing more. Leaving twice does no harm."""
        those = self._by_area.get(listener.interest.area)
        if those is None or listener not in those:
            return
        those.discard(listener)
        self._count -= 1
        if not those:
            del self._by_area[listener.interest.area]


class BadStreamToken(Invalid):
    slug, title, title_zh = "bad-stream-token", "Not a stream token", "流位置标记无效"


def read_token(text: str | None, pointer: str) -> int | None:
    """The position that `Last-Event-ID` names, None without one. Raises BadStreamToken, naming `pointer`."""
    if text is None or text == "":
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        message = "a token is the number of an `id:` line, or 0 for the oldest event kept"
        raise BadStreamToken(f"{text[:80]!r} is not a stream token", errors=[FieldError(pointer, message)])
    return int(text)


class Start(NamedTuple):
    """Where a stream starts: after `position`; `reset` says why that is not what was asked, if it is not."""

    position: int
    reset: str | None = None


def start_of(token: int | None, *, oldest: int, newest: int) -> Start:
    """No token: from now. 0: from the oldest kept. A token whose next event is gone: a reset, then the oldest kept.

    A token ahead of the log belongs to another one (a database put back to an earlier state): a reset, then from now.
    """
    if token is None:
        return Start(newest)
    if token == 0:
        return Start(oldest - 1)
    if token > newest:
        return Start(newest, "ahead_of_the_log")
    if token + 1 < oldest:
        return Start(oldest - 1, "older_than_the_log")
    return Start(token)
