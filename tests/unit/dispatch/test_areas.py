"""Rules of a part of the city: the longest prefix counts, on whole segments."""

import shutil
from pathlib import Path

import pytest

from services.dispatch.domain.clocks import Stage
from services.dispatch.domain.worktime import Limit, Unit
from services.dispatch.pack_rules import Published, rules_of
from shared.packs import BadPack, load
from shared.packs.loader import PACKS

AREAS = """
areas:
  "110108.026":
    calendar: suburb.yaml
    stage_limits:
      check: {amount: 120, unit: urgent_minute, source: "Taiyuan, outside town"}
  "110108.026.004":
    stage_limits:
      accept: {amount: 1, unit: urgent_hour, source: ours}
"""
SUBURB = """
version: suburb-1
source: ours
slots: [{start: "08:30", end: "12:00"}, {start: "18:00", end: "24:00"}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(PACKS / "haidian", tmp_path / "haidian")
    with (tmp_path / "haidian" / "pack.yaml").open("a", encoding="utf-8") as pack:
        pack.write(AREAS)
    (tmp_path / "haidian" / "suburb.yaml").write_text(SUBURB, encoding="utf-8")
    return tmp_path


def test_the_longest_prefix_counts(folder: Path) -> None:
    rules = rules_of(load("haidian", folder))
    for elsewhere in ("", "110108", "110108.027.001.001", "110108.0261"):
        assert rules.for_area(elsewhere) is rules
    suburb = rules.for_area("110108.026.001.001")
    assert suburb is rules.for_area("110108.026")
    assert (suburb.calendar.version, suburb.stages[Stage.CHECK]) == ("suburb-1", Limit(120, Unit.URGENT_MINUTE))
    assert suburb.stages[Stage.ACCEPT] == rules.stages[Stage.ACCEPT]
    village = rules.for_area("110108.026.004.001")
    assert village.calendar is suburb.calendar, "what it does not name is as above it"
    assert village.stages[Stage.CHECK] == Limit(120, Unit.URGENT_MINUTE)
    assert village.stages[Stage.ACCEPT] == Limit(1, Unit.URGENT_HOUR)
    assert village.units is rules.units


def test_what_an_areas_calendar_leaves_out_is_the_citys(folder: Path) -> None:
    city, suburb = (rules_of(load("haidian", folder)).for_area(a).calendar for a in ("", "110108.026"))
    assert (suburb.holidays, suburb.workdays, suburb.published) == (city.holidays, city.workdays, city.published)
    assert [tuple(slot) for slot in suburb.slots] == [(510, 720), (1080, 1440)]


def test_a_clock_finds_the_version_it_was_counted_from_wherever_its_case_is(folder: Path) -> None:
    rules = rules_of(load("haidian", folder))
    assert set(rules.calendars) == set(rules.for_area("110108.026").calendars) == {"cn-2026-1", "suburb-1"}


def test_of_an_area_the_last_publication_is_in_force(folder: Path) -> None:
    pack = load("haidian", folder)
    later = pack.calendar.model_copy(update={"version": "cn-2"})
    rules = rules_of(
        pack, [Published(1, "", pack.calendar), Published(2, "", later), Published(3, "110108.027", later)]
    )
    assert {calendar.edition for calendar in rules.calendars.values()} == {3}
    assert rules.calendar.version == rules.for_area("110108.026").calendar.version == "cn-2"
    assert set(rules.calendars) == {"cn-2026-1", "cn-2"}


@pytest.mark.parametrize(
    ("file", "old", "new", "finding"),
    [
        ("suburb.yaml", "version: suburb-1\n", "", "haidian/suburb.yaml /version: field required"),
        (
            "suburb.yaml",
            "suburb-1",
            "cn-2026-1",
            "/areas/110108.026/calendar/version: cn-2026-1 is already the version",
        ),
        ("suburb.yaml", '"12:00"', '"08:00"', "haidian/suburb.yaml /slots/0: a slot ends after it starts"),
        ("suburb.yaml", '"12:00"', '"24:00"', "haidian/suburb.yaml /: slots must be in order"),
        ("suburb.yaml", '"08:30"', '"08:30:30"', "haidian/suburb.yaml /slots/0: a slot begins and ends at a minute"),
        ("suburb.yaml", "source: ours", "weekdays: []", "haidian/suburb.yaml /: weekdays names no day"),
        ("pack.yaml", "suburb.yaml", "nowhere.yaml", "haidian/nowhere.yaml: the file is missing"),
        ("pack.yaml", '"110108.026":', '"110109.026":', "/areas/110109.026: '110109.026' is not a part"),
        ("pack.yaml", '"110108.026":', '"110108":', "/areas/110108: '110108' is not a part"),
        ("pack.yaml", '"110108.026":', '"110108..026":', "haidian/pack.yaml /areas/110108..026/[key]: an area path is"),
        ("pack.yaml", "      check: {amount: 120", "      handle: {amount: 120", "stage_limits/handle: no such field"),
    ],
)
def test_says_what_is_wrong_and_where(folder: Path, file: str, old: str, new: str, finding: str) -> None:
    path = folder / "haidian" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(new.join(text.rsplit(old, 1)), encoding="utf-8")
    with pytest.raises(BadPack) as bad:
        load("haidian", folder)
    assert any(finding in str(problem) for problem in bad.value.problems), bad.value.problems


@pytest.mark.parametrize(
    ("steps", "finding"),
    [
        ("handle: [{at: 1.005, do: notify, to: [dispatcher]}]", "/steps/handle/0: at is a share of the limit in whole"),
        ("handle: [{at: 0, do: notify, to: [dispatcher]}]", "/steps/handle/0/at: input should be greater"),
        ("handle: [{at: 2.0, do: shout, to: [dispatcher]}]", "/steps/handle/0/do: input should be 'notify'"),
        ("handle: [{at: 2.0, do: notify, to: []}]", "/steps/handle/0/to: "),
        ("check: [{at: 2.0, do: notify, to: [comander]}]", "/steps/check/0/to: there is no post 'comander'; the posts"),
        (
            "file: [{at: 2.0, do: urge, to: [dispatcher]}, {at: 2.0, do: urge, to: [acceptor]}]",
            "/steps: file does the same twice at one share",
        ),
        ("closing: []", "/steps/closing: no such field"),
    ],
)
def test_says_what_is_wrong_with_a_step(folder: Path, steps: str, finding: str) -> None:
    with (folder / "haidian" / "pack.yaml").open("a", encoding="utf-8") as pack:
        pack.write(f"steps:\n  {steps}\n")
    with pytest.raises(BadPack) as bad:
        load("haidian", folder)
    assert any(finding in str(problem) for problem in bad.value.problems), bad.value.problems


def test_a_pack_may_say_that_nothing_is_raised(folder: Path) -> None:
    with (folder / "haidian" / "pack.yaml").open("a", encoding="utf-8") as pack:
        pack.write("steps: {handle: [], accept: [{at: 0.5, do: notify, to: [acceptor]}]}\n")
    rules = rules_of(load("haidian", folder))
    assert [step.name for step in rules.course(Stage.HANDLE)] == ["warn", "overdue"]
    assert [step.name for step in rules.course(Stage.ACCEPT)] == ["at_50", "warn", "overdue"]
