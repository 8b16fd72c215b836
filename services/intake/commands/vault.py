"""Keep the keys of personal parts: each under its subject's, before its report is stored.

Reports that come at the same time share a statement. A report whose subject is erased between its key and itself is
erased with it: it comes a moment before, not after.
"""

import asyncio
import hmac
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.intake.commands.persons import Due, PersonalKeyMissing, Persons, SubjectBusy, Whose, code_of
from services.intake.domain.report import Personal
from services.intake.sealing import Sealed, Sealer, decrypt, is_old
from services.intake.store.reports import Row
from shared.kernel.clock import Clock
from shared.postgres import ACQUIRE_SECONDS, Connection, Pool, PooledConnection, is_outage

__all__ = ["Due", "Opening", "PersonalKeyMissing", "SubjectBusy", "Vault", "Whose", "code_of"]

_MOST: Final = 256

_Waiting: TypeAlias = tuple[Sequence[Due], "asyncio.Future[None]"]


class Opening(NamedTuple):
    """What opens a report's personal part: its sealed text, its own key and its subject's, both wrapped."""

    report_id: UUID
    sealed: bytes
    key: bytes | None
    subject: UUID | None
    subject_key: bytes | None


class Vault:
    """Keeps and opens the keys under which personal parts lie."""

    def __init__(self, pool: Pool, sealer: Sealer, clock: Clock) -> None:
        self._pool = pool
        self._persons = Persons(sealer, clock)
        self._waiting: list[_Waiting] = []
        self._turn: asyncio.Task[None] | None = None

    @property
    def sealer(self) -> Sealer:
        return self._persons.sealer

    @sealer.setter
    def sealer(self, sealer: Sealer) -> None:
        self._persons.sealer = sealer

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
        """All that waits, together; while that is under way the next gather. The connection is kept from group to
        group: giving it back costs a round trip of its own.
        """
        connection: PooledConnection | None = None
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                try:
                    if connection is None:
                        connection = await self._pool.acquire(timeout=ACQUIRE_SECONDS)
                    await self._keep_group(connection, group)
                except BaseException as error:
                    _settle(group, error)
                    if not isinstance(error, Exception):
                        raise
                    if connection is not None:  # nothing is known of it
                        spoilt, connection = connection, None
                        await self._pool.release(spoilt)
        finally:
            self._turn = None  # before anything is waited for: who comes now begins a turn of their own
            if connection is not None:
                await self._pool.release(connection)

    async def _keep_group(self, connection: Connection, group: Sequence[_Waiting]) -> None:
        try:
            await self._persons.keep(connection, [one for due, _ in group for one in due])
        except Exception as error:
            if is_outage(error):
                raise
            if len(group) == 1:
                _settle(group, error)
                return
            for alone in group:  # what is wrong with one costs the others nothing
                await self._keep_group(connection, [alone])
            return
        _settle(group, None)

    async def whose(self, named: Sequence[tuple[str, ...]]) -> list[Whose]:
        """See `Persons.whose`."""
        async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            return await self._persons.whose(connection, named)

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

    async def mark(self, connection: Connection, identifier: str) -> bytes:
        """The keyed hash by which a person is found: HMAC-SHA-256, 16 bytes."""
        return await self._persons.mark(connection, identifier)

    async def secret(self) -> bytes:
        """Under which what holds personal data is hashed. It is the same under every installation key."""
        if (secret := self._persons.secret_at_hand) is not None:
            return secret
        async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            return await self._persons.secret(connection)

    async def keyed(self, text: bytes) -> bytes:
        """A keyed hash of what holds personal data, for comparing alone: no plain one, which is soon guessed."""
        return hmac.digest(await self.secret(), text, "sha256")


def _settle(group: Sequence[_Waiting], error: BaseException | None) -> None:
    for _, kept in group:
        if kept.done():  # the sender was cancelled, or it was settled alone
            continue
        if error is None:
            kept.set_result(None)
        else:
            kept.set_exception(error)
