"""Intake's door for Open311 on a real database, its answers read by parsers that others wrote."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from xml.etree.ElementTree import Element

import httpx
import orjson
import pytest
from defusedxml.ElementTree import fromstring
from starlette.applications import Starlette
from starlette.routing import Mount

from services.intake.app import create_app
from services.intake.consumers import subscriptions
from services.intake.queries.open311_services import Services
from services.intake.wiring import Wired
from shared.bus.event import Record
from shared.contracts.topics import CASES
from shared.kernel.clock import utc_now
from shared.kernel.ids import uuid7
from shared.packs.model import Attribute, Pack, Text
from shared.postgres import transaction
from tests.integration.intake.conftest import SOUTH, WEST, Place, city, demo_areas, grid, middle

V2 = "/intake/open311/v2"
# A service with every kind of attribute, one with one, one with none: codes of the pack haidian.
ASKING, ASKING_ONE, PLAIN = "01001", "01002", "01003"
FIELDS = {
    "service_request_id", "status", "status_notes", "service_name", "service_code", "description",
    "agency_responsible", "service_notice", "requested_datetime", "updated_datetime", "expected_datetime", "address",
    "address_id", "zipcode", "lat", "long", "media_url",
}  # fmt: skip


def attribute(kind: Any, zh: str, en: str, **more: Any) -> Attribute:
    return Attribute(type=kind, zh=zh, en=en, categories=more.pop("of", (ASKING,)), **more)


ATTRIBUTES = {
    "depth_cm": attribute("number", "深度", "depth", min=0.0, max=500.0, of=(ASKING, ASKING_ONE)),
    "size": attribute(
        "choice", "大小", "size", required=True,
        values={"s": Text(zh="小", en="small"), "l": Text(zh="大 & <宽>", en="large & <wide>")},
    ),
    "seen": attribute("choices", "所见", "seen", values={k: Text(zh=k, en=k) for k in ("crack", "rust", "smell")}),
    "since": attribute("datetime", "起于", "since", description=Text(zh="何时", en="since when")),
    "urgent": attribute("boolean", "紧急", "urgent"),
    "note": attribute("text", "备注", "note"),
}  # fmt: skip


def with_attributes(pack: Pack) -> Pack:
    return pack.model_copy(update={"attributes": ATTRIBUTES})


@dataclass
class Open311:
    """The endpoint of a running intake, and what is told of it."""

    place: Place
    wired: Wired
    http: httpx.AsyncClient
    _asked: Iterator[int] = field(default_factory=lambda: iter(range(1, 1_000_000)))

    @property
    def key(self) -> str:
        return self.place.app_key

    def form(self, **fields: Any) -> dict[str, Any]:
        """A good request; each with a text of its own. None leaves a field out."""
        at = middle(1, 1)
        usual = {
            "api_key": self.key,
            "service_code": PLAIN,
            "lat": at["lat"],
            "long": at["lon"],
            "description": f"井盖破损 {next(self._asked)}",
        }
        return {name: value for name, value in (usual | fields).items() if value is not None}

    async def post(self, form: str = "json", headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
        return await self.http.post(f"/requests.{form}", data=self.form(**fields), headers=headers)

    async def posted(self, **fields: Any) -> str:
        answer = await self.post(**fields)
        assert answer.status_code == 200, answer.text
        found: str = answer.json()[0]["service_request_id"]
        return found

    async def get(self, path: str, **query: Any) -> Any:
        """The JSON of an answer that must be good."""
        answer = await self.http.get(f"/{path}.json", params=query)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        return answer.json()

    async def xml(self, path: str, **query: Any) -> Element:
        answer = await self.http.get(f"/{path}.xml", params=query)
        assert answer.status_code == 200, answer.text
        return read_xml(answer)

    async def request(self, request_id: str, **query: Any) -> dict[str, Any]:
        (found,) = await self.get(f"requests/{request_id}", **query)
        assert isinstance(found, dict)
        return found

    async def hear(self, case: UUID, reports: list[str], *acts: tuple[str, str], start: int = 1, **more: Any) -> None:
        """Facts of a case, as dispatch publishes them: one for each (act, status)."""
        records = [
            fact(case, version, act, status, reports, **more) for version, (act, status) in enumerate(acts, start=start)
        ]
        (subscription,) = subscriptions(self.wired)
        async with transaction(self.wired.pool) as tx:
            await subscription.topics[CASES.name](tx, records)


def fact(case: UUID, version: int, act: str, status: str, reports: list[str], **more: Any) -> Record:
    data = {
        "case_id": str(case), "number": f"HD-{version}", "version": version, "revision": version, "act": act,
        "at": utc_now().isoformat(), "actor": "acceptor-1", "status": status, "routing_key": grid(1, 1),
        "category": PLAIN, "reports": reports, **more,
    }  # fmt: skip
    return Record(
        CASES.name, 0, version, grid(1, 1), str(uuid7()), "case.x.v1", "/wangge/dispatch", str(case), version,
        grid(1, 1), None, utc_now(), orjson.dumps(data), None,
    )  # fmt: skip


def read_xml(answer: httpx.Response) -> Element:
    """What every XML of ours must be: UTF-8, declared, without a namespace or a document type."""
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    assert answer.content.startswith(b'<?xml version="1.0" encoding="utf-8"?>\n')
    root = fromstring(answer.content, forbid_dtd=True)
    assert isinstance(root, Element)
    assert not [each.tag for each in root.iter() if "}" in each.tag or each.attrib]
    return root


# The protocol's mapping, written down a second time: these hold a list of one repeating child, whatever is in them.
CONTAINERS = {
    "services", "attributes", "values", "service_requests", "service_request_updates", "endpoints", "formats",
    "notes", "errors",
}  # fmt: skip


def as_json(element: Element) -> Any:
    """What an element is in the protocol's JSON, its text left as text."""
    if element.tag in CONTAINERS:
        return [as_json(child) for child in element]
    if len(element):
        return {child.tag: as_json(child) for child in element}
    return element.text


