"""Who is asking, and whether they may: keys of apps, tokens of staff from three issuers, one `authorize`."""

from shared.auth.caller import Authenticator, Caller, Credential, Keys, caller
from shared.auth.principals import (
    CENTRES,
    KEY_ACTIONS,
    POSTS,
    ActionNotAllowed,
    BadKey,
    BadToken,
    NotSignedIn,
    OutsideScope,
    PasswordChangeNeeded,
    Principal,
    QuotaExceeded,
    RateExceeded,
    authorize,
    principal_of,
)
from shared.auth.tokens import TokenVerifier, issue_token

__all__ = [
    "CENTRES",
    "KEY_ACTIONS",
    "POSTS",
    "ActionNotAllowed",
    "Authenticator",
    "BadKey",
    "BadToken",
    "Caller",
    "Credential",
    "Keys",
    "NotSignedIn",
    "OutsideScope",
    "PasswordChangeNeeded",
    "Principal",
    "QuotaExceeded",
    "RateExceeded",
    "TokenVerifier",
    "authorize",
    "caller",
    "issue_token",
    "principal_of",
]
