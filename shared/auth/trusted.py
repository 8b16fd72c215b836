"""Whose tokens this installation takes, beside its own development tokens: what the settings name."""

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from shared.auth.accounts import AccountTokens, BadAccountsKey, read_public_keys
from shared.auth.oidc import OidcTokens
from shared.auth.tokens import Issuer
from shared.settings import Settings


def issuers(settings: Settings, own: Sequence[Ed25519PublicKey] = ()) -> list[Issuer]:
    """Built-in accounts (the settings' public keys, and `own`) and the identity provider, as far as they are set up.

    Raises BadAccountsKey.
    """
    found: list[Issuer] = []
    text = _public_key(settings)
    if keys := [*own, *(read_public_keys(text) if text else ())]:
        found.append(AccountTokens(keys, settings.token_audience))
    if settings.oidc_issuer and settings.oidc_audience:
        found.append(
            OidcTokens(
                settings.oidc_issuer,
                settings.oidc_audience,
                algorithms=settings.oidc_algorithms,
                names={ours: theirs for ours, theirs in settings.oidc_claims.items()},
                allow_http=settings.environment == "development",
            )
        )
    return found


def _public_key(settings: Settings) -> str | None:
    path = settings.accounts_public_key_file
    if path is None:
        return settings.accounts_public_key
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise BadAccountsKey(f"WANGGE_ACCOUNTS_PUBLIC_KEY_FILE {path}: {why}") from None
