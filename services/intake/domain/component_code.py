"""The code of a component 管理部件标识码: what its digits say, and which of them are wrong.

Seventeen digits since 2026: division 6, major class 2, minor class 3, serial 6 (GB/T 47678.5-2026, as transcribed by
the public repository Jackyhellolove/city-inspection-ai, supabase-components-matters.sql, commit 088839d). Sixteen
before that: the minor class had two digits (GB/T 30428.2-2013; 3205080101000001 was seen in Suzhou). The old minor
class is the new one without its leading zero, up to 62.
"""

from collections.abc import Collection
from typing import Final, NamedTuple

from shared.kernel.errors import FieldError, Invalid

STANDARDS: Final = {17: "GB/T 47678.5-2026", 16: "GB/T 30428.2-2013"}
# Provinces and the like, the first two digits of a division: GB/T 2260.
_PROVINCES: Final = frozenset(
    str(number)
    for first, last in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 82))
    for number in range(first, last + 1)
)
_MAJORS: Final = ("01", "02", "03", "04", "05")
_DIGITS: Final = frozenset("0123456789")
# Beginnings that are remembered: a city has a few hundred.
_KEPT: Final = 10_000
_FORMS: Final = "17 digits (division 6, major class 2, minor class 3, serial 6), or 16 as before 2026 (minor class 2)"


class BadComponentCode(Invalid):
    """A component's code has 17 digits (GB/T 47678.5-2026) or 16 (GB/T 30428.2-2013); `errors` names the wrong ones."""

    slug, title, title_zh = "bad-component-code", "Not the code of a component", "部件标识码无效"


class WrongDigits(NamedTuple):
    """Digits `first` to `last` of a code, counted from 1: what they are, and what would be right."""

    first: int
    last: int
    why: str
    right: str

    def __str__(self) -> str:
        return f"digits {self.first} to {self.last} {self.why}: {self.right}"


class ComponentCode(NamedTuple):
    """`number` is the code as it is kept; `kind` its kind 小类 as the catalogue has it, five digits in either form."""

    number: int
    kind: str

    @property
    def standard(self) -> str:
        return STANDARDS[len(str(self.number))]


class Codes:
    """Reads codes against a city's own kinds and division. What stands before the serial is judged once: a census has
    a million serials and a few hundred beginnings.
    """

    def __init__(self, kinds: Collection[str], division: str | None) -> None:
        """`kinds` are the catalogue's codes of components; `division` the six digits of this city's district, None
        where it has several.
        """
        self._kinds = kinds
        self._division = division
        self._known: dict[str, str | list[WrongDigits]] = {}

    def read(self, text: str) -> ComponentCode | list[WrongDigits]:
        """The code, or all that is wrong with it."""
        length = len(text)
        if length not in STANDARDS or not _DIGITS.issuperset(text):
            return [_not_digits(text)]
        beginning, serial = text[:-6], text[-6:]
        found = self._known.get(beginning)
        if found is None:
            found = self._judge(beginning)
            if len(self._known) < _KEPT:
                self._known[beginning] = found
        if serial == "000000":
            none = WrongDigits(length - 5, length, "(serial 顺序码) are 000000", "serials begin with 000001")
            return [none] if isinstance(found, str) else [*found, none]
        return ComponentCode(int(text), found) if isinstance(found, str) else found

    def _judge(self, beginning: str) -> str | list[WrongDigits]:
        division, major, minor = beginning[:6], beginning[6:8], beginning[8:]
        wrong = []
        if self._division is not None and division != self._division:
            wrong.append(WrongDigits(1, 6, f"(division 行政区划) are {division}", f"this city's is {self._division}"))
        elif division[:2] not in _PROVINCES:
            wrong.append(WrongDigits(1, 2, f"(province 省级) are {division[:2]}", "a province of GB/T 2260"))
        kind = major + minor.rjust(3, "0")
        last = 8 + len(minor)
        if major not in _MAJORS:
            wrong.append(WrongDigits(7, 8, f"(major class 大类) are {major}", "components have 01 to 05"))
        elif kind not in self._kinds:
            why = f"(minor class 小类) are {minor}, which makes the kind {kind}"
            wrong.append(WrongDigits(9, last, why, "a component of GET /intake/v1/catalogue"))
        return wrong or kind


def _not_digits(text: str) -> WrongDigits:
    odd = next((n for n, c in enumerate(text, start=1) if c not in _DIGITS), None)
    if odd is not None:
        return WrongDigits(odd, odd, f"is {text[odd - 1]!r}, no digit", _FORMS)
    return WrongDigits(1, max(len(text), 1), f"are {len(text)} in all", _FORMS)


def refused(text: str, wrong: list[WrongDigits], pointer: str) -> BadComponentCode:
    """`wrong` as a refusal that points at `pointer`."""
    said = "; ".join(map(str, wrong))
    standard = STANDARDS.get(len(text))
    read_as = f" read by {standard}" if standard else ""
    return BadComponentCode(
        f"{text[:40]!r} is no component's code{read_as}: {said}",
        errors=[FieldError(pointer, str(each)) for each in wrong],
    )
