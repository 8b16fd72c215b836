"""Tokens of staff (JWT) from up to three issuers, each with its own pinned algorithms, keys and audience.

Development tokens (HS256, one secret), built-in accounts (EdDSA, the installation's key) and an identity provider
(OIDC, its published keys). Which issuer a token claims only chooses how it is verified: a token signed in the way of
one issuer is never good for another, so a public key is never taken for a secret.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import jwt
import orjson
from jwt.utils import base64url_decode

from shared.auth.principals import POSTS, BadToken, Principal, principal_of
from shared.jobs import Job

# A token is some 600 bytes; one far longer is not worth the hashing.
LONGEST: Final = 8192
# Clocks of machines differ by so much at the most; a token of a machine ahead of ours is good at once.
LEEWAY_SECONDS: Final = 30.0
KNOWN_MOST: Final = 10_000


class UnknownSigningKey(BadToken):
    """Signed by a key that is not known yet. `fetch` looks for newer ones: True if it may be known now."""

    def __init__(self, detail: str, fetch: Callable[[], Awaitable[bool]]) -> None:
        super().__init__(detail)
        self.fetch = fetch


class Issuer(Protocol):
    """Somebody whose tokens are good here."""

    @property
    def name(self) -> str:
        """What its tokens have as `iss`."""
        ...

    @property
    def version(self) -> int:
        """Rises when a key is withdrawn: what was found good before must be looked at again."""
        ...

    def claims(self, token: str, header: Mapping[str, Any]) -> Mapping[str, Any]:
        """The verified claims, under our names. Raises jwt.PyJWTError, BadToken, UnknownSigningKey."""
        ...

    def jobs(self) -> list[Job]:
        """What must run for its keys to stay fresh."""
        ...


@dataclass(frozen=True, slots=True)
class Development:
    """Tokens that `issue_token` made with the same secret (HS256); never in production."""

    secret: str
    name: str
    audience: str
    version: int = 0

    def claims(self, token: str, header: Mapping[str, Any]) -> Mapping[str, Any]:
        return verified(token, self.secret, algorithm="HS256", issuer=self.name, audience=self.audience)

    def jobs(self) -> list[Job]:
        return []


class TokenVerifier:
    """Reads staff tokens. Without a secret and without `issuers` there are no tokens, and every one is refused."""

    def __init__(self, secret: str | None, *, issuer: str, audience: str, issuers: Sequence[Issuer] = ()) -> None:
        every: list[Issuer] = [*issuers]
        if secret is not None:
            every.append(Development(secret, issuer, audience))
        self._issuers = {each.name: each for each in every}
        if len(self._issuers) < len(every):
            raise ValueError(f"two issuers of tokens have one name: {', '.join(each.name for each in every)}")
        # Verifying costs 25 µs and more, a look-up 0.2; an entry is good until its token ends or its issuer withdraws a
        # key. Bounded, emptied when full.
        self._known: dict[str, tuple[float, Issuer, int, Principal]] = {}

    def principal(self, token: str) -> Principal:
        """Raises BadToken, UnknownSigningKey, PasswordChangeNeeded."""
        known = self._known.get(token)
        if known is not None and known[2] == known[1].version and known[0] > datetime.now(UTC).timestamp():
            return known[3]
        issuer, header = self._issuer(token)
        try:
            claims = issuer.claims(token, header)
        except jwt.PyJWTError as error:
            raise BadToken(f"the token was refused: {error}") from None
        found = principal_of(claims)
        if len(self._known) >= KNOWN_MOST:
            self._known.clear()
        self._known[token] = (float(claims["exp"]), issuer, issuer.version, found)
        return found

    def _issuer(self, token: str) -> tuple[Issuer, Mapping[str, Any]]:
        """Who claims to have signed it, and its header; neither is verified here."""
        if not self._issuers:
            raise BadToken(
                "this installation takes no tokens: set WANGGE_ACCOUNTS_PUBLIC_KEY_FILE or WANGGE_OIDC_ISSUER, "
                "or outside production WANGGE_TOKEN_SECRET"
            )
        if len(token) > LONGEST:
            raise BadToken(f"the token is {len(token)} characters long; {LONGEST} are the most that are read")
        # Read twice: by the library when it verifies, and here, where only its issuer is looked for.
        try:
            header = jwt.get_unverified_header(token)
            payload = orjson.loads(base64url_decode(token.split(".")[1]))
        except (jwt.PyJWTError, ValueError, IndexError) as error:
            raise BadToken(f"the token was refused: {error}") from None
        claimed = payload.get("iss") if isinstance(payload, dict) else None
        issuer = self._issuers.get(claimed) if isinstance(claimed, str) else None
        if issuer is None:
            raise BadToken(
                f"claim 'iss' is {str(claimed)[:80]!r}, and this installation trusts {_named(self._issuers)}"
            )
        return issuer, header

    def jobs(self) -> list[Job]:
        """What keeps the keys of the issuers fresh."""
        return [job for issuer in self._issuers.values() for job in issuer.jobs()]


def verified(token: str, key: Any, *, algorithm: str, issuer: str, audience: str) -> Mapping[str, Any]:
    """The claims of a token that `key` signed by exactly this algorithm. Raises jwt.PyJWTError."""
    options: Any = {"require": ["exp", "sub", "aud", "iss"]}
    claims: Mapping[str, Any] = jwt.decode(
        token, key, algorithms=[algorithm], audience=audience, issuer=issuer, options=options, leeway=LEEWAY_SECONDS
    )
    return claims


def _named(issuers: Mapping[str, Issuer]) -> str:
    return ", ".join(repr(name) for name in issuers)


def issue_token(
    secret: str,
    *,
    subject: str,
    post: str,
    area: str,
    unit: str | None = None,
    issuer: str = "wangge-development",
    audience: str = "wangge",
    valid_for: timedelta = timedelta(days=30),
) -> str:
    """A development token for one post. Never used in production: `Settings` refuses to start with its secret there."""
    now = datetime.now(UTC)
    claims = {"sub": subject, "post": post, "centre": POSTS[post][0], "area": area, "unit": unit}
    times = {"iat": now, "exp": now + valid_for, "iss": issuer, "aud": audience}
    return jwt.encode({**claims, **times}, secret, algorithm="HS256")
