"""Seal whom field work names, under that person's own key: who erases the person erases it here too.

It lies under the subject's key directly: unlike a report, it is stored in the transaction that holds its subject.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.intake.commands.persons import SubjectBusy, Whose
from services.intake.commands.vault import Vault
from services.intake.domain.activity import Person, Personal
from services.intake.domain.contact import identifiers
from services.intake.domain.report import Reporter
from services.intake.sealing import encrypt
from services.intake.store import subjects as store
from shared.postgres import Connection


class Sealed(NamedTuple):
    """What of an activity names a person, sealed, and under whose key."""

    part: bytes
    whose: Whose


async def seal_visited(vault: Vault, each: Mapping[UUID, Personal]) -> dict[UUID, Sealed]:
    """By the ids of the activities. Raises SubjectBusy, PersonalKeyMissing."""
    if not each:
        return {}
    whose = await vault.whose([_identifiers(part.person) for part in each.values()])
    return {
        one: Sealed(encrypt(AESGCM(of.key), written(part), one.bytes), of)
        for (one, part), of in zip(each.items(), whose, strict=True)
    }


def written(part: Personal) -> bytes:
    return orjson.dumps({"person": part.person and part.person._asdict(), "details": part.details})


def read_back(secret: bytes) -> Personal:
    """The reverse of `written`."""
    kept: dict[str, Any] = orjson.loads(secret)
    return Personal(None if kept["person"] is None else Person(**kept["person"]), kept["details"])


async def hold_subjects(tx: Connection, sealed: Sequence[Sealed | None]) -> None:
    """Whoever is known already stays until the transaction ends. Raises SubjectBusy for one who was just erased."""
    known = sorted({one.whose.subject for one in sealed if one is not None and one.whose.wrapped is None})
    if known and len(await store.hold(tx, known)) < len(known):
        raise SubjectBusy("nothing was stored; send the same again", facts={"retry_after": 1})


async def add_subjects(tx: Connection, sealed: Sequence[tuple[Sealed | None, datetime]]) -> None:
    """Those that are new, of what was stored."""
    new = [(one.whose.subject, one.whose.wrapped) for one, _ in sealed if one is not None and one.whose.wrapped]
    if new:
        await store.add(tx, new, sealed[0][1])


def _identifiers(person: Person | None) -> tuple[str, ...]:
    return () if person is None else identifiers(Reporter(None, person.phone, None))
