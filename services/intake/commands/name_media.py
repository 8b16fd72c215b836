"""Name media: a report or an act names files. Those that are there stay; those that are not are awaited, or refused."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from services.intake.domain.media import may_be_made
from services.intake.domain.report import UnknownMedia
from services.intake.store import media as store
from services.intake.store.media import Absent
from shared.kernel.errors import FieldError
from shared.postgres import Connection, Pool

# How long a report waits for a file that its sender named before sending it.
EXPECTED_FOR: Final = timedelta(days=7)
# What an act named may be on a telephone that is without a network for a while; nobody is told that it is missing.
ACT_EXPECTS_FOR: Final = timedelta(days=30)


async def name_media(connection: Connection | Pool, caller: str | None, ids: Sequence[UUID], now: datetime) -> None:
    """Note that `caller` names `ids`. One that is not there is awaited from that caller, if its client made it of late;
    from nobody, if there is no caller.

    Raises UnknownMedia for any other, and for one that is awaited from somebody else. One round trip when all are
    there.
    """
    absent = await store.name(connection, ids, now)
    if not absent:
        return
    refused = _refused(absent, caller, now)
    if refused:
        raise _unknown(ids, refused)
    await store.expect(connection, [each.id for each in absent], caller, now + EXPECTED_FOR)


async def name_each(
    connection: Connection | Pool, caller: str, lists: Mapping[int, Sequence[UUID]], now: datetime
) -> dict[int, UnknownMedia]:
    """The same for many that each name files, in one statement (two, if some are awaited); the refusals of those that
    name unknown ones. What a refused one named beside is named nevertheless, which costs a file its sweep.
    """
    absent = await store.name(connection, sorted({media for ids in lists.values() for media in ids}), now)
    refused = _refused(absent, caller, now)
    outcomes = {number: _unknown(ids, refused) for number, ids in lists.items() if not refused.isdisjoint(ids)}
    taken = {media for number, ids in lists.items() if number not in outcomes for media in ids}
    awaited = [each.id for each in absent if each.id in taken]
    if awaited:
        await store.expect(connection, awaited, caller, now + EXPECTED_FOR)
    return outcomes


def _refused(absent: Sequence[Absent], caller: str | None, now: datetime) -> set[UUID]:
    return {
        each.id
        for each in absent
        if caller is None
        or (each.expected and each.caller not in (None, caller))
        or (not each.expected and not may_be_made(each.id, now))
    }


def _unknown(ids: Sequence[UUID], refused: Collection[UUID]) -> UnknownMedia:
    return UnknownMedia(
        "upload the file first: POST /intake/v1/media answers with its id; or name it by a fresh UUIDv7 of your "
        "own, and send it under that id afterwards: PUT /intake/v1/media/{id}",
        errors=[FieldError(f"/media/{n}", "no such media") for n, media in enumerate(ids) if media in refused],
    )


async def name_by_facts(tx: Connection, facts: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Note what the facts of cases name: the media of a case, and what was brought as evidence of an act."""
    named = {UUID(each) for fact in facts for each in (*(fact.get("media") or ()), *(fact.get("evidence") or ()))}
    if named and (absent := await store.name(tx, sorted(named), now)):
        await store.expect(tx, [each.id for each in absent], None, now + ACT_EXPECTS_FOR)
