"""Tokens of built-in accounts 内置账号: signed with EdDSA (Ed25519) by a key of the installation.

Dispatch alone has the private key; every service has the public one. The public key may be several, so that a new pair
can be brought in while tokens of the old one are still under way.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.auth.principals import BadToken
from shared.auth.tokens import verified
from shared.jobs import Job

ISSUER: Final = "wangge-accounts"
ALGORITHM: Final = "EdDSA"
_END: Final = "-----END PUBLIC KEY-----"


class BadAccountsKey(Exception):
    """A key of built-in accounts is missing or no Ed25519 key; the text names the fix."""


class AccountTokens:
    """Verifies tokens of built-in accounts, with the public key that the token's `kid` names."""

    name = ISSUER
    version = 0

    def __init__(self, keys: Sequence[Ed25519PublicKey], audience: str) -> None:
        self._keys = {key_id(key): key for key in keys}
        self._audience = audience

    def claims(self, token: str, header: Mapping[str, Any]) -> Mapping[str, Any]:
        kid = header.get("kid")
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise BadToken(f"the token was signed by key {str(kid)[:40]!r}, which is none of this installation's")
        return verified(token, key, algorithm=ALGORITHM, issuer=ISSUER, audience=self._audience)

    def jobs(self) -> list[Job]:
        return []


class AccountSigner:
    """Signs tokens of built-in accounts, and reads its own."""

    def __init__(self, key: Ed25519PrivateKey, audience: str) -> None:
        self.public = key.public_key()
        self._key = key
        self._kid = key_id(self.public)
        self._audience = audience
        self._own = AccountTokens([self.public], audience)

    def sign(self, claims: Mapping[str, Any], at: datetime, until: datetime) -> str:
        """`claims` as a token that is good from `at` until `until`."""
        whole = {**claims, "iat": at, "exp": until, "iss": ISSUER, "aud": self._audience}
        return jwt.encode(whole, self._key, algorithm=ALGORITHM, headers={"kid": self._kid})

    def read(self, token: str) -> Mapping[str, Any]:
        """The claims of a token of ours. Raises BadToken."""
        try:
            return self._own.claims(token, jwt.get_unverified_header(token))
        except jwt.PyJWTError as error:
            raise BadToken(f"this is no token of a built-in account: {error}") from None


def key_id(key: Ed25519PublicKey) -> str:
    """Names a key: the beginning of the SHA-256 of its 32 bytes."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]


def new_private_key() -> bytes:
    """A fresh private key, as PEM (PKCS #8)."""
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(key: Ed25519PublicKey) -> str:
    """The public key as PEM: what WANGGE_ACCOUNTS_PUBLIC_KEY takes."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """Raises BadAccountsKey."""
    how = "make one: wangge accounts key --to FILE"
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise BadAccountsKey(f"WANGGE_ACCOUNTS_KEY_FILE {path}: {error.strerror}; {how}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadAccountsKey(f"WANGGE_ACCOUNTS_KEY_FILE {path} is no private key in PEM; {how}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadAccountsKey(f"WANGGE_ACCOUNTS_KEY_FILE {path} is a key of another kind than Ed25519; {how}")
    return key


def read_public_keys(text: str) -> list[Ed25519PublicKey]:
    """The keys of one or more PEM blocks. Raises BadAccountsKey."""
    found: list[Ed25519PublicKey] = []
    for block in text.split(_END):
        if not block.strip():
            continue
        try:
            key = serialization.load_pem_public_key(f"{block.strip()}\n{_END}\n".encode())
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise BadAccountsKey("the public key of built-in accounts is no public key in PEM") from None
        if not isinstance(key, Ed25519PublicKey):
            raise BadAccountsKey("the public key of built-in accounts is of another kind than Ed25519")
        found.append(key)
    if not found:
        raise BadAccountsKey("the public key of built-in accounts is empty")
    return found
