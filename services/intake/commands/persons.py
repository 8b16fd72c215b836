"""Whose a personal part is: subjects found by marks, or made, and the keys of reports kept under them.

One statement for a group of reports whose persons are new, or were seen by this process before: what is known of those,
the wrapped key among it, is remembered. One who was erased since is not there when the key is to be kept, and is then
asked for again.
"""

import asyncio
import hmac
import os
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

import asyncpg
import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.intake.sealing import KEY_BYTES, CannotUnseal, Sealed, Sealer, encrypt
from services.intake.store import subjects as store
from services.intake.store.subjects import Candidate, Kept
from shared.kernel.clock import Clock
from shared.kernel.errors import Unavailable
from shared.kernel.ids import tracking_hash, uuid7
from shared.postgres import Connection

log = structlog.get_logger()

MARKS: Final = "marks"
_TRIES: Final = 20
# Some 3 MB.
_REMEMBERED: Final = 10_000

Marks: TypeAlias = tuple[bytes, ...]


class Due(NamedTuple):
    """A personal part whose key is to be kept."""

    report_id: UUID
    tracking_code: str
    received_at: datetime
    sealed: Sealed


class Whose(NamedTuple):
    """A subject and its key, to seal something under. `wrapped`: the subject is new, and to be added with that."""

    subject: UUID
    key: bytes
    wrapped: bytes | None


class SubjectBusy(Unavailable):
    slug, title, title_zh = "subject-busy", "The same person's key is being made or erased", "同一主体正在处理"


class PersonalKeyMissing(Unavailable):
    """A person's key lies under an installation key that this process was not given."""

    slug, title, title_zh = "personal-key-missing", "A key of personal data is not given", "缺少个人信息密钥"


