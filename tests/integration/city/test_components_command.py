"""`wangge components import`: every right row once, whatever happens on the way; every wrong one explained."""

import asyncio
import csv
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from services.city.furnish import areas_of
from services.intake.commands.import_areas import import_areas
from services.intake.components.columns import COLUMNS
from services.intake.settings import IntakeSettings
from services.intake.wiring import wire
from shared.bus.opening import open_carrier
from shared.packs import load
from tests.component_file import HEADER, components

SOME = 6  # grids that the tests' city has


@pytest.fixture
async def city(own_database: str, tmp_path: Path) -> dict[str, str]:
    """A database with a few grids of the demo district, as the settings of a command."""
    pack = load("haidian")
    given = await asyncio.to_thread(areas_of, pack)
    grids = [area for area in given if area.level == "grid"][:SOME]
    above = {path for grid in grids for path in grid.path.prefixes()}
    wanted = [area._replace(geometry=area.geometry if area.level == "grid" else None) for area in given]
    wanted = [area for area in wanted if area in grids or (area.path in above and area.level != "grid")]
    settings = IntakeSettings(environment="test", database_url=own_database, data_dir=tmp_path, pack="haidian")
    carrier = open_carrier(settings)
    async with wire(settings, carrier) as wired:
        levels = [level.key for level in pack.levels]
        await import_areas(wired.pool, wired.outbox, wired.clock, wanted, levels=levels, tolerance_m2=1e9)
    await carrier.close()
    return {"WANGGE_DATABASE_URL": own_database, "WANGGE_PACK": "haidian", "WANGGE_DATA_DIR": str(tmp_path)}


async def _start(*arguments: str, **settings: str) -> asyncio.subprocess.Process:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANGGE_")} | settings
    command = (sys.executable, "-m", "services.city", "components", *arguments)
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env=environment)


async def wangge(*arguments: str, **settings: str) -> tuple[int, str, str]:
    process = await _start(*arguments, **settings)
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


