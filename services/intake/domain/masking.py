"""Masking of what names a person in free text: telephone, identity-card, number-plate, e-mail.

Over-masking is accepted, leaking is not: a number that merely looks like a telephone number is masked too.
The head of each number is kept (the network of a telephone, the district of an identity card, the city of a plate),
so that a reader sees what stood there; the rest becomes asterisks, one for each character.
"""

import re
from collections.abc import Mapping
from typing import Any

# Full-width digits, letters and signs (１３８…) are matched as their ASCII twins; the text keeps its length.
_NARROW = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_WIDE = re.compile(r"[０-９Ａ-Ｚａ-ｚ＠]")

_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_GAP = r"[ .·•\-–—]?"
# GB 11643: 6 of division, 8 of birth date, 3 in sequence, a check character; the old form has 15 digits.
_NEW_IDENTITY = rf"\d{{6}}{_GAP}\d{{4}}{_GAP}\d{{4}}{_GAP}\d{{3}}[\dX]"
_IDENTITY = rf"(?P<identity>(?<![0-9A-Z])(?:{_NEW_IDENTITY}|\d{{15}})(?![0-9A-Z]))"
_MOBILE = rf"(?P<mobile>(?<!\d)(?:(?:\+|00)?86{_GAP})?0?1[3-9](?:{_GAP}\d){{9}}(?!\d))"
_LANDLINE = rf"(?P<landline>(?<!\d)(?:\(0\d{{2,3}}\)|0\d{{2,3}}){_GAP}[2-9]\d{{2,3}}{_GAP}\d{{4}}(?!\d))"
_LOCAL = r"(?P<local>(?:电话|手机|座机|联系|号码|tel)[^\d\n]{0,4}[2-9]\d{6,7}(?!\d))"
_AMERICAN = r"(?P<american>(?<!\d)(?:\+?1[-. ]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-. ])[2-9]\d{2}[-. ]\d{4}(?!\d))"
# GA 36: province, city letter, then 5 characters (6 for new energy) with at least one digit; police, embassy, trailer.
_TAIL = r"(?=[A-Z]*\d)[A-HJ-NP-Z0-9]{4}(?:[A-HJ-NP-Z0-9]{1,2}(?![A-Z0-9])|[挂学警港澳])"
_PLATE = (
    rf"(?P<plate>[{_PROVINCES}]{_GAP}[A-Z]{_GAP}{_TAIL}"
    rf"|WJ{_GAP}[{_PROVINCES}]?{_GAP}\d{{4,5}}[0-9A-Z]?|[使领]{_GAP}\d{{6}}|(?<!\d)\d{{6}}[使领])"
)
_EMAIL = r"(?P<email>[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,253}\.[A-Za-z]{2,24})"
_PERSONAL = re.compile("|".join((_IDENTITY, _MOBILE, _LANDLINE, _LOCAL, _AMERICAN, _PLATE, _EMAIL)), re.IGNORECASE)
# Cheap necessary signs, so that the full search (18 µs for 40 Chinese characters) runs on few texts:
# six digits that nothing but gaps separates, the head of a plate, an @.
_DIGITS = re.compile(rf"\d(?:[() ]?{_GAP}\d){{5}}")
_PLATE_HEAD = re.compile(rf"[{_PROVINCES}]{_GAP}[A-Za-z]|[Ww][Jj]")
# Many an attribute is a point in time, and has the digits of a telephone without being one: 0.5 µs instead of 6.
_TIME = re.compile(
    r"(?:19|20)\d\d-[01]\d-[0-3]\d(?:[T ][0-2]\d:[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-][01]\d:?\d\d)?)?"
)
# The shortest of all is an address: a@b.cn.
_SHORTEST = 6
# The shortest number that is a telephone's without any sign in it.
_TEN_DIGITS = 10**9
_KEPT = {"identity": 6, "mobile": 3, "landline": 3, "american": 3, "plate": 2, "email": 1}


def mask(text: str) -> str:
    """`text` with every telephone, identity-card and plate number and e-mail address masked; of the same length."""
    if len(text) < _SHORTEST:
        return text
    if text.isascii():  # no province's character in it
        narrow, plate = text, "wj" in text.lower()
    else:
        narrow = text.translate(_NARROW) if _WIDE.search(text) else text
        plate = _PLATE_HEAD.search(narrow) is not None
    if not (plate or "@" in narrow or _DIGITS.search(narrow)) or _TIME.fullmatch(narrow):
        return text
    masked: list[str] = []
    end = 0
    for match in _PERSONAL.finditer(narrow):
        start, stop = match.span()
        masked += (text[end:start], _starred(text[start:stop], _KEPT.get(match.lastgroup or "")))
        end = stop
    return "".join(masked) + text[end:] if masked else text


def mask_values(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """`values` with every text in them masked, and every whole number that reads as a telephone or identity-card
    number; the same object if nothing is. Names of members are not looked at: they are the catalogue's.
    """
    masked: dict[str, Any] | None = None
    for name, value in values.items():
        if (found := _masked(value)) is not value:
            masked = masked or dict(values)
            masked[name] = found
    return values if masked is None else masked


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        found = mask(value)
        return value if found == value else found
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _TEN_DIGITS:
        found = mask(str(value))
        return value if found == str(value) else found
    if isinstance(value, Mapping):
        return mask_values(value)
    if isinstance(value, list):
        items = [_masked(item) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def _starred(found: str, kept: int | None) -> str:
    """Letters and digits after the first `kept` become asterisks; None: digits only, all of them. Separators stay."""
    seen, out = 0, []
    for character in found:
        personal = character.isdigit() if kept is None else character.isalnum()
        seen += personal
        out.append("*" if personal and seen > (kept or 0) else character)
    return "".join(out)
