"""Whose turn it is: a file marked `alone` runs with nothing beside it, all others side by side.

Two workers of pytest share one lock file: a file marked `alone` holds it whole from before its first test until its
module's fixtures are gone; any other file shares it.
"""

import fcntl
from pathlib import Path
from typing import TextIO

# Names the lock file of a run; without it nobody waits for anybody.
TURNS_VARIABLE = "WANGGE_TEST_TURNS"


class Turns:
    """One worker's part in the lock file `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: TextIO | None = None

    def take(self, *, alone: bool) -> None:
        """Wait until it is ours; nothing happens if it is already."""
        if self._held is None:
            self._held = self._path.open("a", encoding="utf-8")
            fcntl.flock(self._held, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)

    def leave(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None
