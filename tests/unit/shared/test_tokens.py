"""Tokens of built-in accounts beside development tokens, and the classic attacks on such pairs."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.auth import Authenticator, BadToken, PasswordChangeNeeded, TokenVerifier, issue_token
from shared.auth.accounts import (
    ISSUER,
    AccountSigner,
    AccountTokens,
    BadAccountsKey,
    key_id,
    new_private_key,
    public_pem,
    read_private_key,
    read_public_keys,
)
from shared.auth.trusted import issuers
from shared.settings import Settings

SECRET = "s" * 40
KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key()
SIGNER = AccountSigner(KEY, "wangge")
CLAIMS = {"sub": "li", "account": "li", "post": "dispatcher", "centre": "command", "area": "110108", "unit": None}
NOW = datetime.now(UTC)
SOON = NOW + timedelta(minutes=30)


def verifier() -> TokenVerifier:
    return TokenVerifier(
        SECRET, issuer="wangge-development", audience="wangge", issuers=[AccountTokens([PUBLIC], "wangge")]
    )


def signed(key=KEY, kid=None, algorithm="EdDSA", **claims: Any) -> str:
    whole = {**CLAIMS, "iss": ISSUER, "aud": "wangge", "exp": 4_000_000_000, **claims}
    return jwt.encode(whole, key, algorithm=algorithm, headers={"kid": key_id(PUBLIC) if kid is None else kid})


def by_hand(header: dict[str, Any], secret: bytes | None, **claims: Any) -> str:
    """A token that no honest library makes: HS256 over any bytes, or no signature."""
    whole = {**CLAIMS, "iss": ISSUER, "aud": "wangge", "exp": 4_000_000_000, **claims}
    text = ".".join(_part(json.dumps(each).encode()) for each in (header, whole))
    signature = hmac.digest(secret, text.encode(), hashlib.sha256) if secret else b""
    return f"{text}.{_part(signature)}"


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def test_a_token_of_an_account_stands_for_its_post_beside_a_development_token():
    verify = verifier()
    for token in (SIGNER.sign(CLAIMS, NOW, SOON), issue_token(SECRET, subject="li", post="dispatcher", area="110108")):
        who = verify.principal(token)
        assert (who.subject, who.centre, who.post, who.area) == ("li", "command", "dispatcher", "110108")
        assert verify.principal(token) is who


PEM = public_pem(PUBLIC).encode()
RAW = PUBLIC.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
KID = key_id(PUBLIC)


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(by_hand({"alg": "HS256", "kid": KID}, PEM), id="HS256 with the public key's PEM"),
        pytest.param(by_hand({"alg": "HS256", "kid": KID}, PEM.strip()), id="… without its last newline"),
        pytest.param(by_hand({"alg": "HS256", "kid": KID}, RAW), id="HS256 with the public key's bytes"),
        pytest.param(by_hand({"alg": "HS256", "kid": KID}, SECRET.encode()), id="HS256 with the development secret"),
        pytest.param(by_hand({"alg": "none", "kid": KID}, None), id="no algorithm"),
        pytest.param(by_hand({"alg": "nOnE", "kid": KID}, None), id="no algorithm, spelt otherwise"),
        pytest.param(by_hand({"alg": "EdDSA", "kid": KID}, None), id="no signature"),
        pytest.param(signed(OTHER), id="another key under our kid"),
        pytest.param(signed(OTHER, kid=key_id(OTHER.public_key())), id="another key under its own kid"),
        pytest.param(signed(kid=key_id(OTHER.public_key())), id="our key under another kid"),
        pytest.param(signed(kid=""), id="an empty kid"),
        pytest.param(signed(generate_private_key(SECP256R1()), algorithm="ES256"), id="another algorithm"),
        pytest.param(signed(iss="wangge-development"), id="the issuer of development tokens"),
        pytest.param(signed(iss="https://elsewhere.example"), id="an issuer that is not trusted"),
        pytest.param(by_hand({"alg": "EdDSA", "kid": KID}, None, iss=[ISSUER]), id="a list of issuers"),
        pytest.param(signed(aud="elsewhere"), id="another audience"),
        pytest.param(signed(exp=1), id="expired"),
        pytest.param(signed(nbf=4_000_000_000), id="not yet"),
        pytest.param(signed(centre=["command", "supervision"]), id="two centres"),
        pytest.param(signed(centre="supervision"), id="another centre than the post's"),
        pytest.param(signed(area=None), id="no area"),
        pytest.param(signed(area=["110108"]), id="a list of areas"),
        pytest.param(signed(area=110108), id="a number for an area"),
        pytest.param(signed(pad="x" * 9000), id="far too long"),
    ],
)
def test_a_forged_token_is_refused(forged):
    with pytest.raises(BadToken):
        verifier().principal(forged)


def test_a_development_token_may_not_be_signed_by_the_accounts_key():
    with pytest.raises(BadToken):
        verifier().principal(signed(iss="wangge-development"))
    with pytest.raises(BadToken):
        verifier().principal(issue_token(SECRET, subject="li", post="dispatcher", area="110108", issuer=ISSUER))


async def test_a_token_that_must_change_its_password_opens_nothing():
    token = SIGNER.sign({**CLAIMS, "must_change": True}, NOW, SOON)
    with pytest.raises(PasswordChangeNeeded):
        await Authenticator(None, verifier()).principal(f"Bearer {token}")  # type: ignore[arg-type]
    assert SIGNER.read(token)["must_change"] is True


def test_old_and_new_key_are_both_good_while_one_follows_the_other():
    keys = read_public_keys(public_pem(OTHER.public_key()) + public_pem(PUBLIC))
    verify = TokenVerifier(None, issuer="i", audience="a", issuers=[AccountTokens(keys, "wangge")])
    for key in (KEY, OTHER):
        assert verify.principal(AccountSigner(key, "wangge").sign(CLAIMS, NOW, SOON)).subject == "li"


def test_a_token_of_a_machine_whose_clock_is_ahead_of_ours_is_good_at_once():
    ahead = SIGNER.sign(CLAIMS, NOW + timedelta(seconds=20), SOON)
    assert verifier().principal(ahead).subject == "li"
    with pytest.raises(BadToken):
        verifier().principal(SIGNER.sign(CLAIMS, NOW + timedelta(minutes=10), SOON))


def test_two_issuers_of_one_name_are_refused():
    with pytest.raises(ValueError, match="one name"):
        TokenVerifier(SECRET, issuer=ISSUER, audience="a", issuers=[AccountTokens([PUBLIC], "a")])


def test_keys_are_read_from_files_and_what_is_none_is_refused_with_its_name(tmp_path: Path):
    good, bad, other = tmp_path / "good.pem", tmp_path / "bad.pem", tmp_path / "other.pem"
    good.write_bytes(new_private_key())
    bad.write_text("no key")
    other.write_bytes(
        generate_private_key(SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    public = tmp_path / "public.pem"
    public.write_text(public_pem(read_private_key(good).public_key()))
    assert len(issuers(Settings(accounts_public_key_file=public))) == 1
    for path, said in ((bad, "no private key"), (other, "Ed25519"), (tmp_path / "none.pem", "No such file")):
        with pytest.raises(BadAccountsKey, match=said):
            read_private_key(path)
    for path in (bad, tmp_path / "none.pem", good):
        with pytest.raises(BadAccountsKey):
            issuers(Settings(accounts_public_key_file=path))


@pytest.mark.parametrize(
    ("issuer", "audience", "environment", "said"),
    [
        ("https://id.example", None, "production", "WANGGE_OIDC_AUDIENCE"),
        ("http://id.example", "wangge", "production", "https"),
        ("ftp://id.example", "wangge", "development", "https"),
        ("id.example", "wangge", "development", "https"),
    ],
)
def test_an_identity_provider_is_named_wholly_and_by_https(issuer, audience, environment, said):
    with pytest.raises(ValueError, match=said):
        Settings(oidc_issuer=issuer, oidc_audience=audience, environment=environment)


@pytest.mark.parametrize(
    ("issuer", "environment"),
    [
        ("https://id.example", "production"),
        ("http://127.0.0.1:9", "production"),
        ("http://id.example", "development"),
    ],
)
def test_http_is_for_this_machine_and_for_development(issuer, environment):
    Settings(oidc_issuer=issuer, oidc_audience="wangge", environment=environment)
