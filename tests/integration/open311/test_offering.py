"""Discovery, services and their definitions: OPEN311.md, "Everywhere" and the first three rows of "Resources"."""

import pytest

from services.intake.queries.open311_services import Services
from services.intake.store import open311 as store
from shared.packs.model import Text
from tests.integration.open311.conftest import (
    ASKING,
    ASKING_ONE,
    ATTRIBUTES,
    PLAIN,
    V2,
    Open311,
    as_json,
    as_text,
    instant,
    refused,
    with_attributes,
)


@pytest.mark.parametrize("path", ["discovery", "services", f"services/{ASKING}", f"services/{PLAIN}"])
async def test_xml_and_json_say_the_same(open311: Open311, path: str) -> None:
    xml, json = await open311.xml(path), await open311.get(path)
    assert as_json(xml) == as_text(json)


async def test_discovery(open311: Open311) -> None:
    told = await open311.get("discovery")
    assert list(told) == ["changeset", "contact", "key_service", "endpoints"]
    (endpoint,) = told["endpoints"]
    assert list(endpoint) == ["specification", "url", "changeset", "type", "formats"]
    assert endpoint["specification"] == "http://wiki.open311.org/GeoReport_v2"
    assert endpoint["url"] == f"http://intake.test{V2}"
    assert endpoint["type"] in ("production", "test")
    assert endpoint["formats"] == ["text/xml", "application/json"]
    assert instant(told["changeset"]) == instant(endpoint["changeset"])
    xml = await open311.xml("discovery")
    assert xml.tag == "discovery"
    assert [each.text for each in xml.iter("format")] == ["text/xml", "application/json"]


async def test_the_changeset_sorts_and_changes_with_what_is_offered(open311: Open311) -> None:
    pool, clock = open311.wired.pool, open311.wired.clock
    first = await open311.wired.open311.changeset(pool, clock)
    assert await open311.wired.open311.changeset(pool, clock) == first
    pack = with_attributes(open311.wired.pack)
    assert await Services(pack).changeset(pool, clock) == first  # another replica
    renamed = ATTRIBUTES | {"note": ATTRIBUTES["note"].model_copy(update={"zh": "说明"})}
    second = await Services(pack.model_copy(update={"attributes": renamed})).changeset(pool, clock)
    back = await Services(pack).changeset(pool, clock)
    assert first < second < back
    latest = await store.changeset(pool)
    assert latest is not None
    assert latest[0] == back
    open311.wired.open311._changesets.clear()


async def test_services(open311: Open311) -> None:
    services = await open311.get("services")
    codes = [each["service_code"] for each in services]
    pack = open311.wired.pack
    assert codes == [code for code in pack.categories if code in codes]
    assert pack.admission is not None
    elsewhere = {code for code in pack.categories if pack.admission.turn_to(code)}
    assert elsewhere
    assert not elsewhere & set(codes)
    for each in services:
        assert list(each) == [
            "service_code", "service_name", "description", "metadata", "type", "keywords", "group",
        ]  # fmt: skip
        assert isinstance(each["service_code"], str)
        assert each["type"] in ("realtime", "batch", "blackbox")
        assert isinstance(each["metadata"], bool)
        assert each["service_name"]
        assert each["group"]
        assert all(each["keywords"].split(","))
    metadata = {each["service_code"]: each["metadata"] for each in services}
    assert (metadata[ASKING], metadata[ASKING_ONE], metadata[PLAIN]) == (True, True, False)
    xml = await open311.xml("services")
    assert xml.tag == "services"
    assert {each.tag for each in xml} == {"service"}
    assert {each.findtext("metadata") for each in xml} == {"true", "false"}


async def test_a_definition(open311: Open311) -> None:
    told = await open311.get(f"services/{ASKING}")
    assert isinstance(told, dict)
    assert list(told) == ["service_code", "attributes"]
    assert told["service_code"] == ASKING
    by_code = {each["code"]: each for each in told["attributes"]}
    assert list(by_code) == list(ATTRIBUTES)
    assert [each["order"] for each in told["attributes"]] == list(range(1, len(ATTRIBUTES) + 1))
    for each in told["attributes"]:
        assert list(each) == [
            "variable", "code", "datatype", "required", "datatype_description", "order", "description", "values",
        ]  # fmt: skip
        assert each["variable"] is True
        assert each["datatype_description"]
        assert each["description"]
        assert (each["values"] != []) == (each["datatype"] in ("singlevaluelist", "multivaluelist"))
        assert all(list(value) == ["key", "name"] for value in each["values"])
    assert {code: each["datatype"] for code, each in by_code.items()} == {
        "depth_cm": "number", "size": "singlevaluelist", "seen": "multivaluelist", "since": "datetime",
        "urgent": "singlevaluelist", "note": "text",
    }  # fmt: skip
    assert {code for code, each in by_code.items() if each["required"]} == {"size"}
    assert [value["key"] for value in by_code["urgent"]["values"]] == ["true", "false"]


async def test_a_definition_in_xml_wraps_its_lists(open311: Open311) -> None:
    xml = await open311.xml(f"services/{ASKING}")
    assert xml.tag == "service_definition"
    assert [each.tag for each in xml] == ["service_code", "attributes"]
    attributes = xml.findall("attributes/attribute")
    assert len(attributes) == len(ATTRIBUTES)
    sizes = next(each for each in attributes if each.findtext("code") == "size")
    assert [each.findtext("name") for each in sizes.findall("values/value")] == ["小 small", "大 & <宽> large & <wide>"]


@pytest.mark.parametrize(("code", "count"), [(PLAIN, 0), (ASKING_ONE, 1), (ASKING, len(ATTRIBUTES))])
async def test_a_list_is_an_array_however_many_it_holds(open311: Open311, code: str, count: int) -> None:
    attributes = (await open311.get(f"services/{code}"))["attributes"]
    assert isinstance(attributes, list)
    assert len(attributes) == count


@pytest.mark.parametrize("form", ["xml", "json"])
async def test_an_unknown_service_is_404(open311: Open311, form: str) -> None:
    for code in ("99999", "no such", "%E4%BA%95", "..%2f..%2fetc"):
        refused(await open311.http.get(f"/services/{code}.{form}"), 404)


def test_both_languages_once_where_they_are_one_word() -> None:
    from services.intake.queries.open311_services import named

    assert named(Text(zh="井盖", en="cover")) == "井盖 cover"
    assert named(Text(zh="NYPD", en="NYPD")) == "NYPD"
