"""Signed links: whoever has one may look at one file until it expires, without a header."""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from services.intake.domain.media import LinkNotValid

LONGEST: Final = timedelta(days=7)


class Links:
    """Signs with a key of its own, made from the installation's."""

    def __init__(self, installation_key: bytes) -> None:
        self._key = hmac.digest(installation_key, b"wangge media links", "sha256")

    def query(self, media_id: UUID, form: str, until: datetime) -> str:
        """What follows the `?` of a link; `form` is `file`, or the size of a thumbnail."""
        expires = int(until.timestamp())
        return f"expires={expires}&signature={self._signature(media_id, form, expires)}"

    def check(self, media_id: UUID, form: str, expires: int, signature: str, now: datetime) -> None:
        """Raises LinkNotValid."""
        right = self._signature(media_id, form, expires)
        if not hmac.compare_digest(right.encode(), signature.encode()):
            raise LinkNotValid("the signature is not of this file and this time: ask for a new link")
        if now.timestamp() >= expires:
            raise LinkNotValid("the link has expired: ask for a new one", facts={"expired": expires})

    def _signature(self, media_id: UUID, form: str, expires: int) -> str:
        signed = hmac.new(self._key, f"{media_id}\n{form}\n{expires}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(signed.digest()).decode().rstrip("=")