def here(count: int) -> list[dict[str, str]]:
    """Rows in the grids of the tests' city."""
    found = []
    for row in components(count * 8562 // SOME):
        found.append(dict(zip(HEADER, row, strict=True)) | {"area": ""})
        if len(found) == count:
            return found
    raise AssertionError("too few")


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path


def refused(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


async def stored(city: dict[str, str], query: str) -> list[Any]:
    connection = await asyncpg.connect(city["WANGGE_DATABASE_URL"])
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def test_a_census_comes_in_and_comes_again(city: dict[str, str], tmp_path: Path) -> None:
    rows = here(60)
    file = write(tmp_path / "c.csv", rows)
    status, output, errors = await wangge("import", str(file), **city)
    assert (status, errors) == (0, "")
    assert output == "added 新增: 60, changed 变更: 0, unchanged 未变: 0\n"
    (one,) = await stored(
        city, f"SELECT kind, owner, name, by, version FROM intake.components WHERE code = {rows[0]['code']}"
    )
    assert one[0] == rows[0]["code"][6:11]
    assert one[1] == (rows[0]["owner"] or None)
    assert one[3:] == ("import:1", 1)
    changed = [row | ({"state": "移除"} if n < 7 else {}) for n, row in enumerate(rows)]
    status, output, _ = await wangge("import", str(write(tmp_path / "d.csv", changed + here(64)[60:])), **city)
    assert (status, output) == (0, "added 新增: 4, changed 变更: 7, unchanged 未变: 53\n")
    assert await stored(city, "SELECT count(*), count(*) FILTER (WHERE version = 2) FROM intake.components") == [
        (64, 7)
    ]
    former = await stored(
        city, "SELECT DISTINCT version, by, component ->> 'state' <> 'removed' FROM intake.component_versions"
    )
    assert former == [(1, "import:1", True)]


async def test_geojson_lines_say_the_same(city: dict[str, str], tmp_path: Path) -> None:
    rows = here(20)
    assert (await wangge("import", str(write(tmp_path / "c.csv", rows)), **city))[0] == 0
    lines = []
    for row in rows:
        own = {name.removeprefix("attributes."): row[name] for name in row if name.startswith("attributes.")}
        rest = {name: value or None for name, value in row.items() if name not in ("lon", "lat") and "." not in name}
        point = {"type": "Point", "coordinates": [float(row["lon"]), float(row["lat"])]}
        lines.append({"type": "Feature", "geometry": point, "properties": rest | {"attributes": own}})
    file = tmp_path / "c.geojsonl"
    file.write_bytes(b"\n".join(map(orjson.dumps, lines)) + b'\n{"type": "Feature", "properties": {}}\nno json\n')
    status, output, _ = await wangge("import", str(file), **city)
    assert (status, output.splitlines()[0]) == (1, "added 新增: 0, changed 变更: 0, unchanged 未变: 20")
    odd = refused(tmp_path / "c.geojsonl.errors.csv")
    assert [row["error_line"] for row in odd] == ["21", "22"]
    assert "Point" in odd[0]["error_why"]
    assert odd[1]["error_raw"] == "no json"


def spoilt(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The same with every tenth row wrong in a way of its own."""
    wrongs: list[dict[str, str]] = [
        {"code": "11010809001000001"},
        {"code": rows[3]["code"]},
        {"lon": "0", "lat": "0"},
        {"state": "新"},
        {"surveyed_on": "someday"},
        {"former_code": "123"},
        {"area": "110108.001.001.999"},
    ]
    return [row | (wrongs[n // 10 % len(wrongs)] if n % 10 == 9 else {}) for n, row in enumerate(rows)]


async def test_refused_rows_are_explained_mended_and_imported(city: dict[str, str], tmp_path: Path) -> None:
    right = here(140)
    file = write(tmp_path / "c.csv", spoilt(right))
    status, output, _ = await wangge("import", str(file), "--dry-run", **city)
    assert (status, output.splitlines()[0]) == (1, "right 可导入: 126")
    assert await stored(
        city, "SELECT (SELECT count(*) FROM intake.components), count(*) FROM intake.component_imports"
    ) == [(0, 0)]
    dry = refused(tmp_path / "c.csv.errors.csv")
    status, output, errors = await wangge("import", str(file), "--batch", "30", **city)
    assert (status, output) == (1, "added 新增: 126, changed 变更: 0, unchanged 未变: 0\n")
    assert errors.startswith("refused 未接收: 14")
    found = refused(tmp_path / "c.csv.errors.csv")
    assert found == dry
    assert [row["error_line"] for row in found] == [str(line) for line in range(11, 142, 10)]
    assert all(row["error_field"] and row["error_why"] and row["error_right"] for row in found)
    assert "digits 7 to 8" in found[0]["error_why"]
    assert "stands in this file before" in found[1]["error_why"]
    assert "not in 110108.001.001.999" in found[6]["error_why"]
    mended = tmp_path / "mended.csv"
    write(mended, [row | right[9 + 10 * n] for n, row in enumerate(found)])
    assert (await wangge("import", str(mended), **city))[:2] == (
        0,
        "added 新增: 14, changed 变更: 0, unchanged 未变: 0\n",
    )


@pytest.mark.slow
async def test_killed_again_and_again_it_takes_every_row_once(city: dict[str, str], tmp_path: Path) -> None:
    chance, count, most = random.Random(7), 600, 3
    file = write(tmp_path / "c.csv", spoilt(here(count)))
    kills, status, reached = 0, None, 0
    while status is None:
        process = await _start("import", str(file), "--batch", "20", **city)
        aim = reached + chance.randrange(1, 150) if kills < most else count + 1
        while process.returncode is None:
            rows = await stored(city, "SELECT max(rows_done) FROM intake.component_imports")
            if (reached := rows[0][0] or 0) >= aim:
                process.send_signal(signal.SIGKILL)
                kills += 1
                break
            await asyncio.sleep(0.005)
        _, errors = await process.communicate()
        if process.returncode != -signal.SIGKILL:
            status = process.returncode
            assert status == 1, errors.decode()
    assert kills == most
    found = refused(tmp_path / "c.csv.errors.csv")
    assert len({row["error_line"] for row in found}) == len(found) == count // 10
    assert await stored(
        city,
        "SELECT rows_done, added, changed, unchanged, refused, finished_at IS NOT NULL FROM intake.component_imports",
    ) == [(count, count - count // 10, 0, 0, count // 10, True)]
    assert await stored(city, "SELECT count(*), max(version) FROM intake.components") == [(count - count // 10, 1)]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.csv", None, "No such file"),
        ("c.xlsx", b"x", ".csv, .ndjson or .jsonl"),
        ("c.csv", b"code,lon\n", "missing columns: 'lat'"),
        ("c.csv", b"code,lon,lat,colour\n", "unknown columns: 'colour'"),
        ("c.csv", "部件标识码,经度,纬度,code\n".encode(), "given twice"),
        ("c.csv", "code,lon,lat,名称\n".encode("gb18030"), "not UTF-8"),
        ("c.csv", b"code,lon,lat\n11010801001000001,116.3,39.9\n", "areas first"),
    ],
)
async def test_a_file_of_which_nothing_can_be_taken(
    database: str, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    settings = {"WANGGE_DATABASE_URL": database, "WANGGE_DATA_DIR": str(tmp_path), "WANGGE_PACK": "haidian"}
    status, _, errors = await wangge("import", str(tmp_path / name), **settings)
    assert status == 2
    assert said in errors
    assert len(errors.splitlines()) == 1, errors


async def test_the_template_has_every_column() -> None:
    assert (await wangge("template"))[:2] == (0, ",".join(COLUMNS) + "\n")
