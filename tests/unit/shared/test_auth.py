"""Who may do what, and whom a token stands for."""

from datetime import timedelta

import jwt
import pytest

from shared.auth import (
    POSTS,
    ActionNotAllowed,
    Authenticator,
    BadKey,
    BadToken,
    NotSignedIn,
    OutsideScope,
    Principal,
    TokenVerifier,
    authorize,
    issue_token,
)
from shared.kernel.area import AreaPath
from shared.settings import Settings

SECRET = "s" * 40


class NoKeys:
    async def principal(self, key: str) -> Principal:
        raise BadKey("there are no keys here")


def verifier() -> TokenVerifier:
    return TokenVerifier(SECRET, issuer="wangge-development", audience="wangge")


def token(**changes) -> str:
    return issue_token(SECRET, **{"subject": "li", "post": "dispatcher", "area": "110108", **changes})


def forged(secret=SECRET, **claims) -> str:
    base = {"sub": "li", "iss": "wangge-development", "aud": "wangge", "exp": 4_000_000_000, "post": "dispatcher"}
    return jwt.encode({**base, "centre": "command", "area": "110108", **claims}, secret, algorithm="HS256")


def test_a_token_stands_for_its_post():
    who = verifier().principal(token())
    assert (who.kind, who.subject, who.centre, who.post, who.area) == ("staff", "li", "command", "dispatcher", "110108")
    assert who.actions == POSTS["dispatcher"][1]


@pytest.mark.parametrize(
    "bad",
    [
        forged(secret="t" * 40),
        forged(iss="somebody"),
        forged(aud="elsewhere"),
        forged(exp=1),
        forged(post="emperor"),
        forged(centre="supervision"),
        forged(centre=["command", "supervision"]),
        forged(area="a..b"),
        forged(post="unit_clerk", centre="unit"),
        jwt.encode({"sub": "li", "post": "dispatcher"}, SECRET, algorithm="HS256"),
        jwt.encode({"sub": "li", "exp": 4_000_000_000}, "", algorithm="none"),
        "not-a-token",
    ],
)
def test_a_token_that_is_not_ours_or_claims_too_much_is_refused(bad):
    with pytest.raises(BadToken):
        verifier().principal(bad)


def test_an_old_token_is_refused_even_when_it_was_seen_before():
    verify = verifier()
    short = token(valid_for=timedelta(minutes=-1))
    with pytest.raises(BadToken):
        verify.principal(short)


def test_without_a_secret_no_token_opens_anything():
    with pytest.raises(BadToken, match="WANGGE_TOKEN_SECRET"):
        TokenVerifier(None, issuer="i", audience="a").principal(token())


def test_authorize_asks_for_the_action_and_the_area():
    who = Principal("app", "key:1", AreaPath("110108.012"), frozenset({"reports:create"}))
    authorize(who, "reports:create", AreaPath("110108.012.003.001"))
    with pytest.raises(OutsideScope):
        authorize(who, "reports:create", AreaPath("110108.01"))
    with pytest.raises(OutsideScope):
        authorize(who, "reports:create", AreaPath.root())
    with pytest.raises(ActionNotAllowed):
        authorize(who, "cases:act")


def test_nobody_of_a_handling_unit_or_of_evaluation_may_report_file_or_manage_keys():
    for post in ("unit_clerk", "evaluator", "auditor", "subscriber"):
        assert not POSTS[post][1] & {"keys:write", "areas:write", "reports:create"}


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer  ", "Basic abc", "wg_abc"])
async def test_a_missing_or_foreign_authorization_is_refused(header):
    with pytest.raises(NotSignedIn):
        await Authenticator(NoKeys(), verifier()).principal(header)


def test_production_refuses_development_tokens(monkeypatch):
    monkeypatch.setenv("WANGGE_TOKEN_SECRET", SECRET)
    monkeypatch.setenv("WANGGE_ENVIRONMENT", "production")
    with pytest.raises(ValueError, match="WANGGE_TOKEN_SECRET"):
        Settings()
