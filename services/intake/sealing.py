"""What names a person, encrypted: each report under a key of its own, which is wrapped by the installation's.

AES-256-GCM (`cryptography`), bound to the report's id, so that a sealed part cannot be moved to another report. To
erase a person, the sealed part is set to null: the facts published before never held it.
"""

import os
from typing import Final
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.intake.domain.report import Personal, Reporter
from services.intake.settings import IntakeSettings
from shared.installation_key import installation_key

_FORM: Final = b"\x01"
_NONCE: Final = 12
_WRAPPED: Final = _NONCE + 32 + 16


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


def personal_key(settings: IntakeSettings) -> bytes:
    """The key that the settings name, or the one kept in the data folder. Raises BadInstallationKey."""
    return installation_key(settings, settings.personal_key, "WANGGE_PERSONAL_KEY", "personal.key")
