"""Pages of the log for a client that comes back with a token older than what is in memory."""

from typing import NamedTuple

from services.notify.domain.frame import Frame
from services.notify.domain.interest import Interest
from services.notify.queries.tail import frame_of
from services.notify.store import log as log_store
from shared.postgres import Pool

PAGE = 500
WINDOW = 20_000


class Page(NamedTuple):
    """What there is for a client after a position. `upto`: where the next page starts.

    `oldest` was read after the page: if the page's start lies before it, something in between is gone.
    """

    frames: list[Frame]
    upto: int
    oldest: int


async def page_of(pool: Pool, interest: Interest, position: int, newest: int) -> Page:
    """The next page for `interest` after `position`, never beyond `newest`."""
    end = min(position + WINDOW, newest)
    async with pool.acquire(timeout=5) as connection:
        rows = await log_store.window(connection, position, end, interest.area, PAGE)
        ends = await log_store.ends(connection)
    upto = rows[-1].position if len(rows) == PAGE else end
    frames = [frame for frame in map(frame_of, rows) if interest.wants(frame)]
    return Page(frames, upto, ends.oldest)


async def log_ends(pool: Pool) -> log_store.Ends:
    """Where the log begins and ends now."""
    async with pool.acquire(timeout=5) as connection:
        return await log_store.ends(connection)
