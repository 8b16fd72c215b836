"""What the trigger noted is carried on: moves into counters, new cases into the words that are searched."""

import asyncio
from zoneinfo import ZoneInfo

from services.dispatch.domain.search import grams, searched
from services.dispatch.store import tallies, words
from services.dispatch.wiring import Wired
from shared.postgres import transaction

# 2,000 moves are added up in 60 ms, 500 cases read in 100 ms: locks and memory for no longer.
MOVES = 2000
CASES = 500


async def fold_moves(wired: Wired) -> bool:
    """Add a batch of moves to the counters. True if more are waiting."""
    zone = _zone(wired)
    async with transaction(wired.pool) as tx:
        if await tallies.counted(tx):
            return await tallies.fold(tx, zone, MOVES) >= MOVES
    await recount(wired)  # the counters of a city that is older than they are
    return True


async def forget_days(wired: Wired) -> None:
    """Drop the counters of days that nobody asks for any more."""
    async with transaction(wired.pool) as tx:
        await tallies.forget_days(tx, _zone(wired))


async def recount(wired: Wired) -> int:
    """Count all cases anew while acts go on. Returns how many counters were wrong: none, unless rows came or went
    behind the trigger's back.
    """
    async with transaction(wired.pool) as tx:
        return await tallies.recount(tx, _zone(wired))


async def read_words(wired: Wired) -> bool:
    """Read the words of a batch of cases. True if more are waiting.

    In one transaction with the notes that named them: each is read once, however often a worker is killed.
    """
    async with transaction(wired.pool) as tx:
        notes, unread = await words.take(tx, CASES)
        if unread:
            await words.put(tx, await asyncio.to_thread(_read, unread))
    return notes >= CASES


def _read(unread: list[words.Unread]) -> list[words.Read]:
    read = []
    for case in unread:
        text = searched(case.number, case.description, case.attributes)
        read.append(words.Read(case.id, case.number, text, grams(text)))
    return read


def _zone(wired: Wired) -> str:
    zone: ZoneInfo = wired.rules.calendar.zone
    return zone.key
