"""A posted request as it was written: which fields belong together, and what each may be."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from services.intake.domain.open311 import LONGEST_DESCRIPTION
from services.intake.domain.report import Reporter
from shared.kernel.errors import FieldError, Invalid

# The protocol takes free text and no HTML. A tag or a comment, not a less-than sign: only what is named as an element
# of HTML is one.
_ELEMENTS: Final = (
    "a|abbr|applet|audio|b|base|blockquote|body|br|button|canvas|center|code|details|div|em|embed|font|form|frame|"
    "frameset|h[1-6]|head|hr|html|i|iframe|img|input|label|li|link|marquee|math|meta|object|ol|option|p|pre|s|script|"
    "select|small|source|span|strong|style|sub|sup|svg|table|tbody|td|textarea|th|thead|title|tr|u|ul|video"
)
_HTML: Final = re.compile(rf"<(?:/?(?:{_ELEMENTS})(?:[\s/][^<>]*)?|!--.*|!doctype[^<>]*)>", re.IGNORECASE | re.DOTALL)
_LONGEST: Final[Mapping[str, int]] = {
    "description": LONGEST_DESCRIPTION,
    "address_string": 200,
    "address_id": 280,
    "email": 254,
    "phone": 40,
    "first_name": 100,
    "last_name": 100,
    "device_id": 200,
    "deviceid": 200,
    "account_id": 200,
    "update_id": 100,
}
# Before the address of a picture, on a line of its own.
_PHOTO: Final = "照片 photo: "
_LONGEST_URL: Final = 2_000
MOST_URLS: Final = 20


class BadField(Invalid):
    slug, title, title_zh = "bad-field", "A field of the form is wrong", "表单字段有误"


class Written(NamedTuple):
    """The words of a request or an update. `text` is what a desk reads: the description, and below it where pictures
    lie; `said` is how much of it is the reporter's own description.
    """

    text: str
    said: int


def check_lengths(fields: Mapping[str, Sequence[str]]) -> list[FieldError]:
    """What is too long, or given several times, of the fields that may be given once."""
    errors = []
    for name, most in _LONGEST.items():
        values = fields.get(name)
        if not values:
            continue
        if len(values) > 1:
            errors.append(FieldError(f"/{name}", "given more than once"))
        if len(values[0]) > most:
            errors.append(FieldError(f"/{name}", f"has {len(values[0]):,} characters, and may have {most:,}"))
    return errors


def check_description(text: str | None) -> list[FieldError]:
    if text and (found := _HTML.search(text)):
        return [FieldError("/description", f"is free text and may hold no HTML, such as {found[0][:40]!r}")]
    return []


def check_urls(urls: Sequence[str], name: str = "media_url") -> list[FieldError]:
    errors = []
    if len(urls) > MOST_URLS:
        errors.append(FieldError(f"/{name}", f"{len(urls)} addresses, and there may be {MOST_URLS}"))
    if not all(_is_web_address(url) for url in urls[:MOST_URLS]):
        errors.append(FieldError(f"/{name}", "must be a web address that begins with https:// or http://"))
    return errors


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and len(url) <= _LONGEST_URL
            and url.isprintable()
        )
    except ValueError:
        return False


def written(description: str | None, service: str, urls: Sequence[str]) -> Written:
    """`service` is what a request without any description is about. Raises BadField where all of it is too long."""
    said = len(description or "")
    text = "\n".join([description or service, *(f"{_PHOTO}{url}" for url in urls)])
    if len(text) > LONGEST_DESCRIPTION:
        words = f"with media_url has {len(text):,} characters, and may have {LONGEST_DESCRIPTION:,}"
        raise BadField(f"description {words}", errors=[FieldError("/description", words)])
    return Written(text, said)


def read_back(text: str) -> tuple[str, str | None]:
    """Of an update's `text`, what was said and where its picture lies."""
    said, mark, url = text.rpartition(f"\n{_PHOTO}")
    return (said, url) if mark and not check_urls([url]) else (text, None)


def reporter(first: str | None, last: str | None, email: str | None, phone: str | None) -> Reporter | None:
    """Who reports, as far as they say. A Chinese name is written without a space, the family's name first."""
    if last and first and not (last + first).isascii():
        name: str | None = last + first
    else:
        name = " ".join(part for part in (first, last) if part) or None
    return Reporter(name, phone, email) if name or email or phone else None
