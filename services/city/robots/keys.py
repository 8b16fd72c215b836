"""Who the robots are: an app with its key, the holders of posts, the clerks of units, each by name."""

from collections.abc import Callable, Mapping
from typing import Protocol

APP = "app"


class Credentials(Protocol):
    """`app`: an API key. `tokens`: post → token. `units`: unit code → token."""

    @property
    def app(self) -> str: ...
    @property
    def tokens(self) -> Mapping[str, str]: ...
    @property
    def units(self) -> Mapping[str, str]: ...


def clerk(unit: str) -> str:
    """The name of a unit's clerk."""
    return f"unit {unit}"


class Keys:
    """Names → secrets. A city that is tried out issues new ones at every start: `read` gets them again."""

    def __init__(self, credentials: Credentials, read: Callable[[], Credentials] | None = None) -> None:
        self._read = read
        self._secrets = _by_name(credentials)

    def __getitem__(self, who: str) -> str:
        return self._secrets[who]

    def renew(self, who: str, refused: str) -> bool:
        """Whether there is another secret for `who` than the one that was refused."""
        if self._secrets[who] == refused and self._read is not None:
            self._secrets = _by_name(self._read())
        return self._secrets[who] != refused


def _by_name(credentials: Credentials) -> dict[str, str]:
    clerks = {clerk(unit): token for unit, token in credentials.units.items()}
    return {APP: credentials.app, **credentials.tokens, **clerks}
