"""Passwords, hashed with argon2id aside: the event loop never waits for a hash, and only so many are made at once."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from services.dispatch.domain.accounts import SignInBusy, normal

T = TypeVar("T")

# OWASP's first recommendation for argon2id: 46 MiB, one pass, one lane. Two at once are 92 MiB of a pod's 400; each
# took 74 ms of a busy machine's core, so that whoever waits longest waits some 1.2 s.
TIME_COST: Final = 1
MEMORY_KIB: Final = 47_104
AT_ONCE: Final = 2
WAITING: Final = 32
# Without what is mistaken for something else when read from paper: 0 O 1 l I.
_LETTERS: Final = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class Passwords:
    """Hashes and verifies. `close` when done."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=1)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
        self._under_way = 0
        self._dummy: str | None = None

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place among those who sign in at the same time, taken before a try is counted. Raises SignInBusy."""
        if self._under_way >= WAITING:
            raise SignInBusy("too many are signing in at this moment: try again in a second", facts={"retry_after": 1})
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def hash(self, password: str) -> str:
        """The hash to keep in the password's place."""
        return await self._aside(lambda: self._hasher.hash(normal(password)))

    async def matches(self, known: str | None, password: str) -> bool:
        """Whether `password` is the one hashed; without a hash the same work is done, and the answer is no."""
        return await self._aside(lambda: self._matches(known, normal(password)))

    def outdated(self, known: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(known)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, known: str | None, password: str) -> bool:
        if known is None and self._dummy is None:
            self._dummy = self._hasher.hash(secrets.token_hex(16))
        try:
            self._hasher.verify(known or self._dummy or "", password)
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return False
        return known is not None

    async def _aside(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def one_time_password() -> str:
    """An initial password 初始密码, 16 characters that can be read from paper (93 bits)."""
    return "".join(secrets.choice(_LETTERS) for _ in range(16))