def as_text(value: Any) -> Any:
    """JSON with its numbers and truths as XML writes them."""
    if isinstance(value, dict):
        return {name: as_text(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_text(inner) for inner in value]
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)


def errors_of(answer: httpx.Response) -> list[tuple[int, str]]:
    """Code and description of each error, from either format; fails where an answer is in no form of the protocol."""
    if answer.headers["content-type"] == "application/json; charset=utf-8":
        found = answer.json()
        assert isinstance(found, list)
        assert found
        assert all(set(each) == {"code", "description"} and type(each["code"]) is int for each in found)
        return [(each["code"], each["description"]) for each in found]
    root = read_xml(answer)
    assert root.tag == "errors"
    assert len(root) >= 1
    assert all([child.tag for child in each] == ["code", "description"] for each in root)
    return [(int(each.findtext("code") or 0), each.findtext("description") or "") for each in root]


def refused(answer: httpx.Response, status: int, *words: str) -> str:
    """That an answer refuses with this status, in the protocol's form, and says these words."""
    assert answer.status_code == status, answer.text
    errors = errors_of(answer)
    assert {code for code, _ in errors} == {status}
    said = "\n".join(text for _, text in errors)
    for word in words:
        assert word in said, said
    assert "Traceback" not in said
    return said


def soon(seconds: float = 0) -> str:
    return (utc_now() + timedelta(seconds=seconds)).isoformat(timespec="seconds").replace("+00:00", "Z")


def instant(text: str) -> datetime:
    assert text.endswith("Z") or text[-6] in "+-", text
    return datetime.fromisoformat(text)


OUTSIDE = {"lat": SOUTH - 1, "long": WEST}


async def _door(place: Place, **settings: Any) -> AsyncIterator[Open311]:
    pack = with_attributes(place.wired.pack)
    wired = replace(
        place.wired,
        pack=pack,
        open311=Services(pack),
        settings=place.wired.settings.model_copy(update=settings),
    )
    house = Starlette(routes=[Mount("/intake", create_app(wired))])
    transport = httpx.ASGITransport(app=house, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://intake.test{V2}", timeout=30) as http:
        yield Open311(place, wired, http)


@pytest.fixture(scope="session")
async def place(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with city(postgres_dsn, tmp_path_factory.mktemp("open311"), demo_areas()) as made:
        yield made


@pytest.fixture(scope="session")
async def open311(place: Place) -> AsyncIterator[Open311]:
    """Shared by the tests of a worker, which keep to requests of their own."""
    async for door in _door(place):
        yield door


@pytest.fixture(scope="session")
async def two_towns(place: Place) -> AsyncIterator[Open311]:
    """The same intake, as an endpoint of two jurisdictions: a grid, and all of them."""
    async for door in _door(place, open311_jurisdictions={"one.example": grid(1, 1), "all.example": "110108"}):
        yield door


@pytest.fixture
async def own_open311(postgres_dsn: str, tmp_path: Any) -> AsyncIterator[Open311]:
    """One test's own, with nothing in it."""
    async with city(postgres_dsn, tmp_path, demo_areas()) as made:
        async for door in _door(made):
            yield door


@pytest.fixture(scope="module")
async def own_door(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Open311]:
    """One file's own."""
    async with city(postgres_dsn, tmp_path_factory.mktemp("own"), demo_areas()) as made:
        async for door in _door(made):
            yield door
