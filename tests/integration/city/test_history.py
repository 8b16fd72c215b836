"""`wangge history`: a file of closed cases becomes cases and facts, each row once, whatever happens meanwhile."""

import asyncio
import csv
import gzip
import random
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
import shapely

from services.dispatch.history.columns import COLUMNS
from services.dispatch.store import timeline
from services.dispatch.store.rows import case_of
from services.evaluation.commands.rebuild import rebuild
from services.intake.commands.follow_cases import follow_cases
from services.intake.commands.heard import heard
from services.notify.commands.append_facts import append_cases
from shared.bus.embedded import EmbeddedCarrier
from shared.contracts import topics
from shared.postgres import connect
from shared.settings import Settings
from tests.history_file import HEADER, cases
from tests.integration.city.test_command_line import ROOT, _start, wangge
from tests.integration.evaluation.conftest import a_record, serving

EXAMPLE = ROOT / "docs" / "history" / "example.csv"
KILLS = 5
GRIDS = ("110108.001.001.001", "110108.001.001.002")


@pytest.fixture
async def city(own_database: str, tmp_path: Path) -> dict[str, str]:
    """Settings of a city with one community of two grids."""
    rows = [("110108", "district", 116.2), ("110108.001", "street", 116.2), ("110108.001.001", "community", 116.2)]
    rows += [(GRIDS[0], "grid", 116.2), (GRIDS[1], "grid", 116.3)]
    connection = await asyncpg.connect(own_database)
    await connection.executemany(
        "INSERT INTO intake.areas (path, version, name, level, parent, geometry, lon, lat, fingerprint, defined_at) "
        "VALUES ($1, 1, $1, $2, '', $3, $4, 40, '', now())",
        [
            (path, level, shapely.to_wkb(shapely.box(west, 39.9, west + 0.1, 40.1)), west + 0.05)
            for path, level, west in rows
        ],
    )
    carrier = EmbeddedCarrier(Settings(database_url=own_database))
    await carrier.create_topics(topics.ALL)
    await connection.close()
    return {"WANGGE_DATABASE_URL": own_database, "WANGGE_DATA_DIR": str(tmp_path / "data")}


