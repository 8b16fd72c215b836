"""Sweep media: uploads that were given up, files that nothing ever named, files that no row knows, and what devices
wrote of place and time.

A row goes first and its file after it: what is left behind by a crash in between is a file that no row knows.
"""

from datetime import timedelta
from typing import Final

import structlog

from services.intake.commands.make_thumbnail import media_named_in, names_of
from services.intake.commands.store_media import Shelf
from services.intake.domain.media import MediaStoreAway
from services.intake.store import media as store
from services.intake.store import uploads as upload_store
from shared.jobs import Job
from shared.polling import polling_job
from shared.postgres import transaction

log = structlog.get_logger()

# Small transactions, so that nobody waits long for a lock.
BATCH: Final = 200
EVERY_SECONDS: Final = 300.0
# The whole store is listed once a day, by one worker; a file is younger than its row for as long as its upload takes.
LIST_EVERY: Final = timedelta(days=1)
LEAVE_YOUNGER: Final = timedelta(days=1)
OFFERED_FOR: Final = timedelta(days=30)


def sweep_job(shelf: Shelf, unnamed_for: timedelta, offered_for: timedelta) -> Job:
    """Several may run at once."""

    async def work() -> bool:
        try:
            return await sweep_media(shelf, unnamed_for, offered_for)
        except MediaStoreAway:
            return False  # said by the store; the next turn finds what this one left

    return polling_job("media-sweep", work, every=EVERY_SECONDS)


async def sweep_media(shelf: Shelf, unnamed_for: timedelta, offered_for: timedelta = OFFERED_FOR) -> bool:
    """One batch of each kind; whether there may be more. Raises MediaStoreAway."""
    now = shelf.clock()
    async with transaction(shelf.pool) as tx:
        given_up = await upload_store.expired(tx, now, BATCH)
        parts = [name for upload_id in given_up for name in await upload_store.parts(tx, upload_id)]
        for upload_id in given_up:
            await upload_store.drop(tx, upload_id)
        await store.name_awaited(tx, now)
        unnamed = await store.take_unnamed(tx, now - unnamed_for, BATCH)
        await store.drop_expected(tx, now, BATCH)
        offered = await store.forget_offered(tx, now - offered_for, BATCH)
    await shelf.files.delete([*parts, *(name for stored_as in unnamed for name in names_of(stored_as))])
    if given_up or unnamed:
        log.info("media swept", uploads=len(given_up), unnamed=len(unnamed))
    async with transaction(shelf.pool) as tx:
        mine = await store.claim_listing(tx, now, now - LIST_EVERY)
    if mine:
        await sweep_unknown(shelf)
    return BATCH in (len(given_up), len(unnamed), offered)


async def sweep_unknown(shelf: Shelf) -> int:
    """Delete files of the store that no row knows; how many. A name that is not of our making stays."""
    deleted = 0
    async for names in shelf.files.older_than(shelf.clock() - LEAVE_YOUNGER):
        ours = [(name, media_id) for name in names if (media_id := media_named_in(name))]
        parts = [each for each in ours if each[0].startswith("uploads/")]
        media = [each for each in ours if not each[0].startswith(("uploads/", "thumbnails/"))]
        thumbnails = {
            name: (name.removeprefix("thumbnails/").partition(".")[0], media_id)
            for name, media_id in ours
            if name.startswith("thumbnails/")
        }
        unknown = await upload_store.unknown_parts(shelf.pool, parts)
        unknown += await store.unknown_files(shelf.pool, media)
        pictures = set(await store.unknown_files(shelf.pool, [*thumbnails.values()]))
        unknown += [name for name, (picture, _) in thumbnails.items() if picture in pictures]
        await shelf.files.delete(unknown)
        deleted += len(unknown)
    if deleted:
        log.info("files that no row knows were deleted from the media store", files=deleted)
    return deleted
