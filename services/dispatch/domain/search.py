"""Words in a case: what is searched, how it is made comparable, and the pairs of characters that an index finds it by.

Chinese has no blanks between words, so a substring is looked for: any two neighbouring characters are a key. A key may
be of other characters too (32 bits for two of them), so what is found is compared with the text itself.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from shared.kernel.errors import FieldError, Invalid

PAIR = 2
# An attribute is an address 地址 by its name: `address`, `address_string`, `incident_address`, `地址`, `详细地址`.
_ADDRESS_NAMES = ("address", "地址")


class WordTooShort(Invalid):
    slug, title, title_zh = "word-too-short", "A word to search for is too short", "搜索词过短"


def normal(text: str) -> str:
    """`text` as it is compared: full-width and compatibility forms as the usual ones (NFKC), no case, single blanks."""
    folded = unicodedata.normalize("NFKC", text.replace("\x00", "")).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def searched(number: str, description: str, attributes: Mapping[str, Any]) -> str:
    """What is searched in a case, a line each: its number, its description, its attributes that say where: addresses,
    and the code of the component 部件.
    """
    places = (
        value
        for name, value in attributes.items()
        if isinstance(value, str) and (name == "component" or any(word in name.casefold() for word in _ADDRESS_NAMES))
    )
    return "\n".join(normal(text) for text in (number, description, *places))


def terms(query: str, pointer: str = "?q") -> list[str]:
    """The words of a query, normalised; a case is found when it has all of them. Raises WordTooShort."""
    words = list(dict.fromkeys(normal(query).split()))
    if not words or any(len(word) < PAIR for word in words):
        raise WordTooShort(
            "each word to search for must have two characters at least: 井盖, not 井",
            errors=[FieldError(pointer, "two characters or more in each word")],
        )
    return words


def grams(text: str) -> list[int]:
    """The keys of `text`, sorted, each once: one signed 32-bit number for each pair of neighbours within a word."""
    return sorted(set(_pairs(text)))


def _pairs(text: str) -> Iterator[int]:
    for word in text.split():
        codes = [ord(character) for character in word]
        for one, other in pairwise(codes):
            # The two of the basic plane side by side, which all but the rarest are in.
            key = ((one << 16) ^ other) & 0xFFFFFFFF
            yield key - (1 << 32) if key >> 31 else key
