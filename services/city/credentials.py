"""Ready-made credentials for a city that is tried out: one token a post, one a handling unit, one key for an app."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from shared.auth import POSTS, issue_token
from shared.auth.accounts import new_private_key
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Credentials:
    """`app`: an API key. `tokens`: post → token. `units`: unit code → token of that unit's clerk."""

    app: str
    tokens: dict[str, str]
    units: dict[str, str]

    def write(self, path: Path) -> None:
        """As JSON, readable by its owner alone."""
        write_secret(path, json.dumps(asdict(self), indent=2).encode())


def accounts_key(folder: Path) -> Path:
    """The file that signs tokens of this folder's built-in accounts, made if there is none."""
    path = folder / "accounts.key"
    if not path.exists():
        write_secret(path, new_private_key())
    return path


def write_secret(path: Path, content: bytes) -> None:
    """A file readable by its owner alone; put there at once, so that nobody reads half of it."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    fresh.replace(path)


def issue(settings: Settings, app_key: str, *, area: str, units: Iterable[str]) -> Credentials:
    """Tokens whose area is the whole demo district. `tokens["unit_clerk"]` is the first unit's."""
    assert settings.token_secret is not None
    secret = settings.token_secret.get_secret_value()

    def token(post: str, subject: str, unit: str | None = None) -> str:
        return issue_token(
            secret,
            subject=subject,
            post=post,
            area=area,
            unit=unit,
            issuer=settings.token_issuer,
            audience=settings.token_audience,
        )

    clerks = {unit: token("unit_clerk", f"clerk-{unit}", unit) for unit in units}
    tokens = {post: token(post, f"{post}-1") for post in POSTS if post != "unit_clerk"}
    return Credentials(app_key, {**tokens, "unit_clerk": next(iter(clerks.values()))}, clerks)
