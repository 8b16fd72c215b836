"""Keep the keys of personal parts: each under its subject's, before its report is stored.

Reports that come at the same time share two statements. A report whose subject is erased between its key and itself is
erased with it: it comes a moment before, not after.
"""

import asyncio
import hashlib
import hmac
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.intake.domain.report import Personal
from services.intake.sealing import KEY_BYTES, CannotUnseal, Sealed, Sealer, decrypt, encrypt, is_old
from services.intake.store import subjects as store
from services.intake.store.reports import Row
from services.intake.store.subjects import Candidate, Kept
from shared.kernel.clock import Clock
from shared.kernel.errors import Unavailable
from shared.kernel.ids import tracking_hash
from shared.postgres import ACQUIRE_SECONDS, Connection, Pool, is_outage

log = structlog.get_logger()

MARKS: Final = "marks"
_MOST: Final = 256
_TRIES: Final = 20

_Subjects: TypeAlias = dict[bytes, tuple[UUID, bytes]]


class Due(NamedTuple):
    """A personal part whose key is to be kept."""

    report_id: UUID
    tracking_code: str
    received_at: datetime
    sealed: Sealed


_Waiting: TypeAlias = tuple[Sequence[Due], "asyncio.Future[None]"]


class SubjectBusy(Unavailable):
    slug, title, title_zh = "subject-busy", "The same person's key is being made or erased", "同一主体正在处理"


class PersonalKeyMissing(Unavailable):
    """A person's key lies under an installation key that this process was not given."""

    slug, title, title_zh = "personal-key-missing", "A key of personal data is not given", "缺少个人信息密钥"


class Opening(NamedTuple):
    """What opens a report's personal part: its sealed text, its own key and its subject's, both wrapped."""

    report_id: UUID
    sealed: bytes
    key: bytes | None
    subject: UUID | None
    subject_key: bytes | None


class Whose(NamedTuple):
    """A subject and its key, to seal something under. `wrapped`: the subject is new, and to be added with that."""

    subject: UUID
    key: bytes
    wrapped: bytes | None


