"""Tokens of a real identity provider at a real route of dispatch: flows, rotation of keys, an outage, floods."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Mount

from services.dispatch.app import create_app
from services.dispatch.settings import DispatchSettings
from services.dispatch.wiring import wire
from shared.auth import oidc
from shared.auth.oidc import OidcTokens
from shared.auth.tokens import TokenVerifier, UnknownSigningKey
from shared.bus.opening import open_carrier
from shared.jobs import supervise
from tests.integration.oidc.provider import IdentityProvider

SECRET = "a secret for tests that is long enough"


@asynccontextmanager
async def running() -> AsyncIterator[IdentityProvider]:
    """Takes three seconds to start: most of it is the making of keys."""
    one = IdentityProvider()
    await one.start()
    try:
        yield one
    finally:
        await one.stop()


@pytest.fixture(scope="module")
async def provider() -> AsyncIterator[IdentityProvider]:
    async with running() as one:
        yield one


@asynccontextmanager
async def dispatch(database: str, provider: IdentityProvider, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    settings = DispatchSettings(
        environment="production",
        database_url=database,
        carrier="embedded",
        oidc_issuer=provider.issuer,
        oidc_audience="wangge",
        audit_key=SecretStr("A" * 43 + "="),
        **more,
    )
    carrier = open_carrier(settings)
    async with wire(settings, carrier) as wired:
        app = Starlette(routes=[Mount("/dispatch", create_app(wired))])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://city") as http:
            yield http
    await carrier.close()


async def me(http: httpx.AsyncClient, token: str) -> httpx.Response:
    return await http.get("/dispatch/v1/me", headers={"Authorization": f"Bearer {token}"})


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).removeprefix("/problems/")


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
async def test_a_token_of_each_algorithm_opens_a_route(database: str, provider: IdentityProvider, alg: str) -> None:
    async with dispatch(database, provider) as http:
        answer = await me(http, await provider.token(alg=alg))
        assert answer.status_code == 200, answer.text
        assert answer.json() == {
            "subject": "li",
            "centre": "command",
            "post": "dispatcher",
            "area": "110108",
            "unit": None,
        }


async def test_a_person_signs_in_by_the_authorization_code_flow(database: str, provider: IdentityProvider) -> None:
    tokens = await provider.sign_in("li")
    async with dispatch(database, provider) as http:
        answer = await me(http, tokens["access_token"])
        assert answer.status_code == 200, answer.text
        assert answer.json()["post"] == "dispatcher"
        # The ID token is signed by the same key, and meant for the client alone.
        refused = await me(http, tokens["id_token"])
        assert (refused.status_code, slug(refused)) == (401, "bad-token")


async def test_claims_have_the_names_that_the_provider_gives_them(database: str, provider: IdentityProvider) -> None:
    token = await provider.token("renamed")
    async with dispatch(database, provider) as http:
        assert (await me(http, token)).status_code == 401
    names = {"centre": "office", "post": "job", "area": "place"}
    async with dispatch(database, provider, oidc_claims=names) as http:
        assert (await me(http, token)).json()["area"] == "110108.012"


async def test_what_is_not_for_us_or_claims_two_centres_is_refused(database: str, provider: IdentityProvider) -> None:
    async with dispatch(database, provider, oidc_algorithms=["RS256"]) as http:
        assert "two" in (await me(http, await provider.token("two"))).json()["detail"]
        for token in (await provider.token(audience="elsewhere"), await provider.token(alg="ES256")):
            assert (await me(http, token)).status_code == 401
        good = await provider.token()
        assert (await me(http, good)).status_code == 200
        head, payload, signature = good.split(".")
        assert (await me(http, f"{head}.{payload}.{signature[:-8]}AAAAAAAA")).status_code == 401


async def test_a_forged_token_under_a_published_kid_is_refused(database: str, provider: IdentityProvider) -> None:
    good = await provider.token()
    header, claims = jwt.get_unverified_header(good), jwt.decode(good, options={"verify_signature": False})
    key = generate_private_key(65537, 2048)
    async with dispatch(database, provider) as http:
        assert (await me(http, good)).status_code == 200
        forged = jwt.encode(claims, key, algorithm="RS256", headers={"kid": header["kid"]})
        assert (await me(http, forged)).status_code == 401
        symmetric = jwt.encode(claims, SECRET, algorithm="HS256", headers={"kid": header["kid"]})
        assert (await me(http, symmetric)).status_code == 401


async def test_a_known_key_needs_no_request_and_a_flood_of_unknown_ones_needs_one(
    database: str, provider: IdentityProvider
) -> None:
    async with dispatch(database, provider) as http:
        before = (await provider.counts())["keys"]
        tokens = [await provider.token() for _ in range(3)]
        for token in tokens:
            assert (await me(http, token)).status_code == 200
        assert (await provider.counts())["keys"] == before + 1
        key = generate_private_key(65537, 2048)
        claims = jwt.decode(tokens[0], options={"verify_signature": False})
        flood = [jwt.encode(claims, key, algorithm="RS256", headers={"kid": f"kid-{n}"}) for n in range(50)]
        answers = await asyncio.gather(*(me(http, token) for token in flood))
        assert {(answer.status_code, slug(answer)) for answer in answers} == {(401, "bad-token")}
        assert (await provider.counts())["keys"] == before + 1  # asked a moment ago


def verifier(provider: IdentityProvider, **more: Any) -> tuple[OidcTokens, TokenVerifier]:
    tokens = OidcTokens(provider.issuer, "wangge", **more)
    return tokens, TokenVerifier(None, issuer="development", audience="wangge", issuers=[tokens])


async def fetch(verify: TokenVerifier, token: str) -> bool:
    """What the authenticator does for a key that is not known."""
    with pytest.raises(UnknownSigningKey) as unknown:
        verify.principal(token)
    return await unknown.value.fetch()


async def test_a_new_key_is_fetched_for_the_first_token_it_signed(provider: IdentityProvider) -> None:
    _, verify = verifier(provider, pause=0.0)
    old = await provider.token()
    assert await fetch(verify, old)
    assert verify.principal(old).subject == "li"
    await provider.rotate(keep=True)
    new = await provider.token()
    assert await fetch(verify, new)
    assert verify.principal(new).subject == verify.principal(old).subject == "li"


async def test_what_a_withdrawn_key_signed_is_good_no_longer_though_seen_before(provider: IdentityProvider) -> None:
    _, verify = verifier(provider, pause=0.0)
    old = await provider.token()
    await fetch(verify, old)
    assert verify.principal(old).subject == "li"
    await provider.rotate(keep=False)
    await fetch(verify, await provider.token())
    with pytest.raises(UnknownSigningKey):
        verify.principal(old)


async def test_an_outage_leaves_known_keys_in_use_and_ends_by_itself(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "PAUSE_SECONDS", 0.1)
    async with running() as provider, dispatch(database, provider) as http:
        known, later = await provider.token(), await provider.token()
        assert (await me(http, known)).status_code == 200
        await provider.stop()
        assert (await me(http, known)).status_code == 200
        assert (await me(http, later)).status_code == 200
        claims = jwt.decode(known, options={"verify_signature": False})
        strange = jwt.encode(claims, generate_private_key(65537, 2048), algorithm="RS256", headers={"kid": "new"})
        async with asyncio.timeout(15):
            while (answer := await me(http, strange)).status_code != 503:
                await asyncio.sleep(0.5)
        assert slug(answer) == "identity-provider-away"
        assert int(answer.headers["retry-after"]) >= 1
        await provider.start()
        async with asyncio.timeout(20):
            while (await me(http, await provider.token())).status_code != 200:
                await asyncio.sleep(0.5)


async def test_the_job_has_the_keys_before_the_first_token_comes(provider: IdentityProvider) -> None:
    tokens, verify = verifier(provider)
    token, stop = await provider.token(), asyncio.Event()
    jobs = asyncio.create_task(supervise(verify.jobs(), stop))
    try:
        async with asyncio.timeout(10):
            while not tokens.known:
                await asyncio.sleep(0.02)
        assert verify.principal(token).subject == "li"
    finally:
        stop.set()
        await jobs


async def test_a_provider_that_is_another_than_it_says_is_not_believed(provider: IdentityProvider) -> None:
    tokens = OidcTokens(provider.issuer.replace("127.0.0.1", "localhost"), "wangge")
    with pytest.raises(oidc.IdentityProviderAway, match="is the configuration of"):
        await tokens.look_again()
    plain = OidcTokens("http://id.example", "wangge")
    with pytest.raises(oidc.IdentityProviderAway, match="not https"):
        await plain.look_again()
