"""Secret keys of an installation: 32 bytes in base64, named by a setting, or made once and kept in the data folder."""

import base64
import binascii
import os
from pathlib import Path

from pydantic import SecretStr

from shared.settings import Settings


class BadInstallationKey(Exception):
    """A key is missing or no key; the text names the setting and the fix."""


def installation_key(
    settings: Settings, given: SecretStr | None, setting: str, file: str, *, make: bool = True
) -> bytes:
    """The key that `setting` gives, or outside production the one kept as `file` in the data folder (mode 0600), which
    is made if it is missing and `make` says so.

    Raises BadInstallationKey.
    """
    if given is not None:
        return decoded(given.get_secret_value(), setting)
    if settings.environment == "production":
        raise BadInstallationKey(
            f"{setting} is needed in production, the same for every replica: set it to the output of "
            '`python -c "import base64, os; print(base64.b64encode(os.urandom(32)).decode())"`'
        )
    path = settings.data_dir / file
    if not make and not path.exists():
        raise BadInstallationKey(
            f"there is no {path}: set {setting}, or WANGGE_DATA_DIR to the folder of the running city"
        )
    return _kept(path)


def decoded(text: str, where: str) -> bytes:
    """32 bytes from base64. Raises BadInstallationKey, naming `where`."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise BadInstallationKey(f"{where} must be 32 bytes in base64")
    return key


def _kept(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(os.urandom(32)))
            os.fsync(descriptor)
        os.link(fresh, path)  # the first of several processes wins; all read what it wrote
    except FileExistsError:
        pass
    finally:
        fresh.unlink(missing_ok=True)
    return decoded(path.read_text(encoding="ascii"), str(path))
