"""Tokens of an identity provider (OpenID Connect): its published keys, fetched aside and kept in memory.

A token of a known key is verified without any I/O. Keys are fetched at the start, every five minutes after it, and for
a token whose key is not known: then at most once in `pause` seconds in each process, whatever a flood of such tokens
may ask for. While the provider is away the keys that were read last stay in use.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import jwt
import orjson
import structlog

from shared.auth.principals import BadToken
from shared.auth.tokens import UnknownSigningKey, verified
from shared.jobs import Job, pause
from shared.kernel.errors import Unavailable

log = structlog.get_logger()

FRESH_SECONDS: Final = 300.0
PAUSE_SECONDS: Final = 10.0
TIMEOUT_SECONDS: Final = 5.0
# A provider's answer is some kilobytes.
LARGEST_ANSWER: Final = 1 << 20
CLAIMS: Final = ("centre", "post", "area", "unit")
# Which algorithm a key of which kind signs with. A symmetric key (kty oct) is none that a provider publishes.
_KINDS: Final[Mapping[str, tuple[str, str | None]]] = {
    "RS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
}
ALGORITHMS: Final = tuple(_KINDS)


class IdentityProviderAway(Unavailable):
    """The token is signed by a key that has not been seen, and the identity provider cannot be asked for it now."""

    slug, title, title_zh = "identity-provider-away", "The identity provider does not answer", "身份认证服务暂时不可用"


class ProviderRefused(Exception):
    """The provider's answer cannot be used; the text says why."""


class OidcTokens:
    """Verifies tokens of one provider. `names` maps our claims (centre, post, area, unit) to the provider's."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        algorithms: Sequence[str] = ALGORITHMS,
        names: Mapping[str, str] | None = None,
        allow_http: bool = False,
        pause: float | None = None,
    ) -> None:
        self.name = issuer
        self.version = 0
        self._audience = audience
        self._algorithms = tuple(algorithms)
        self._names = {claim: (names or {}).get(claim, claim) for claim in CLAIMS}
        self._allow_http = allow_http
        self._pause = PAUSE_SECONDS if pause is None else pause
        self._keys: dict[tuple[str, str | None], jwt.PyJWK] = {}
        self._asked_at: float | None = None
        self._away: str | None = "it has not been asked yet"
        self._lock = asyncio.Lock()

    def claims(self, token: str, header: Mapping[str, Any]) -> Mapping[str, Any]:
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in self._algorithms:
            raise BadToken(f"the token is signed by {str(algorithm)[:20]!r}; {', '.join(self._algorithms)} are taken")
        key = self._keys.get((algorithm, kid if isinstance(kid, str) else None))
        if key is None:
            raise UnknownSigningKey(f"{self.name} has no {algorithm} key {str(kid)[:80]!r}", self.look_again)
        found = verified(token, key.key, algorithm=algorithm, issuer=self.name, audience=self._audience)
        own = {claim: found.get(name) for claim, name in self._names.items()}
        return {"sub": found["sub"], "exp": found["exp"], **own}

    def jobs(self) -> list[Job]:
        async def keep_fresh(stop: asyncio.Event) -> None:
            while not stop.is_set():
                async with self._lock:
                    await self._fetch()
                # After a failure soon again, so that the first tokens after an outage need not wait for it.
                await pause(stop, self._pause if self._away else FRESH_SECONDS)

        return [Job("identity provider", keep_fresh)]

    @property
    def known(self) -> int:
        """How many keys are known."""
        return len(self._keys)

    async def look_again(self) -> bool:
        """Fetch the keys, unless that was done a moment ago. Raises IdentityProviderAway."""
        async with self._lock:
            fetched = self._asked_at is None or time.monotonic() - self._asked_at >= self._pause
            if fetched:
                await self._fetch()
        if self._away:
            raise IdentityProviderAway(
                f"{self.name} signed this token with a key not seen before, and does not answer ({self._away})",
                facts={"retry_after": max(1, round(self._pause))},
            )
        # Those who waited at the lock see what the first of them fetched.
        return True

    async def _fetch(self) -> None:
        self._asked_at = time.monotonic()
        try:
            keys = await self._published()
        except (httpx.HTTPError, ProviderRefused, OSError) as error:
            told = str(error) or type(error).__name__
            if self._away != told:
                log.warning("identity provider does not answer; the keys known stay in use", issuer=self.name, why=told)
            self._away = told
            return
        self._away = None
        if any(name not in keys or keys[name].key != key.key for name, key in self._keys.items()):
            self.version += 1
        self._keys = keys

    async def _published(self) -> dict[tuple[str, str | None], jwt.PyJWK]:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False) as client:
            where = f"{self.name.rstrip('/')}/.well-known/openid-configuration"
            about = await self._answer(client, where)
            if about.get("issuer") != self.name:
                raise ProviderRefused(f"{where} is the configuration of {str(about.get('issuer'))[:200]!r}")
            address = about.get("jwks_uri")
            if not isinstance(address, str):
                raise ProviderRefused(f"{where} names no jwks_uri")
            published = (await self._answer(client, address)).get("keys")
        if not isinstance(published, list):
            raise ProviderRefused(f"{address} is not a set of keys")
        found: dict[tuple[str, str | None], jwt.PyJWK] = {}
        for each in published:
            for algorithm in self._algorithms:
                if isinstance(each, dict) and _signs(each, algorithm):
                    try:
                        key = jwt.PyJWK(each, algorithm=algorithm)
                    except jwt.PyJWTError as error:
                        log.warning(
                            "a key of the identity provider cannot be read", kid=each.get("kid"), why=str(error)
                        )
                        continue
                    found[algorithm, each.get("kid")] = key
        if not found:
            raise ProviderRefused(f"{address} has no key for {', '.join(self._algorithms)}")
        return found

    async def _answer(self, client: httpx.AsyncClient, address: str) -> dict[str, Any]:
        if not (address.startswith("https://") or self._allow_http or is_loopback(address)):
            raise ProviderRefused(f"{address} is not https")
        async with client.stream("GET", address) as answer:
            if answer.status_code != 200:
                raise ProviderRefused(f"{address} answers {answer.status_code}")
            content = b""
            async for part in answer.aiter_bytes():
                content += part
                if len(content) > LARGEST_ANSWER:
                    raise ProviderRefused(f"{address} answers more than {LARGEST_ANSWER:,} bytes")
        try:
            found = orjson.loads(content)
        except ValueError:
            raise ProviderRefused(f"{address} does not answer JSON") from None
        if not isinstance(found, dict):
            raise ProviderRefused(f"{address} does not answer a JSON object")
        return found


def _signs(key: Mapping[str, Any], algorithm: str) -> bool:
    kind, curve = _KINDS[algorithm]
    return (
        key.get("kty") == kind
        and (curve is None or key.get("crv") == curve)
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) in (algorithm, curve)
    )


def is_loopback(address: str) -> bool:
    """True for an http address on this machine."""
    parts = urlsplit(address)
    return parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
