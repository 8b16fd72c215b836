"""What names a person, encrypted in three steps: a report's personal part under a key of its own, that key under its
subject's 个人主体, the subject's under the installation's.

A subject is a person as far as it can be known. Its key is one row: without it none of the person's reports opens, in
this database or in any copy of it. AES-256-GCM (`cryptography`), each step bound to what it is for, so that no sealed
part can be moved to another report and no key to another subject.
"""

import hashlib
import os
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.intake.domain.contact import identifiers
from services.intake.domain.report import Personal, Reporter
from services.intake.settings import IntakeSettings
from shared.installation_key import decoded, installation_key

KEY_BYTES: Final = 32
_NONCE: Final = 12
_KEY_ID: Final = 4
# Form 1 carried its key inside, under the installation's; form 2 has it in a table, under its subject's.
_FORM_1: Final = b"\x01"
_FORM_2: Final = b"\x02"
_WRAPPED_1: Final = _NONCE + KEY_BYTES + 16


class CannotUnseal(Exception):
    """Sealed with another key, for another report, or damaged."""


class Sealed(bytes):
    """A report's personal part as it is stored; with the key that opens it, and whose it is, which are not.

    `identifiers` are the telephone number and the e-mail address by which its subject is known again, if any.
    """

    key: bytes
    identifiers: tuple[str, ...]


class InstallationKeys:
    """The installation's key, and earlier ones that still open what was wrapped with them. A wrapped key begins with
    four bytes of the SHA-256 of the key around it.
    """

    def __init__(self, current: bytes, old: Sequence[bytes] = ()) -> None:
        self._keys = {key_id(key): AESGCM(key) for key in (*old, current)}
        self._current = key_id(current)

    def wrap(self, secret: bytes, bound: bytes) -> bytes:
        """1 µs for a key."""
        return self._current + encrypt(self._keys[self._current], secret, bound)

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
        """Raises CannotUnseal."""
        key = self._keys.get(bytes(wrapped[:_KEY_ID]))
        if key is None:
            raise CannotUnseal("wrapped with an installation key that is not given: see WANGGE_PERSONAL_OLD_KEYS")
        return decrypt(key, wrapped[_KEY_ID:], bound)

    def is_current(self, wrapped: bytes) -> bool:
        return bytes(wrapped[:_KEY_ID]) == self._current

    @property
    def current_id(self) -> bytes:
        return self._current

    def open(self, sealed: bytes, bound: bytes) -> bytes:
        """What one of the keys encrypted without saying which. Raises CannotUnseal."""
        for key in self._keys.values():
            try:
                return decrypt(key, sealed, bound)
            except CannotUnseal:
                continue
        raise CannotUnseal("this does not open with this key")


class Sealer:
    """Seals and unseals the personal parts of reports."""

    def __init__(self, key: bytes, old: Sequence[bytes] = ()) -> None:
        self.keys = InstallationKeys(key, old)

    def seal(self, report_id: UUID, personal: Personal) -> Sealed:
        """4 µs for a short text. The key must be kept (`Vault.keep`) before the report is stored."""
        own = os.urandom(KEY_BYTES)
        reporter = personal.reporter and tuple(personal.reporter)
        text = orjson.dumps((personal.description, reporter, personal.attributes))
        sealed = Sealed(_FORM_2 + encrypt(AESGCM(own), text, report_id.bytes))
        sealed.key, sealed.identifiers = own, identifiers(personal.reporter)
        return sealed

    def unseal(self, report_id: UUID, sealed: bytes, key: bytes | None = None) -> Personal:
        """`key` is the report's own; an old form carries it. Raises CannotUnseal."""
        inner = bytes(sealed[1:])
        if is_old(sealed):
            key = self.keys.open(inner[:_WRAPPED_1], report_id.bytes)
            inner = inner[_WRAPPED_1:]
        if key is None or sealed[:1] not in (_FORM_1, _FORM_2):
            raise CannotUnseal(f"the personal part of report {report_id} has no key")
        description, reporter, *more = orjson.loads(decrypt(AESGCM(key), inner, report_id.bytes))
        return Personal(description, None if reporter is None else Reporter(*reporter), more[0] if more else None)

    def lock_up(self, subject: bytes, secret: bytes) -> bytes:
        """`secret`, to be kept for a while under `subject`."""
        return self.keys.wrap(secret, subject)

    def unlock(self, subject: bytes, sealed: bytes) -> bytes:
        """Raises CannotUnseal."""
        try:
            return self.keys.unwrap(sealed, subject)
        except CannotUnseal:  # locked up by an older program, which did not say with which key
            return self.keys.open(sealed, subject)


def is_old(sealed: bytes) -> bool:
    """Whether an older program sealed it: its key lies in it, under the installation's."""
    return sealed[:1] == _FORM_1


def key_id(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:_KEY_ID]


def encrypt(key: AESGCM, secret: bytes, bound: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + key.encrypt(nonce, secret, bound)


def decrypt(key: AESGCM, sealed: bytes, bound: bytes) -> bytes:
    """Raises CannotUnseal."""
    try:
        return key.decrypt(bytes(sealed[:_NONCE]), bytes(sealed[_NONCE:]), bound)
    except (InvalidTag, ValueError):
        raise CannotUnseal("this does not open with this key") from None


def personal_key(settings: IntakeSettings) -> bytes:
    """The key that the settings name, or the one kept in the data folder. Raises BadInstallationKey."""
    return installation_key(settings, settings.personal_key, "WANGGE_PERSONAL_KEY", "personal.key")


def sealer_of(settings: IntakeSettings) -> Sealer:
    """With the key in use and the earlier ones that the settings name. Raises BadInstallationKey."""
    where = "each of WANGGE_PERSONAL_OLD_KEYS"
    old = [decoded(key.get_secret_value(), where) for key in settings.personal_old_keys]
    return Sealer(personal_key(settings), old)
