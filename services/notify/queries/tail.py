"""Following the log: every API replica reads what is appended and offers it to the streams it holds."""

import asyncio

import structlog

from services.notify.domain.frame import Frame, prefixes_of, render
from services.notify.domain.live import Live
from services.notify.store import log as log_store
from shared.bus.wake import Wake
from shared.jobs import Job, pause
from shared.postgres import Pool, is_outage

log = structlog.get_logger()

PAGE = 1_000
# Where the worker runs in the same process it rings, and nobody waits for a poll. Elsewhere this is the price of a
# stream: 66 index look-ups a second, about 1 % of a core, and 8 ms on average until an event is seen.
POLL_SECONDS = 0.015
IDLE_POLL_SECONDS = 0.25
OUTAGE_SECONDS = 0.5


def frame_of(row: log_store.Row) -> Frame:
    """A fact of the log as it goes out."""
    return Frame(
        row.position,
        row.type,
        prefixes_of(row.routing_key, row.routing_key_from),
        row.category,
        row.unit,
        render(row.position, row.type, row.event),
    )


def tail_job(pool: Pool, live: Live, appended: Wake, keep: int) -> Job:
    """Reads the log into `live` for as long as the process runs; `keep` newest facts are read at the start."""

    async def run(stop: asyncio.Event) -> None:
        failing = False
        with appended.listening() as bell:
            while not stop.is_set():
                try:
                    if failing:
                        await _check_still_ours(pool, live)
                    full = await _read_on(pool, live, keep)
                except Exception as error:
                    if not is_outage(error):
                        raise
                    if not failing:
                        log.warning("the log cannot be read; streams wait", error=str(error))
                    failing = True
                    await pause(stop, OUTAGE_SECONDS)
                    continue
                if failing:
                    log.info("the log can be read again")
                    failing = False
                if not full:
                    await bell.wait(POLL_SECONDS if len(live) else IDLE_POLL_SECONDS)

    return Job("stream-tail", run)


async def _check_still_ours(pool: Pool, live: Live) -> None:
    """After an outage: a database put back to an earlier state gives positions out a second time."""
    async with pool.acquire(timeout=5) as connection:
        ends = await log_store.ends(connection)
    if ends.newest < live.position:
        log.warning("the log went back; streams go on from its end", newest=ends.newest, seen=live.position)
        live.start_at(ends.newest)


async def _read_on(pool: Pool, live: Live, keep: int) -> bool:
    """Take in the next page; True if there may be more at once."""
    async with pool.acquire(timeout=5) as connection:
        if not live.started:
            ends = await log_store.ends(connection)
            first = max(ends.oldest - 1, ends.newest - keep)
            recent: list[log_store.Row] = []
            while (page := await log_store.after(connection, recent[-1].position if recent else first, PAGE)) and len(
                recent
            ) < keep:
                recent += page
            live.start_at(first)
            live.publish(frame_of(row) for row in recent)
            live.position = max(live.position, ends.newest)
            return False
        rows = await log_store.after(connection, live.position, PAGE)
    live.publish(frame_of(row) for row in rows)
    return len(rows) == PAGE
