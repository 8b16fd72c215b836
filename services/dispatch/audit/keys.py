"""The installation's audit keys: the one in use, and older ones by which rows of their time are still checked."""

import hmac
from collections.abc import Iterable, Mapping
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.dispatch.settings import DispatchSettings
from shared.installation_key import decoded, installation_key

ID_BYTES = 4
MAC_BYTES = 32


class AuditKey:
    """One secret of 32 bytes. From it come (HKDF, RFC 5869) the key of the macs and the pair that signs checkpoints, so
    that there is one thing to keep. `id` names it in rows and checkpoints: 4 bytes of the public key's SHA-256.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        # Made ready once: a copy of it takes three quarters of the time that `hmac.digest` does.
        self._macs = hmac.new(_derived(secret, b"wangge audit macs"), digestmod="sha256")
        self._pair = Ed25519PrivateKey.from_private_bytes(_derived(secret, b"wangge audit checkpoints"))
        self.public = PublicKey(self._pair.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        self.id = self.public.id

    def __reduce__(self) -> tuple[type["AuditKey"], tuple[bytes]]:
        """For another process of this machine: what is made ready does not travel."""
        return AuditKey, (self._secret,)

    def mac(self, message: bytes) -> bytes:
        """HMAC-SHA-256."""
        mac = self._macs.copy()
        mac.update(message)
        return mac.digest()

    def sign(self, message: bytes) -> bytes:
        """Ed25519."""
        return self._pair.sign(message)


class PublicKey:
    """What checks signatures without the secret. `raw` has 32 bytes."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.id = sha256(raw).digest()[:ID_BYTES]
        self._key = Ed25519PublicKey.from_public_bytes(raw)

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's of `message`."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class AuditKeys:
    """All audit keys known here. Without `current` (public keys only) signatures are checked and macs are not."""

    def __init__(
        self, current: AuditKey | None, old: Iterable[AuditKey] = (), public: Iterable[PublicKey] = ()
    ) -> None:
        secret = [*([current] if current else ()), *old]
        self._current = current
        self.secret: Mapping[bytes, AuditKey] = {key.id: key for key in secret}
        self.public: Mapping[bytes, PublicKey] = {key.id: key for key in (*(key.public for key in secret), *public)}

    @property
    def current(self) -> AuditKey:
        """The key that new rows and checkpoints are made with."""
        assert self._current is not None
        return self._current


def audit_keys(settings: DispatchSettings, *, make: bool = True) -> AuditKeys:
    """The keys that the settings name, or the one kept in the data folder, made if need be and `make` allows.

    Raises BadInstallationKey.
    """
    current = installation_key(settings, settings.audit_key, "WANGGE_AUDIT_KEY", "audit.key", make=make)
    old = [decoded(key.get_secret_value(), "each of WANGGE_AUDIT_OLD_KEYS") for key in settings.audit_old_keys]
    return AuditKeys(AuditKey(current), [AuditKey(key) for key in old])


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret)
