"""`wangge calendar`: a year is published from a file, into the database that all processes count from."""

from pathlib import Path

from tests.integration.city.test_command_line import refused, wangge

NOTICE = """
version: cn-2027-1
source: a notice
published: [2027]
holidays:
  2027-01-01: {zh: 元旦, en: New Year's Day}
"""


async def test_a_year_is_published_once_and_listed(own_database: str, tmp_path: Path) -> None:
    settings = {"WANGGE_DATABASE_URL": own_database, "WANGGE_CALENDAR_POLL_SECONDS": "2"}
    file = tmp_path / "2027.yaml"
    file.write_text(NOTICE, encoding="utf-8")
    status, output, errors = await wangge("calendar", "list", **settings)
    assert (status, errors) == (0, "")
    assert output.startswith("nothing is published yet")
    status, output, errors = await wangge("calendar", "publish", str(file), **settings)
    assert (status, errors) == (0, "")
    assert output == "calendar cn-2027-1 for the whole city 全市: 2027 published 已公布, edition 2\n"
    _, output, _ = await wangge("calendar", "publish", str(file), "--area", "110108", **settings)
    assert output == "calendar cn-2027-1 for 110108: 2027 was published before 此前已公布, edition 2\n"
    _, output, _ = await wangge("calendar", "list", **settings)
    lines = [line.split() for line in output.splitlines()]
    assert [(line[0], *line[3:]) for line in lines] == [
        ("1", "-", "cn-2026-1", "2023", "2024", "2025", "2026"),
        ("2", "-", "cn-2027-1", "2023", "2024", "2025", "2026", "2027"),
    ]


async def test_what_is_wrong_is_one_line(own_database: str, tmp_path: Path) -> None:
    settings = {"WANGGE_DATABASE_URL": own_database}
    file = tmp_path / "2027.yaml"
    file.write_text(NOTICE, encoding="utf-8")
    publish = ("calendar", "publish", str(file))
    assert "110109 is not a part of 110108" in await refused(*publish, "--area", "110109", **settings)
    assert "is not an area path" in await refused(*publish, "--area", "110108..1", **settings)
    assert "nowhere.yaml: the file is missing" in await refused("calendar", "publish", "nowhere.yaml", **settings)
    file.write_text(NOTICE.replace("[2027]", "[2028]"), encoding="utf-8")
    assert "days of 2027 are listed, but not that year" in await refused(*publish, **settings)
    file.write_text(NOTICE.replace("cn-2027-1", "cn-2026-1"), encoding="utf-8")
    assert "give what has changed a new version" in await refused(*publish, **settings)
    await wangge("calendar", "publish", str(file), **settings)
    file.write_text(NOTICE, encoding="utf-8")
    await wangge(*publish, **settings)
    assert "set WANGGE_PACK to the pack" in await refused(*publish, **settings, WANGGE_PACK="nyc-311")
