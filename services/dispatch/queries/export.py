"""Cases as a file: as they all were at one instant, in constant memory."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import IO, Any

from services.dispatch.queries.sheet import Book, Sheet, csv_head, csv_lines
from services.dispatch.store import export
from services.dispatch.store.wanted import Sight, Wanted
from shared.kernel.errors import Invalid, TooMany
from shared.postgres import ACQUIRE_SECONDS, Pool

# CSV streams, so it ends where a sheet of Excel ends. An XLSX is made whole before its first byte is sent, at 3,000
# cases a second of a core (CSV: 20,000): these take a quarter of a minute.
MOST_CSV = 1_000_000
MOST_XLSX = 50_000
RETRY_SECONDS = 20


class ExportTooLarge(Invalid):
    slug, title, title_zh = "export-too-large", "More cases than an export may have", "导出数据量超出上限"


class ExportsBusy(TooMany):
    slug, title, title_zh = "exports-busy", "Too many exports are running", "正在导出的任务过多，请稍后重试"


@asynccontextmanager
async def _rows(
    pool: Pool, slots: asyncio.Semaphore, sight: Sight, wanted: Wanted, most: int
) -> AsyncIterator[AsyncIterator[Sequence[Any]]]:
    if slots.locked():
        raise ExportsBusy(
            "as many exports as one process takes at once are running; try again soon",
            facts={"retry_after": RETRY_SECONDS},
        )
    async with (
        slots,
        pool.acquire(timeout=ACQUIRE_SECONDS) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        prepared = await export.prepare(connection, sight, wanted, most)
        if prepared.cases > most:
            raise ExportTooLarge(
                f"more than {most:,} cases match; name an area, a status or a shorter time, or take CSV for up to "
                f"{MOST_CSV:,}",
                facts={"most": most},
            )
        yield export.rows(connection, prepared)


async def csv_export(
    pool: Pool, slots: asyncio.Semaphore, sight: Sight, wanted: Wanted, sheet: Sheet
) -> AsyncGenerator[bytes, None]:
    """The file piece by piece. Before the first piece it raises ExportTooLarge or ExportsBusy; what it raises later
    must break the answer off.
    """
    async with _rows(pool, slots, sight, wanted, MOST_CSV) as rows:
        yield csv_head(sheet)
        async for step in rows:
            yield csv_lines(sheet, step)


async def xlsx_export(pool: Pool, slots: asyncio.Semaphore, sight: Sight, wanted: Wanted, sheet: Sheet) -> IO[bytes]:
    """The whole file, made in a thread; the caller closes it. Raises ExportTooLarge, ExportsBusy."""
    async with _rows(pool, slots, sight, wanted, MOST_XLSX) as rows:
        book = Book(sheet)
        try:
            async for step in rows:
                await asyncio.to_thread(book.add, step)
            return await asyncio.to_thread(book.finished)
        except BaseException:
            book.drop()
            raise
