"""The `Authorization` header of a request, and the principal that it stands for."""

from typing import Annotated, Final, Protocol

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from shared.auth.principals import NotSignedIn, Principal
from shared.auth.tokens import TokenVerifier, UnknownSigningKey
from shared.jobs import Job


class Keys(Protocol):
    """Finds whom an API key stands for."""

    async def principal(self, key: str) -> Principal:
        """Raises BadKey for an unknown, ended or revoked key, RateExceeded when its rate is used up."""
        ...


class Authenticator:
    """Turns an `Authorization` header into a principal."""

    def __init__(self, keys: Keys, tokens: TokenVerifier) -> None:
        self._keys = keys
        self._tokens = tokens

    async def principal(self, authorization: str | None) -> Principal:
        """Waits for nothing when the signing key of a token is known.

        Raises NotSignedIn, BadKey, BadToken, PasswordChangeNeeded, RateExceeded, or IdentityProviderAway for a token
        that nobody can judge now.
        """
        credential = bearer(authorization)
        if credential.startswith("wg_"):
            return await self._keys.principal(credential)
        try:
            return self._tokens.principal(credential)
        except UnknownSigningKey as unknown:
            if not await unknown.fetch():
                raise
        return self._tokens.principal(credential)

    def jobs(self) -> list[Job]:
        """What keeps the identity provider's keys fresh; must run in every process that answers requests."""
        return self._tokens.jobs()


def bearer(authorization: str | None) -> str:
    """The credential of an `Authorization` header. Raises NotSignedIn."""
    scheme, _, credential = (authorization or "").partition(" ")
    credential = credential.strip()
    if scheme.lower() != "bearer" or not credential:
        raise NotSignedIn(
            "send 'Authorization: Bearer <key or token>': an app's key starts with wg_, staff use a token"
        )
    return credential


class _BearerScheme(SecurityBase):
    """`Authorization: Bearer`, as the OpenAPI document tells it of every route that asks for it."""

    def __init__(self) -> None:
        self.scheme_name = "bearer"
        self.model = HTTPBearer(
            description="an app's API key (`wg_…`), or the token of a member of staff, of the city's identity provider"
            " or of POST /dispatch/v1/sessions"
        )


class _CallerOf(_BearerScheme):
    async def __call__(self, request: Request) -> Principal:
        """The principal of this request, from the app's authenticator. Raises what `Authenticator.principal` raises."""
        authenticator: Authenticator = request.app.state.authenticator
        return await authenticator.principal(request.headers.get("authorization"))


class _BearerOf(_BearerScheme):
    async def __call__(self, request: Request) -> str:
        """The credential itself, for whoever judges it. Raises NotSignedIn."""
        return bearer(request.headers.get("authorization"))


caller: Final = _CallerOf()
Caller = Annotated[Principal, Depends(caller)]
Credential = Annotated[str, Depends(_BearerOf())]