def write(path: Path, rows: Iterable[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HEADER)
        writer.writeheader()
        writer.writerows(rows)
    return path


def here(count: int, seed: int = 1) -> list[dict[str, str]]:
    """Cases in this test's own grids."""
    return [row | ({"area": GRIDS[n % 2]} if row.get("area") else {}) for n, row in enumerate(cases(count, seed=seed))]


def refused(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


async def stored(city: dict[str, str], query: str) -> list[Any]:
    connection = await asyncpg.connect(city["WANGGE_DATABASE_URL"])
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


PUBLISHED = """
    SELECT subject, sequence, data FROM bus.log WHERE type = 'case.imported.v1'
     UNION ALL SELECT subject, sequence, data FROM dispatch.outbox WHERE type = 'case.imported.v1'
"""


async def test_the_example_of_the_docs_is_taken_in_with_its_times(city: dict[str, str]) -> None:
    status, output, errors = await wangge("history", "import", str(EXAMPLE), "--system", "old", **city)
    assert (status, errors) == (0, "")
    assert "imported 已导入: 6" in output
    found = await stored(
        city,
        "SELECT number, status, area, unit, overdue, history, opened_at::text, due_at::text FROM dispatch.cases "
        "ORDER BY id",
    )
    assert [row[0] for row in found] == [f"old/2024-00010{n}" for n in range(1, 7)], "in the order of their reports"
    assert {row[5] for row in found} == {"old"}
    assert found[0][1:5] == ("closed", GRIDS[0], "drainage", False)
    assert found[0][6:] == ("2024-03-04 01:02:00+00", "2024-03-04 07:40:00+00")
    assert found[1][2:5] == (GRIDS[1], "urban_enforcement", True)
    assert [row[1] for row in found[4:]] == ["rejected", "voided"]
    assert await stored(city, "SELECT count(*) FROM dispatch.clocks") == [(0,)]
    timeline = await stored(city, "SELECT version, act, status, details FROM dispatch.timeline ORDER BY case_id")
    assert [row[:3] for row in timeline[:2]] == [(1, "import", "closed")] * 2
    steps = orjson.loads(timeline[0][3])["steps"]
    assert steps[0] == {"act": "open", "at": "2024-03-04T09:02:00+08:00"}
    assert [step["act"] for step in steps][-2:] == ["answer_check", "close"]
    facts = [orjson.loads(data) for _, _, data in await stored(city, PUBLISHED)]
    assert len(facts) == 6
    assert all(fact["history"] and fact["version"] == 1 and fact["reports"] == [] for fact in facts)


async def test_a_second_import_changes_nothing(city: dict[str, str], tmp_path: Path) -> None:
    file = write(tmp_path / "cases.csv", here(40))
    assert (await wangge("history", "import", str(file), "--system", "old", **city))[0] == 0
    before = await stored(city, "SELECT * FROM dispatch.cases ORDER BY id")
    status, output, _ = await wangge("history", "import", str(file), "--system", "old", **city)
    assert (status, output.split("\n")[:2]) == (0, ["imported 已导入: 0", "imported before 此前已导入: 40"])
    edited = write(tmp_path / "edited.csv", here(50))
    status, output, _ = await wangge("history", "import", str(edited), "--system", "old", **city)
    assert output.split("\n")[:2] == ["imported 已导入: 10", "imported before 此前已导入: 40"]
    assert (await stored(city, "SELECT * FROM dispatch.cases ORDER BY id"))[:1] == before[:1]
    assert len(await stored(city, PUBLISHED)) == 50
    assert (await wangge("history", "import", str(file), "--system", "other", **city))[0] == 0
    assert await stored(city, "SELECT count(*), count(DISTINCT number) FROM dispatch.cases") == [(90, 90)]
    _, listed, _ = await wangge("history", "list", **city)
    assert listed.count("finished") == 4


def spoilt(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The same with every tenth row wrong in a way of its own."""
    wrongs: list[dict[str, str]] = [
        {"category": "99999"},
        {"unit": "nobody"},
        {"filed_at": "2031-01-01 00:00:00"},
        {"reported_at": "yesterday"},
        {"area": "somewhere else"},
        {"outcome": "won"},
        {"number": ""},
        {"rework": "often"},
        {"area": "", "lon": "0", "lat": "0"},
        {"source": "The Mayor"},
        {"number": rows[1]["number"]},
    ]
    return [row | (wrongs[n // 10 % len(wrongs)] if n % 10 == 9 else {}) for n, row in enumerate(rows)]


async def test_refused_rows_are_explained_mended_and_imported(city: dict[str, str], tmp_path: Path) -> None:
    right = [row | {"outcome": "closed"} for row in here(150) if row["outcome"] == "closed"][:110]
    file = write(tmp_path / "cases.csv", spoilt(right))
    checked = await wangge("history", "import", str(file), "--system", "old", "--dry-run", **city)
    assert checked[0] == 1
    assert await stored(
        city, "SELECT (SELECT count(*) FROM dispatch.cases), count(*) FROM dispatch.history_imports"
    ) == [(0, 0)]
    dry = refused(tmp_path / "cases.csv.errors.csv")
    status, output, errors = await wangge("history", "import", str(file), "--system", "old", **city)
    assert status == 1
    assert "imported 已导入: 99" in output
    assert errors.startswith("refused 未接收: 11")
    found = refused(tmp_path / "cases.csv.errors.csv")
    assert found == dry
    assert [row["error_line"] for row in found] == [str(line) for line in range(11, 120, 10)]
    assert all(row["error_field"] and row["error_why"] and row["error_right"] for row in found)
    assert found[1]["error_field"] == "unit"
    assert found[1]["error_why"] == "'nobody' is not known"
    assert "stands on line 3 already" in found[10]["error_why"]
    # Mended in the very file that says what is wrong.
    mended = tmp_path / "mended.csv"
    with mended.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.DictWriter(out, found[0].keys())
        writer.writeheader()
        writer.writerows(row | dict.fromkeys(HEADER, "") | right[9 + 10 * n] for n, row in enumerate(found))
    status, output, errors = await wangge("history", "import", str(mended), "--system", "old", **city)
    assert (status, errors) == (0, "")
    assert await stored(city, "SELECT count(*) FROM dispatch.cases") == [(110,)]


async def test_unknown_units_are_kept_as_retired_ones_where_that_is_wanted(
    city: dict[str, str], tmp_path: Path
) -> None:
    rows = [row | ({"unit": "old-brigade"} if row.get("unit") else {}) for row in here(5)]
    file = write(tmp_path / "cases.csv", rows)
    options = ("--system", "old", "--allow-unknown-units")
    assert (await wangge("history", "import", str(file), *options, **city))[0] == 0
    assert await stored(city, "SELECT code, retired FROM dispatch.units WHERE code LIKE 'old%'") == [
        ("old-brigade", True)
    ]


async def test_ndjson_and_gzip_say_the_same(city: dict[str, str], tmp_path: Path) -> None:
    rows = here(30)
    packed = tmp_path / "cases.csv.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + write(tmp_path / "cases.csv", rows).read_bytes()))
    lines = b"\n".join(orjson.dumps({k: v or None for k, v in row.items()}) for row in rows)
    (tmp_path / "cases.ndjson").write_bytes(lines + b'\n{"number": 7, "mood": 1}\nnot json\n')
    for name, system, expected in (("cases.csv.gz", "zip", 0), ("cases.ndjson", "json", 1)):
        status, _, errors = await wangge("history", "import", str(tmp_path / name), "--system", system, **city)
        assert status == expected, errors
    parts = "area, category, status, opened_at, due_at, overdue, unit, lon, lat, description"
    one, other = [
        await stored(
            city, f"SELECT split_part(number, '/', 2), {parts} FROM dispatch.cases WHERE history = '{s}' ORDER BY 1"
        )
        for s in ("zip", "json")
    ]
    assert one == other
    assert len(one) == 30
    odd = refused(tmp_path / "cases.ndjson.errors.csv")
    assert [row["error_line"] for row in odd] == ["31", "32"]
    assert "unknown field 'mood'" in odd[0]["error_why"]
    assert odd[1]["error_raw"] == "not json"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.csv", None, "No such file"),
        ("cases.xlsx", b"x", ".csv, .ndjson or .jsonl"),
        ("cases.csv", b"", "missing columns"),
        ("cases.csv", b"number,outcome,category,source,reported_at,closed_at,mood\n", "unknown columns: 'mood'"),
        ("cases.csv", "number,描述\n".encode("gb18030"), "line 1 is not UTF-8"),
        ("cases.csv.gz", b"\x1f\x8b nothing", "gzip"),
    ],
)
async def test_a_file_of_which_nothing_can_be_taken(
    database: str, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    settings = {"WANGGE_DATABASE_URL": database, "WANGGE_DATA_DIR": str(tmp_path)}
    status, _, errors = await wangge("history", "import", str(tmp_path / name), "--system", "old", **settings)
    assert status == 2
    assert said in errors
    assert len(errors.splitlines()) == 1, errors


async def test_the_template_has_every_column() -> None:
    status, output, _ = await wangge("history", "template")
    assert (status, output.strip()) == (0, ",".join(COLUMNS))


async def test_scores_of_the_past_are_right(city: dict[str, str]) -> None:
    """By region and unit, for the period in which the cases were filed; a rebuild from the facts finds the same."""
    assert (await wangge("history", "import", str(EXAMPLE), "--system", "old", **city))[0] == 0
    async with serving(city["WANGGE_DATABASE_URL"]) as evaluation:
        evaluation.area = "110108"
        facts = await stored(city, PUBLISHED)
        records = [a_record(topics.CASES, subject, 1, "case.imported.v1", data) for subject, _, data in facts]
        await evaluation.count(*records)
        await evaluation.count(*records[:3])  # once more: nothing changes
        card = (await evaluation.cards(period="2024-03", area="110108"))["110108"]
        filed = {
            "report": 5, "inst": 5, "cancel": 1, "dispatch": 4, "accur_dispatch": 3, "wrong_dispatch": 1, "dispose": 4,
            "intime_dispose": 3, "overtime_dispose": 1, "rework": 1, "multi_rework": 1, "his_hang": 1, "archive": 4,
            "intime_archive": 3, "overtime_archive": 1, "overtime_dispatch": 1, "verify": 1, "hang": 0, "to_dispose": 0,
        }  # fmt: skip
        assert {name: card["counters"][name] for name in filed} == filed
        assert card["rates"]["archive_rate"] == 100
        assert card["rates"]["dispose_ontime_rate"] == 75
        reported = (await evaluation.cards(period="2024-03", area="110108", cohort="reported"))["110108"]
        assert (reported["counters"]["report"], reported["counters"]["not_operate"]) == (6, 1)
        units = await evaluation.cards(object="unit", period="2024-03", area="110108", limit=200)
        assert units["urban_enforcement"]["counters"]["overtime_dispose"] == 1
        assert units["municipal_roads"]["counters"]["dispose"] == 0
        day = (await evaluation.cards(period="2024-03-04", area="110108"))["110108"]
        assert day["counters"]["inst"] == 2
        before = await evaluation.rows()
        done = await rebuild(evaluation.wired.pool)
        assert (done.facts, done.cases, done.repaired) == (6, 6, 0)
        assert await evaluation.rows() == before


async def test_nobody_who_listens_hears_of_it(city: dict[str, str]) -> None:
    """Neither the log of streams and webhooks nor tracking nor the status of any report."""
    assert (await wangge("history", "import", str(EXAMPLE), "--system", "old", **city))[0] == 0
    facts = await stored(city, PUBLISHED)
    records = [a_record(topics.CASES, subject, 1, "case.imported.v1", data) for subject, _, data in facts]
    connection = await connect(city["WANGGE_DATABASE_URL"], name="test")
    async with connection.transaction():
        await append_cases(connection, records)
        await follow_cases(connection, heard(records))
    await connection.close()
    for table in ("notify.log", "notify.tracked_steps", "notify.tracked_links", "intake.report_status"):
        assert await stored(city, f"SELECT count(*) FROM {table}") == [(0,)], table


async def test_a_desk_sees_where_it_came_from_and_its_steps(city: dict[str, str]) -> None:
    assert (await wangge("history", "import", str(EXAMPLE), "--system", "old", **city))[0] == 0
    connection = await connect(city["WANGGE_DATABASE_URL"], name="test")
    row = await connection.fetchrow("SELECT * FROM dispatch.cases WHERE number = 'old/2024-000101'")
    assert row is not None
    case = case_of(row)
    assert (case.history, case.clocks, case.passed) == ("old", (), True)
    (item,) = await timeline.page(connection, case.id, 0, 10)
    await connection.close()
    assert (item["act"], item["version"], item["from"], item["to"]) == ("import", 1, None, "closed")
    assert item["details"]["steps"][4] == {
        "act": "file", "at": "2024-03-04T09:31:00+08:00", "actor": "li", "post": "shift_leader", "on_time": True,
    }  # fmt: skip


@pytest.mark.slow
async def test_killed_again_and_again_it_takes_every_row_once(city: dict[str, str], tmp_path: Path) -> None:
    chance, count = random.Random(7), 1_000
    file = write(tmp_path / "cases.csv", spoilt(here(count)))
    command = ("history", "import", str(file), "--system", "old", "--batch", "20")
    kills, status, reached = 0, None, 0
    while status is None:
        process = await _start(*command, **city)
        aim = reached + chance.randrange(1, 250) if kills < KILLS else count
        while process.returncode is None:
            rows = await stored(city, "SELECT max(rows_done) FROM dispatch.history_imports")
            if (reached := rows[0][0] or 0) >= aim and kills < KILLS:
                await asyncio.sleep(chance.random() * 0.05)
                process.send_signal(signal.SIGKILL)
                kills += 1
                break
            await asyncio.sleep(0.005)
        _, errors = await process.communicate()
        if process.returncode != -signal.SIGKILL:
            status = process.returncode
            assert status == 1, errors.decode()
    assert kills >= 3
    found = refused(tmp_path / "cases.csv.errors.csv")
    wrong = len(found)
    assert len({row["error_line"] for row in found}) == wrong == sum(n % 10 == 9 for n in range(count))
    imports = await stored(
        city, "SELECT rows_done, imported, known, refused, finished_at IS NOT NULL FROM dispatch.history_imports"
    )
    assert imports == [(count, count - wrong, 0, wrong, True)]
    assert await stored(city, "SELECT count(*) FROM dispatch.cases") == [(count - wrong,)]
    assert await stored(city, "SELECT count(*) FROM dispatch.timeline") == [(count - wrong,)]
    subjects = [subject for subject, _, _ in await stored(city, PUBLISHED)]
    assert len(subjects) == len(set(subjects)) == count - wrong


async def test_two_imports_of_one_system_do_not_run_at_once(city: dict[str, str], tmp_path: Path) -> None:
    file = write(tmp_path / "cases.csv", here(5))
    connection = await asyncpg.connect(city["WANGGE_DATABASE_URL"])
    await connection.execute("SELECT pg_advisory_lock(hashtextextended('wangge.history old', 0))")
    status, _, errors = await wangge("history", "import", str(file), "--system", "old", **city)
    await connection.close()
    assert status == 2
    assert "another process is importing cases of old" in errors
