"""Built-in accounts on a real database: signing in, the first password, lock-out, renewal."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from argon2 import PasswordHasher
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Mount

from services.dispatch.app import create_app
from services.dispatch.commands.import_people import import_people
from services.dispatch.commands.keep_accounts import (
    create_account,
    disable_account,
    every_account,
    reset_account,
    sweep_tries,
    unlock_account,
)
from services.dispatch.domain.accounts import AccountExists, AccountNotFound, NoPost
from services.dispatch.settings import DispatchSettings
from services.dispatch.sheets import read_persons
from services.dispatch.wiring import Wired, wire
from shared.auth.accounts import AccountSigner, new_private_key, read_private_key
from shared.bus.opening import open_carrier
from shared.kernel.clock import utc_now
from tests.integration.dispatch.conftest import AUDIT_KEY, SECRET

OWN = "a password of my own 密码"


class Office:
    """A dispatch service with built-in accounts."""

    def __init__(self, wired: Wired, http: httpx.AsyncClient) -> None:
        self.wired = wired
        self.http = http

    async def employ(self, subject: str, post: str = "dispatcher", **more: str) -> None:
        cells = {"subject": subject, "name": "李", "post": post, "area": "110108", **more}
        text = f"{','.join(cells)}\n{','.join(cells.values())}\n"
        await import_people(self.wired, read_persons(text.encode(), self.wired.rules.calendar.zone))

    async def account(self) -> tuple[str, str]:
        """A fresh dispatcher's account with its initial password."""
        name = f"li-{uuid4().hex[:12]}"
        await self.employ(name)
        return name, await create_account(self.wired, name, name)

    async def open_account(self) -> tuple[str, dict[str, Any]]:
        """One whose password was changed to OWN, with a session."""
        name, initial = await self.account()
        session = (await self.sign_in(name, initial)).json()
        changed = await self.change(session["token"], initial, OWN)
        assert changed.status_code == 200, changed.text
        return name, changed.json()

    async def sign_in(self, account: str, password: str) -> httpx.Response:
        return await self.http.post("/dispatch/v1/sessions", json={"account": account, "password": password})

    async def renew(self, token: str) -> httpx.Response:
        return await self.http.post("/dispatch/v1/sessions/renewal", headers=bearer(token))

    async def change(self, token: str, old: str, new: str) -> httpx.Response:
        return await self.http.put(
            "/dispatch/v1/account/password", headers=bearer(token), json={"old": old, "new": new}
        )

    async def me(self, token: str) -> httpx.Response:
        return await self.http.get("/dispatch/v1/me", headers=bearer(token))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).removeprefix("/problems/")


