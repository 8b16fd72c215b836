"""What names a person, encrypted: each report under a key of its own, which is wrapped by the installation's.

AES-256-GCM (`cryptography`), bound to the report's id, so that a sealed part cannot be moved to another report. To
erase a person, the sealed part is set to null: the facts published before never held it.
"""

import base64
import binascii
import os
from pathlib import Path
from typing import Final
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.intake.domain.report import Personal, Reporter
from services.intake.settings import IntakeSettings

_FORM: Final = b"\x01"
_NONCE: Final = 12
_WRAPPED: Final = _NONCE + 32 + 16


class BadPersonalKey(Exception):
    """WANGGE_PERSONAL_KEY is missing or no key; the text names the fix."""


class CannotUnseal(Exception):
    """Sealed with another key, for another report, or damaged."""


class Sealer:
    """Seals and unseals with the installation's key, 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._master = AESGCM(key)

    def seal(self, report_id: UUID, personal: Personal) -> bytes:
        """4 µs for a short text."""
        subject = report_id.bytes
        own = os.urandom(32)
        nonces = os.urandom(2 * _NONCE)
        wrapped = self._master.encrypt(nonces[:_NONCE], own, subject)
        text = orjson.dumps((personal.description, personal.reporter and tuple(personal.reporter)))
        sealed = AESGCM(own).encrypt(nonces[_NONCE:], text, subject)
        return b"".join((_FORM, nonces[:_NONCE], wrapped, nonces[_NONCE:], sealed))

    def lock_up(self, subject: bytes, secret: bytes) -> bytes:
        """`secret`, to be kept for a while under `subject`."""
        nonce = os.urandom(_NONCE)
        return nonce + self._master.encrypt(nonce, secret, subject)

    def unlock(self, subject: bytes, sealed: bytes) -> bytes:
        """Raises CannotUnseal."""
        try:
            return self._master.decrypt(sealed[:_NONCE], sealed[_NONCE:], subject)
        except (InvalidTag, ValueError):
            raise CannotUnseal("this does not open with this key") from None

    def unseal(self, report_id: UUID, sealed: bytes) -> Personal:
        """Raises CannotUnseal."""
        subject, inner = report_id.bytes, sealed[1 + _WRAPPED :]
        try:
            own = self._master.decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE : 1 + _WRAPPED], subject)
            text = AESGCM(own).decrypt(inner[:_NONCE], inner[_NONCE:], subject)
        except (InvalidTag, ValueError):
            raise CannotUnseal(f"the personal part of report {report_id} does not open with this key") from None
        description, reporter = orjson.loads(text)
        return Personal(description, None if reporter is None else Reporter(*reporter))


def installation_key(settings: IntakeSettings) -> bytes:
    """The key that the settings name, or the one kept in the data folder. Raises BadPersonalKey."""
    if settings.personal_key is not None:
        return _decoded(settings.personal_key.get_secret_value(), "WANGGE_PERSONAL_KEY")
    if settings.environment == "production":
        raise BadPersonalKey(
            "WANGGE_PERSONAL_KEY is needed in production, the same for every replica: set it to the output of "
            '`python -c "import base64, os; print(base64.b64encode(os.urandom(32)).decode())"`'
        )
    return _kept_key(settings.data_dir / "personal.key")


def _kept_key(path: Path) -> bytes:
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
    return _decoded(path.read_text(encoding="ascii"), str(path))


def _decoded(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise BadPersonalKey(f"{where} must be 32 bytes in base64")
    return key