class Vault:
    """Keeps and opens the keys under which personal parts lie."""

    def __init__(self, pool: Pool, sealer: Sealer, clock: Clock) -> None:
        self.sealer = sealer
        self._pool = pool
        self._clock = clock
        self._secret: bytes | None = None
        self._waiting: list[_Waiting] = []
        self._turn: asyncio.Task[None] | None = None

    async def keep(self, rows: Iterable[Row]) -> None:
        """Keep the keys of those of `rows` that have a personal part. Each row once, before it is stored."""
        due = [
            Due(row.id, row.tracking_code, row.received_at, s) for row in rows if isinstance(s := row.sealed, Sealed)
        ]
        if due:
            await self.keep_due(due)

    async def keep_due(self, due: Sequence[Due]) -> None:
        """The same of what is no row to be stored."""
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((due, kept))
        if self._turn is None:
            self._turn = asyncio.create_task(self._work(), name="personal-keys")
        # A client that hangs up leaves its key in the statement.
        await kept

    async def _work(self) -> None:
        """All that waits, together; while that is under way the next gather."""
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                await self._keep_group(group)
        finally:
            self._turn = None

    async def _keep_group(self, group: Sequence[_Waiting]) -> None:
        try:
            async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                await self._keep(connection, [one for due, _ in group for one in due])
        except BaseException as error:
            if isinstance(error, Exception) and not is_outage(error) and len(group) > 1:
                for alone in group:  # what is wrong with one costs the others nothing
                    await self._keep_group([alone])
                return
            for _, kept in group:
                if not kept.done():  # done already: the sender was cancelled
                    kept.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            for _, kept in group:
                if not kept.done():
                    kept.set_result(None)

    async def _keep(self, connection: Connection, due: Sequence[Due]) -> None:
        secret = await self._marks_secret(connection)
        alone: list[tuple[Kept, bytes]] = []
        marked: dict[UUID, tuple[Due, tuple[bytes, ...]]] = {}
        for one in due:
            if one.sealed.identifiers:
                marked[one.report_id] = one, tuple(_mark(secret, name) for name in one.sealed.identifiers)
            else:
                person, key = uuid4(), os.urandom(KEY_BYTES)
                alone.append((_kept(one, person, key), self.sealer.keys.wrap(key, person.bytes)))
        if alone:
            await store.keep_alone(connection, [kept for kept, _ in alone], [key for _, key in alone])
        for _ in range(_TRIES):
            if not marked:
                return
            subjects = await self._subjects(connection, [marks for _, marks in marked.values()])
            kept = []
            for one, marks in marked.values():
                person, wrapped = subjects[marks[0]]
                kept.append(_kept(one, person, self._unwrap(wrapped, person.bytes)))
            for report in await store.keep(connection, sorted(kept, key=lambda each: each.subject)):
                del marked[report]
        raise SubjectBusy("nothing was stored; send the same again", facts={"retry_after": 1})

    async def _subjects(self, connection: Connection, asked: Sequence[tuple[bytes, ...]]) -> _Subjects:
        """First mark → its subject and its wrapped key."""
        wanted: dict[bytes, bytes | None] = {}
        for mark, *other in asked:
            wanted[mark] = other[0] if other else wanted.get(mark)
        found: _Subjects = {}
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
        person = uuid4()
        return Candidate(mark, other, person, self.sealer.keys.wrap(os.urandom(KEY_BYTES), person.bytes))

    async def whose(self, named: Sequence[tuple[str, ...]]) -> list[Whose]:
        """The subject of each of `named`, which are identifiers (`domain.contact`): one that is known again, which may
        end until it is held (`store.subjects.hold`), or a new one where there are none.
        """
        found: _Subjects = {}
        marks: list[tuple[bytes, ...]] = []
        if any(named):
            async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                secret = await self._marks_secret(connection)
                marks = [tuple(_mark(secret, name) for name in names) for names in named]
                found = await self._subjects(connection, [each for each in marks if each])
        whose = []
        for each in marks or [() for _ in named]:
            if each:
                subject, wrapped = found[each[0]]
                whose.append(Whose(subject, self._unwrap(wrapped, subject.bytes), None))
            else:
                subject, key = uuid4(), os.urandom(KEY_BYTES)
                whose.append(Whose(subject, key, self.sealer.keys.wrap(key, subject.bytes)))
        return whose

    def open_under(self, subject: UUID, wrapped: bytes, sealed: bytes, bound: UUID) -> bytes:
        """What was sealed under a subject's own key, bound to the id of what it belongs to. Raises CannotUnseal."""
        return decrypt(AESGCM(self.sealer.keys.unwrap(wrapped, subject.bytes)), sealed, bound.bytes)

    def open(self, opening: Opening) -> Personal | None:
        """The personal part; None once its key, or its subject's, is gone. Raises CannotUnseal."""
        if is_old(opening.sealed):
            return self.sealer.unseal(opening.report_id, opening.sealed)
        if opening.key is None or opening.subject is None or opening.subject_key is None:
            return None
        person = AESGCM(self.sealer.keys.unwrap(opening.subject_key, opening.subject.bytes))
        own = decrypt(person, opening.key, opening.report_id.bytes)
        return self.sealer.unseal(opening.report_id, opening.sealed, own)

    async def secret(self) -> bytes:
        """Under which what holds personal data is hashed. It is the same under every installation key."""
        if self._secret is None:
            async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                return await self._marks_secret(connection)
        return self._secret

    async def mark(self, connection: Connection, identifier: str) -> bytes:
        """The keyed hash by which a person is found: HMAC-SHA-256, 16 bytes."""
        return _mark(await self._marks_secret(connection), identifier)

    async def keyed(self, text: bytes) -> bytes:
        """A keyed hash of what holds personal data, for comparing alone: no plain one, which is soon guessed."""
        return hmac.digest(await self.secret(), text, "sha256")

    async def _marks_secret(self, connection: Connection) -> bytes:
        # Made once for all time: a new installation key wraps it anew, and persons are still known again.
        if self._secret is None:
            wrapped = await store.secret(connection, MARKS)
            if wrapped is None:
                fresh = self.sealer.keys.wrap(os.urandom(KEY_BYTES), MARKS.encode())
                await store.add_secret(connection, MARKS, fresh)
                wrapped = await store.secret(connection, MARKS)
                assert wrapped is not None
            self._secret = self._unwrap(wrapped, MARKS.encode())
        return self._secret

    def _unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
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
    return hmac.new(secret, identifier.encode(), hashlib.sha256).digest()[:16]