@pytest.fixture(scope="module")
async def office(database: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    key: Path = tmp_path_factory.mktemp("accounts") / "accounts.key"
    key.write_bytes(new_private_key())
    settings = DispatchSettings(
        environment="production",
        database_url=database,
        carrier="embedded",
        accounts_key_file=key,
        audit_key=SecretStr(AUDIT_KEY),
    )
    carrier = open_carrier(settings)
    async with wire(settings, carrier) as wired:
        app = Starlette(routes=[Mount("/dispatch", create_app(wired))])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://city") as http:
            yield Office(wired, http)
    await carrier.close()


async def test_the_first_session_is_good_for_choosing_a_password_alone(office: Office) -> None:
    name, initial = await office.account()
    answer = await office.sign_in(name, initial)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    session = answer.json()
    assert session["must_change"] is True
    refused = await office.me(session["token"])
    assert (refused.status_code, slug(refused)) == (403, "password-change-needed")
    refused = await office.renew(session["token"])
    assert (refused.status_code, slug(refused)) == (403, "password-change-needed")

    weak = await office.change(session["token"], initial, "qwertyuiop")
    assert (weak.status_code, weak.json()["errors"][0]["pointer"]) == (422, "/new")
    changed = await office.change(session["token"], initial, OWN)
    assert changed.status_code == 200
    assert changed.json()["must_change"] is False
    me = (await office.me(changed.json()["token"])).json()
    assert me == {"subject": name, "centre": "command", "post": "dispatcher", "area": "110108", "unit": None}
    assert (await office.sign_in(name, initial)).status_code == 401
    assert (await office.sign_in(name, OWN)).json()["must_change"] is False


async def test_unknown_wrong_and_locked_look_alike_whether_or_not_there_is_an_account(office: Office) -> None:
    name, initial = await office.account()
    answers = {}
    for account in (name, f"nobody-{uuid4().hex}"):
        tries = [await office.sign_in(account, "not the password") for _ in range(6)]
        answers[account] = [(each.status_code, each.json()["type"], each.json()["title"]) for each in tries]
        assert tries[5].status_code == 429
        assert 1 <= int(tries[5].headers["retry-after"]) <= 15 * 60
    assert len({str(each) for each in answers.values()}) == 1
    # Locked is locked: the right password is not even looked at.
    assert slug(await office.sign_in(name, initial)) == "sign-in-locked"
    await unlock_account(office.wired, name)
    assert (await office.sign_in(name, initial)).status_code == 201


async def test_fifty_tries_at_once_are_five(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    name, initial = await office.account()
    looked = Counter[str]()
    matches = office.wired.passwords.matches

    async def counted(known: str | None, password: str) -> bool:
        looked[password] += 1
        return await matches(known, password)

    monkeypatch.setattr(type(office.wired.passwords), "matches", lambda self, *given: counted(*given))
    answers = await asyncio.gather(*(office.sign_in(name, f"guess number {n}") for n in range(50)))
    assert Counter(answer.status_code for answer in answers) == {401: 5, 429: 45}
    assert looked.total() == 5
    assert (await office.sign_in(name, initial)).status_code == 429


async def test_a_lock_ends_and_failures_of_long_ago_do_not_count(office: Office) -> None:
    name, initial = await office.account()
    pool = office.wired.pool
    for _ in range(6):
        await office.sign_in(name, "not the password")
    mine = "name_hash = sha256(convert_to($1::text, 'UTF8'))"
    await pool.execute(f"UPDATE dispatch.sign_in_tries SET locked_until = now() - interval '1 s' WHERE {mine}", name)
    assert (await office.sign_in(name, initial)).status_code == 201
    for _ in range(4):
        await office.sign_in(name, "not the password")
    await pool.execute(f"UPDATE dispatch.sign_in_tries SET since = since - interval '16 min' WHERE {mine}", name)
    assert (await office.sign_in(name, "not the password")).status_code == 401
    assert (await office.sign_in(name, initial)).status_code == 201
    await office.sign_in(name, "not the password")
    await pool.execute(f"UPDATE dispatch.sign_in_tries SET since = since - interval '2 d' WHERE {mine}", name)
    await sweep_tries(office.wired)
    assert await pool.fetchval(f"SELECT count(*) FROM dispatch.sign_in_tries WHERE {mine}", name) == 0


async def test_a_right_password_forgets_the_failures_before_it(office: Office) -> None:
    name, initial = await office.account()
    for _ in range(3):
        for _ in range(4):
            assert (await office.sign_in(name, "not the password")).status_code == 401
        assert (await office.sign_in(name, initial)).status_code == 201


async def test_guessing_the_old_password_counts_as_well(office: Office) -> None:
    name, session = await office.open_account()
    answers = [await office.change(session["token"], "not the password", f"another {n} password") for n in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    await unlock_account(office.wired, name)


async def test_a_session_is_renewed_with_the_post_of_today(office: Office) -> None:
    name, session = await office.open_account()
    renewed = await office.renew(session["token"])
    assert renewed.status_code == 201
    await office.employ(name, "acceptor")
    again = await office.renew(renewed.json()["token"])
    assert (await office.me(again.json()["token"])).json()["centre"] == "supervision"
    await office.employ(name, "acceptor", valid_until=utc_now().isoformat())
    gone = await office.renew(again.json()["token"])
    assert (gone.status_code, slug(gone)) == (403, "no-post")
    assert slug(await office.sign_in(name, OWN)) == "no-post"


async def test_a_changed_password_a_reset_and_a_disabled_account_end_renewal(office: Office) -> None:
    name, session = await office.open_account()
    changed = (await office.change(session["token"], OWN, "yet another password")).json()
    ended = await office.renew(session["token"])
    assert (ended.status_code, slug(ended)) == (401, "session-ended")
    assert (await office.renew(changed["token"])).status_code == 201

    await disable_account(office.wired, name)
    assert slug(await office.renew(changed["token"])) == "session-ended"
    assert (await office.sign_in(name, "not the password")).status_code == 401
    refused = await office.sign_in(name, "yet another password")
    assert (refused.status_code, slug(refused)) == (403, "account-disabled")

    initial = await reset_account(office.wired, name)
    assert (await office.sign_in(name, initial)).json()["must_change"] is True
    assert slug(await office.renew(changed["token"])) == "session-ended"


async def test_a_session_ends_twelve_hours_after_signing_in(office: Office) -> None:
    _, session = await office.open_account()
    signer = office.wired.signer
    assert signer is not None
    claims = dict(signer.read(session["token"]))
    claims["auth_time"] -= 11 * 3600 + 50 * 60
    short = (await office.renew(signer.sign(claims, utc_now(), utc_now().replace(year=2100)))).json()
    read = signer.read(short["token"])
    assert read["exp"] - read["iat"] <= 10 * 60
    claims["auth_time"] -= 3600
    ended = await office.renew(signer.sign(claims, utc_now(), utc_now().replace(year=2100)))
    assert (ended.status_code, slug(ended)) == (401, "session-ended")


async def test_a_hash_of_other_parameters_is_made_anew(office: Office) -> None:
    name, _ = await office.open_account()
    pool = office.wired.pool
    old = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(OWN)
    await pool.execute("UPDATE dispatch.accounts SET hash = $2 WHERE account = $1", name, old)
    assert (await office.sign_in(name, OWN)).status_code == 201
    fresh = await pool.fetchval("SELECT hash FROM dispatch.accounts WHERE account = $1", name)
    assert fresh.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    assert (await office.sign_in(name, OWN)).status_code == 201


async def test_tokens_of_others_do_not_renew(office: Office, tmp_path: Path) -> None:
    name, session = await office.open_account()
    assert office.wired.signer is not None
    claims = dict(office.wired.signer.read(session["token"]))
    (tmp_path / "key").write_bytes(new_private_key())
    strange = AccountSigner(read_private_key(tmp_path / "key"), "wangge").sign(claims, utc_now(), utc_now())
    secret = jwt.encode(claims, SECRET, algorithm="HS256")
    for token in (strange, secret, "nothing", session["token"][:-4] + "AAAA"):
        assert (await office.renew(token)).status_code == 401
        assert (await office.change(token, OWN, "yet another password")).status_code == 401
    assert (await office.http.post("/dispatch/v1/sessions/renewal")).status_code == 401
    assert (await office.sign_in(name, OWN)).status_code == 201


async def test_an_operator_makes_accounts_for_people_who_are_there(office: Office) -> None:
    name, _ = await office.account()
    with pytest.raises(AccountExists):
        await create_account(office.wired, name, name)
    with pytest.raises(NoPost, match="people import"):
        await create_account(office.wired, "stranger", "stranger")
    for act in (reset_account, unlock_account, disable_account):
        with pytest.raises(AccountNotFound):
            await act(office.wired, "no-such-account")
    (mine,) = (one for one in await every_account(office.wired) if one["account"] == name)
    assert (mine["post"], mine["must_change"], mine["disabled"]) == ("dispatcher", True, False)


async def test_no_password_is_repeated_in_an_answer(office: Office) -> None:
    secret = "秘密 that must not come back"
    for body in ({"account": 1, "password": secret}, {"account": "x", "password": [secret]}, {"password": secret}):
        answer = await office.http.post("/dispatch/v1/sessions", json=body)
        assert answer.status_code == 422
        assert secret not in answer.text


async def test_without_a_key_there_are_no_accounts(database: str) -> None:
    settings = DispatchSettings(
        environment="test", database_url=database, carrier="embedded", token_secret=SecretStr(SECRET)
    )
    carrier = open_carrier(settings)
    async with wire(settings, carrier) as wired:
        app = Starlette(routes=[Mount("/dispatch", create_app(wired))])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://city") as http:
            answer = await http.post("/dispatch/v1/sessions", json={"account": "x", "password": "y"})
    assert (answer.status_code, slug(answer)) == (404, "no-accounts")
    await carrier.close()
