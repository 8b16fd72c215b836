"""Services and their definitions: the catalogue 目录 as Open311 has it, and when it last became another."""

import hashlib
from datetime import date, datetime
from typing import Any, Final

import orjson

from services.intake.domain.open311 import UnknownService
from services.intake.store import open311 as store
from shared.kernel.clock import Clock
from shared.kernel.errors import FieldError
from shared.packs import Pack
from shared.packs.model import Attribute, Category, Text
from shared.postgres import Pool

# Ours → the protocol's. It knows no truth values: they are a list of two.
DATATYPES: Final = {
    "text": "text",
    "number": "number",
    "boolean": "singlevaluelist",
    "datetime": "datetime",
    "choice": "singlevaluelist",
    "choices": "multivaluelist",
}
_KINDS: Final = {"component": "部件 component", "matter": "事项 matter"}
_TRUTH: Final = {"true": "是 yes", "false": "否 no"}
_HINTS: Final = {
    "number": "数字 a number",
    "datetime": "日期时间 a date and time, such as 2026-11-27T08:00:00+08:00",
    "choices": "可多选 one or more",
    "choice": "单选 one",
    "boolean": "单选 one",
    "text": "文字 text",
}


def named(text: Text) -> str:
    """Both languages in one line; once, where they are the same word."""
    return text.zh if text.zh == text.en else f"{text.zh} {text.en}"


class Services:
    """What a pack offers by this protocol: categories that are in effect and that the grids may be asked for 准入.

    `names` are those of every category, also of one that is offered no more: requests of it are still shown.
    """

    def __init__(self, pack: Pack) -> None:
        self._pack = pack
        self._services = {code: self._service(category) for code, category in pack.categories.items()}
        self.names = {code: each["service_name"] for code, each in self._services.items()}
        self.units = {code: named(unit.name) for code, unit in pack.units.items()}
        self._digests: dict[tuple[str, ...], bytes] = {}
        self._changesets: dict[bytes, datetime] = {}

    def offered(self, today: date) -> list[dict[str, Any]]:
        """The services of that day, in the pack's order."""
        return [self._services[code] for code in self._codes(today)]

    def definition(self, code: str) -> dict[str, Any]:
        """The `service_definition` of a service. Raises UnknownService."""
        self.check(code, "")
        attributes = [
            _attribute(name, attribute, order)
            for order, (name, attribute) in enumerate(self._pack.attributes_of(code), start=1)
        ]
        return {"service_code": code, "attributes": attributes}

    def form(self, code: str) -> list[tuple[str, Attribute]]:
        """What the service asks beside the description, in order."""
        return self._pack.attributes_of(code)

    def check(self, code: str, pointer: str = "?service_code") -> None:
        """Raise UnknownService."""
        if code not in self.names:
            raise UnknownService(
                f"there is no service {code[:64]!r}; services.xml and services.json list them",
                errors=[FieldError(pointer, "no such service")] if pointer else (),
            )

    async def changeset(self, pool: Pool, clock: Clock) -> datetime:
        """When what is offered last became another. Kept in the database, so that every replica says the same."""
        now = clock()
        digest = self._digest(self._codes(now.astimezone(self._pack.zone).date()))
        if digest not in self._changesets:
            latest = await store.changeset(pool)
            if latest is None or latest[1] != digest:
                await store.add_changeset(pool, now, digest)
                latest = await store.changeset(pool)
            assert latest is not None
            self._changesets = {digest: latest[0]}
        return self._changesets[digest]

    def _codes(self, today: date) -> tuple[str, ...]:
        admission = self._pack.admission
        return tuple(
            code
            for code, category in self._pack.categories.items()
            if (category.begins is None or category.begins <= today)
            and (category.ends is None or today <= category.ends)
            and (admission is None or admission.turn_to(code) is None)
        )

    def _digest(self, codes: tuple[str, ...]) -> bytes:
        if codes not in self._digests:
            told = [(self._services[code], self.definition(code)) for code in codes]
            self._digests = {codes: hashlib.sha256(orjson.dumps(told)).digest()}
        return self._digests[codes]

    def _service(self, category: Category) -> dict[str, Any]:
        department = self._pack.departments.get(category.dept)
        words = [category.name.zh, category.name.en, _KINDS[category.kind]]
        conditions = "；".join(named(condition.name) for condition in category.conditions)
        return {
            "service_code": category.code,
            "service_name": named(category.name),
            "description": f"{named(category.name)}: {conditions}",
            "metadata": bool(self._pack.attributes_of(category.code)),
            "type": "realtime",
            # A comma within a word would make two of it.
            "keywords": ",".join(word.replace(",", " ") for word in words),
            "group": named(department) if department else _KINDS[category.kind],
        }


def _attribute(name: str, attribute: Attribute, order: int) -> dict[str, Any]:
    described = attribute.description
    values = _TRUTH if attribute.type == "boolean" else {key: named(text) for key, text in attribute.values.items()}
    return {
        "variable": True,
        "code": name,
        "datatype": DATATYPES[attribute.type],
        "required": attribute.required,
        "datatype_description": _hint(attribute),
        "order": order,
        "description": f"{named(attribute)}: {named(described)}" if described else named(attribute),
        "values": [{"key": key, "name": text} for key, text in values.items()],
    }


def _hint(attribute: Attribute) -> str:
    bounds = [f"{sign} {bound:g}" for sign, bound in (("≥", attribute.min), ("≤", attribute.max)) if bound is not None]
    return " ".join([_HINTS[attribute.type], *bounds])
