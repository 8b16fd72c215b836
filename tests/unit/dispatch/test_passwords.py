"""Passwords: what may be one, and how they are looked at."""

import asyncio

import pytest
from argon2 import PasswordHasher

from services.dispatch.domain.accounts import (
    BadAccountName,
    BadPassword,
    SignInBusy,
    check_account,
    check_password,
)
from services.dispatch.passwords import AT_ONCE, WAITING, Passwords, one_time_password

GOOD = "correct horse 电池"


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "short",
        "qwertyuiop",
        "Password123",
        "１２３４５６７８９０",
        "aaaaaaaaaaaa",
        "wang.lei",
        "wang.lei12",
        "x" * 129,
        GOOD,
    ],
)
def test_a_bad_password_is_refused_and_not_repeated(bad):
    with pytest.raises(BadPassword) as refused:
        check_password(bad, "wang.lei", GOOD)
    assert not bad or bad not in refused.value.detail


def test_a_good_password_and_every_one_time_password_may_be_chosen():
    check_password(GOOD, "wang.lei", "another one before")
    for _ in range(100):
        check_password(one_time_password(), "wang.lei")


@pytest.mark.parametrize("name", ["", "x", "-x", "a b", "x" * 65, "a\x00b", "a/b"])
def test_a_bad_name_of_an_account_is_refused(name):
    with pytest.raises(BadAccountName):
        check_account(name)


@pytest.mark.parametrize("name", ["wang.lei", "王磊", "wang@city", "1001"])
def test_names_of_accounts(name):
    check_account(name)


async def test_only_the_right_password_matches_and_nothing_matches_without_a_hash():
    passwords = Passwords()
    known = await passwords.hash(GOOD)
    assert known.startswith("$argon2id$")
    assert await passwords.matches(known, GOOD)
    assert await passwords.matches(known, "correct horse \u7535\u6c60")
    assert not await passwords.matches(known, GOOD + " ")
    assert not await passwords.matches(None, GOOD)
    assert not await passwords.matches("no hash at all", GOOD)
    assert not passwords.outdated(known)
    assert passwords.outdated(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(GOOD))
    passwords.close()


async def test_an_account_that_is_not_there_costs_the_same_work():
    passwords, counting = Passwords(), Verifying()
    passwords._hasher = counting  # type: ignore[assignment]
    for known in ("hash", None, None):
        await passwords.matches(known, GOOD)
    assert counting.verified == ["hash", "dummy", "dummy"]
    passwords.close()


async def test_only_so_many_are_hashed_at_once_the_others_wait_and_one_too_many_is_refused():
    passwords = Passwords()
    passwords._hasher = Counting()  # type: ignore[assignment]

    async def sign_in() -> str:
        with passwords.place():
            return await passwords.hash(GOOD)

    many = [asyncio.create_task(sign_in()) for _ in range(WAITING + 3)]
    done = await asyncio.gather(*many, return_exceptions=True)
    assert sum(isinstance(each, SignInBusy) for each in done) == 3
    assert Counting.most == AT_ONCE
    with passwords.place():  # there is room again
        pass
    passwords.close()


class Verifying:
    """Stands in for argon2, and notes which hashes were worked on."""

    def __init__(self) -> None:
        self.verified: list[str] = []

    def hash(self, password: str) -> str:
        return "dummy"

    def verify(self, known: str, password: str) -> bool:
        self.verified.append(known)
        return True


class Counting:
    """Stands in for argon2, and counts how many are under way."""

    under_way = most = 0

    def hash(self, password: str) -> str:
        import time

        Counting.under_way += 1
        Counting.most = max(Counting.most, Counting.under_way)
        time.sleep(0.005)
        Counting.under_way -= 1
        return "hash"