class Persons:
    """Subjects by their marks; `sealer` wraps and unwraps their keys."""

    def __init__(self, sealer: Sealer, clock: Clock) -> None:
        self.sealer = sealer
        self._clock = clock
        self._secret: bytes | None = None
        # Marks → the subject and its wrapped key; the oldest goes first.
        self._known: dict[Marks, tuple[UUID, bytes]] = {}

    async def keep(self, connection: Connection, due: Sequence[Due]) -> None:
        """Keep the keys of `due`, each under its subject's. Raises SubjectBusy, PersonalKeyMissing."""
        secret = await self.secret(connection)
        left = {one.report_id: (one, tuple(_mark(secret, name) for name in one.sealed.identifiers)) for one in due}
        if not left:
            return
        for n in range(_TRIES):
            if n > 1:  # once more at once: who was just made, or known to others only, is found now
                await asyncio.sleep(0.01 * n)
            kept, asked = self._round([*left.values()])
            candidates = [*asked.values()]
            by_subject = sorted(kept, key=lambda each: each.subject)
            try:
                done, found = await store.keep(connection, candidates, by_subject, self._clock())
            except asyncpg.ForeignKeyViolationError:  # just erased
                continue
            for subject in found:
                self._remember(asked[subject.mark], subject.id, subject.key)
            for each in kept:
                marks = left[each.report_id][1]
                if each.report_id in done:
                    del left[each.report_id]
                    if marks and (candidate := asked.get(marks[0])) and candidate.id == each.subject:
                        self._remember(candidate, candidate.id, candidate.key)
                elif marks and self._known.get(marks, (None,))[0] == each.subject:
                    self._known.pop(marks, None)  # erased since
            if not left:
                return
        raise SubjectBusy("nothing was stored; send the same again", facts={"retry_after": 1})

    def _round(self, left: Sequence[tuple[Due, Marks]]) -> tuple[list[Kept], dict[bytes, Candidate]]:
        """What can be kept at once, and the subjects to be found or made for it, by their first marks. Of those with
        the same first mark and another second one, one comes at a time: each second one is to be found again, too.
        """
        kept: list[Kept] = []
        asked: dict[bytes, Candidate] = {}
        keys: dict[UUID, bytes] = {}
        for one, marks in left:
            if (known := self._known.get(marks)) is not None:
                subject, wrapped = known
                kept.append(_kept(one, subject, self.unwrap(wrapped, subject.bytes)))
                continue
            candidate = asked.get(marks[0]) if marks else None
            if candidate is None:
                key, person = os.urandom(KEY_BYTES), uuid7()
                wrapped = self.sealer.keys.wrap(key, person.bytes)
                mark, other = (*marks, None, None)[:2]
                candidate = Candidate(mark, other, person, wrapped)
                # One without marks is found by nothing: its own id stands for them.
                asked[marks[0] if marks else person.bytes] = candidate
                keys[person] = key
            elif marks[1:] and candidate.other != marks[1]:
                continue
            kept.append(_kept(one, candidate.id, keys[candidate.id]))
        return kept, asked

    def _remember(self, asked: Candidate, subject: UUID, key: bytes) -> None:
        if asked.mark is None:
            return
        names: list[Marks] = [(asked.mark,)] if asked.other is None else [(asked.mark,), (asked.mark, asked.other)]
        for marks in names:
            self._known.pop(marks, None)
            self._known[marks] = subject, key
        while len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]

    async def whose(self, connection: Connection, named: Sequence[tuple[str, ...]]) -> list[Whose]:
        """The subject of each of `named`, which are identifiers (`domain.contact`): one that is known again, which may
        end until it is held (`store.subjects.hold`), or a new one where there are none.
        """
        secret = await self.secret(connection)
        marks = [tuple(_mark(secret, name) for name in names) for names in named]
        found = await self._subjects(connection, [each for each in marks if each])
        whose = []
        for each in marks:
            if each:
                subject, wrapped = found[each[0]]
                whose.append(Whose(subject, self.unwrap(wrapped, subject.bytes), None))
            else:
                subject, key = uuid7(), os.urandom(KEY_BYTES)
                whose.append(Whose(subject, key, self.sealer.keys.wrap(key, subject.bytes)))
        return whose

    async def _subjects(self, connection: Connection, asked: Sequence[Marks]) -> dict[bytes, tuple[UUID, bytes]]:
        """First mark → its subject and its wrapped key."""
        wanted: dict[bytes, bytes | None] = {}
        for mark, *other in asked:
            wanted[mark] = other[0] if other else wanted.get(mark)
        found: dict[bytes, tuple[UUID, bytes]] = {}
        for n in range(_TRIES):
            if not (missing := [mark for mark in wanted if mark not in found]):
                return found
            if n:
                await asyncio.sleep(0.01 * n)
            candidates = [self._candidate(mark, wanted[mark]) for mark in missing]
            try:
                made = await store.find_or_make(connection, candidates, self._clock())
            except asyncpg.ForeignKeyViolationError:  # just erased
                continue
            found |= {subject.mark: (subject.id, subject.key) for subject in made}
        raise SubjectBusy("nothing was stored; send the same again", facts={"retry_after": 1})

    def _candidate(self, mark: bytes, other: bytes | None) -> Candidate:
        person = uuid7()
        return Candidate(mark, other, person, self.sealer.keys.wrap(os.urandom(KEY_BYTES), person.bytes))

    async def mark(self, connection: Connection, identifier: str) -> bytes:
        """The keyed hash by which a person is found: HMAC-SHA-256, 16 bytes."""
        return _mark(await self.secret(connection), identifier)

    async def secret(self, connection: Connection) -> bytes:
        """Made once for all time: a new installation key wraps it anew, and persons are still known again."""
        if self._secret is None:
            wrapped = await store.secret(connection, MARKS)
            if wrapped is None:
                fresh = self.sealer.keys.wrap(os.urandom(KEY_BYTES), MARKS.encode())
                await store.add_secret(connection, MARKS, fresh)
                wrapped = await store.secret(connection, MARKS)
                assert wrapped is not None
            self._secret = self.unwrap(wrapped, MARKS.encode())
        return self._secret

    @property
    def secret_at_hand(self) -> bytes | None:
        """None until it was asked for once."""
        return self._secret

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
        """Raises PersonalKeyMissing."""
        try:
            return self.sealer.keys.unwrap(wrapped, bound)
        except CannotUnseal as error:
            log.error("a person's key does not open", error=str(error))
            raise PersonalKeyMissing(
                "this process lacks a key; nothing was changed, send the same again", facts={"retry_after": 5}
            ) from None


def _kept(due: Due, person: UUID, key: bytes) -> Kept:
    wrapped = encrypt(AESGCM(key), due.sealed.key, due.report_id.bytes)
    return Kept(due.report_id, person, wrapped, code_of(due.tracking_code), due.received_at)


def code_of(tracking_code: str) -> bytes:
    """SHA-256 of a tracking code, as notify knows it too."""
    return bytes.fromhex(tracking_hash(tracking_code))


def _mark(secret: bytes, identifier: str) -> bytes:
    return hmac.digest(secret, identifier.encode(), "sha256")[:16]
