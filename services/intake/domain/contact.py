"""By what a person is known again: the telephone number and the e-mail address, each in one spelling."""

import re
from typing import Final

from services.intake.domain.report import Reporter
from shared.kernel.errors import FieldError, Invalid

# Full-width digits and signs (１３８…＠) are read as their ASCII twins.
_NARROW: Final = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_EXTENSION: Final = re.compile(r"(?:转|ext\.?|x|#)\s*\d{1,6}\s*$", re.IGNORECASE)
# +86, 0086 or 86 before a number of 11 digits that begins with 1; a trunk 0 before it.
_MOBILE: Final = re.compile(r"(?:(?:00)?86)?0?(1[3-9]\d{9})")
_ABROAD: Final = re.compile(r"(?:00)?86(0?[1-9]\d{8,10})")
_LEAST_DIGITS: Final = 5
# One address and nothing else: what would be a list, a comment or a name in a header is none.
_EMAIL: Final = re.compile(r"[^@\s,;:<>()\[\]\\\"]{1,64}@[^@\s,;:<>()\[\]\\\"]{1,253}")


class BadContact(Invalid):
    slug, title, title_zh = "bad-contact", "Neither a telephone number nor an e-mail address", "电话或邮箱无效"


def identifiers(reporter: Reporter | None) -> tuple[str, ...]:
    """`phone:…` and `email:…`, in this order, as far as they can be read. Free text that is neither names nobody."""
    if reporter is None:
        return ()
    phone = phone_of(reporter.phone) if reporter.phone else None
    email = email_of(reporter.email) if reporter.email else None
    return (*((f"phone:{phone}",) if phone else ()), *((f"email:{email}",) if email else ()))


def identifier(phone: str | None, email: str | None) -> str:
    """The one of the two that was given. Raises BadContact."""
    found = identifiers(Reporter(None, phone, email))
    if len(found) != 1 or (phone is not None) == (email is not None):
        pointer = "/email" if phone is None and email is not None else "/phone"
        raise BadContact(
            "give one telephone number with its area code, or one e-mail address",
            errors=[FieldError(pointer, "cannot be read")],
        )
    return found[0]


def phone_of(text: str) -> str | None:
    """The digits alone: a mobile number without the country's 86, a landline with its area code; None: no number."""
    narrow = _EXTENSION.sub("", text.translate(_NARROW))
    digits = re.sub(r"\D", "", narrow)
    if (mobile := _MOBILE.fullmatch(digits)) is not None:
        return mobile[1]
    if (abroad := _ABROAD.fullmatch(digits)) is not None and (narrow.lstrip()[:1] == "+" or digits[:2] == "00"):
        return "0" + abroad[1].removeprefix("0")
    return digits if len(digits) >= _LEAST_DIGITS else None


def email_of(text: str) -> str | None:
    """In small letters; None: no address."""
    narrow = text.translate(_NARROW).strip()
    return narrow.casefold() if _EMAIL.fullmatch(narrow) else None
