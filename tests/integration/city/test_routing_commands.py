"""`wangge routing` against a real database."""

import csv
from pathlib import Path

from tests.integration.city.test_command_line import refused, wangge

FILE = """rules:
  - name: night-noise
    when: {category: "06028", time: {from: "20:00", until: "07:00"}}
    then: {unit: police}
  - {name: rest, then: {unit: {dept: category, nearest: true}}}
"""


async def test_rules_are_loaded_listed_shown_and_brought_back(own_database: str, tmp_path: Path) -> None:
    settings = {"WANGGE_DATABASE_URL": own_database}
    file = tmp_path / "rules.yaml"
    file.write_text(FILE, encoding="utf-8")
    status, output, errors = await wangge("routing", "load", str(file), "--comment", "longer nights", **settings)
    assert status == 0, errors
    assert output.startswith("routing: version 2 in force from 20")
    status, output, errors = await wangge("routing", "activate", "1", "--at", "2126-01-01", "--by", "li", **settings)
    assert status == 0, errors
    assert output == "routing: version 1 in force from 2126-01-01 00:00:00\n", "in the city's own time zone"
    _, listed, _ = await wangge("routing", "list", **settings)
    first, second = (line for line in listed.splitlines() if "pack haidian" in line or "longer nights" in line)
    assert "to come" in first
    assert "in force" in second
    assert (await wangge("routing", "show", "2", **settings))[1] == FILE
    assert "see `wangge routing list`" in await refused("routing", "show", "9", **settings)
    assert "has passed" in await refused("routing", "activate", "1", "--at", "2020-01-01", **settings)


async def test_every_mistake_in_rules_is_named_and_nothing_is_loaded(own_database: str, tmp_path: Path) -> None:
    settings = {"WANGGE_DATABASE_URL": own_database}
    file = tmp_path / "rules.yaml"
    file.write_text(FILE.replace("06028", "99999").replace("unit: police", "unit: ghosts, limit: 3"), encoding="utf-8")
    for command in ("load", "try"):
        status, _, errors = await wangge("routing", command, str(file), **settings)
        assert status == 1
        lines = errors.splitlines()
        assert lines[0].startswith(f"  {file} /rules/0/then/limit: rule 'night-noise': input should be an object")
        assert lines[-1].startswith("wangge: 1 problem in the rules 规则有误: nothing was")
    assert "pack haidian" in (await wangge("routing", "list", **settings))[1]
    assert "No such file" in await refused("routing", "load", str(tmp_path / "none.yaml"), **settings)
    file.write_bytes(b"\xff\xfe")
    assert "is not UTF-8 text" in await refused("routing", "load", str(file), **settings)


async def test_trying_rules_on_an_empty_city_shows_what_never_matched(own_database: str, tmp_path: Path) -> None:
    settings = {"WANGGE_DATABASE_URL": own_database}
    file, out = tmp_path / "rules.yaml", tmp_path / "moved.csv"
    file.write_text(FILE, encoding="utf-8")
    status, output, errors = await wangge(
        *("routing", "try", str(file), "--since", "2026-11-01", "--area", "110108", "--against", "active"),
        *("--out", str(out)),
        **settings,
    )
    assert status == 0, errors
    assert "0 cases 案卷 of 110108, against version 1, in force: 0 would move, 0 would not" in output
    assert "rules that no case came to 从未匹配: night-noise, rest" in output
    assert f"{out}: 0 cases" in output
    with out.open(encoding="utf-8-sig") as rows:
        assert next(csv.reader(rows))[:5] == ["number", "category", "area", "decided_at", "change"]
    assert "is not an area path" in await refused("routing", "try", str(file), "--area", "a..b", **settings)
