"""A pack with something wrong in it is refused whole, and every wrong value is named by file and place."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.packs import BadPack, available, load
from shared.packs.check import check
from shared.packs.loader import PACKS

Spoil = Callable[[str, str, str], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(PACKS / "nyc-311", tmp_path / "nyc-311")
    return tmp_path


@pytest.fixture
def spoil(folder: Path) -> Spoil:
    def replace(file: str, old: str, new: str) -> None:
        path = folder / "nyc-311" / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return replace


def findings(folder: Path) -> list[str]:
    with pytest.raises(BadPack) as caught:
        load("nyc-311", folder)
    return [str(problem) for problem in caught.value.problems]


def test_names_the_packs_there_are() -> None:
    assert available() == ["haidian", "nyc-311"]
    with pytest.raises(BadPack, match="no such pack; there are: haidian, nyc-311"):
        load("atlantis")


@pytest.mark.parametrize(
    ("file", "old", "new", "finding"),
    [
        (
            "pack.yaml",
            "number_prefix: NY",
            "number_prefix: ny",
            "nyc-311/pack.yaml /number_prefix: string should match",
        ),
        (
            "pack.yaml",
            "number_prefix: NY",
            "number_prefix: 7",
            "nyc-311/pack.yaml /number_prefix: input should be a valid s",
        ),
        (
            "pack.yaml",
            "check_radius_m: 100",
            "check_radius_m: '100'",
            "nyc-311/pack.yaml /check_radius_m: input should be",
        ),
        ("pack.yaml", "anonymous: true", "anonymus: true", "nyc-311/pack.yaml /anonymus: no such field"),
        (
            "pack.yaml",
            "America/New_York",
            "America/Gotham",
            "nyc-311/pack.yaml /time_zone: not a time zone of the IANA",
        ),
        ("pack.yaml", "{accept: true", "{accept: false", "nyc-311/pack.yaml /automatic: file needs accept"),
        (
            "pack.yaml",
            "rodent",
            "rodents",
            "nyc-311/pack.yaml /demo/categories/Rodent: there is no category 'rodents'",
        ),
        ("pack.yaml", "hazard: {zh", "danger: {zh", "nyc-311/catalogue.csv line 8, condition: 'hazard' has no name"),
        ("pack.yaml", "title: {", "title: [", "nyc-311/pack.yaml line 3: cannot be read"),
        (
            "calendar.yaml",
            'start: "09:00"',
            'start: "19:00"',
            "nyc-311/calendar.yaml /slots/0: a slot ends after it starts",
        ),
        ("calendar.yaml", "2022-01-17:", "2022-13-17:", "nyc-311/calendar.yaml: cannot be read: month must be"),
        ("calendar.yaml", "[2022, ", "[", "nyc-311/calendar.yaml /: days of 2022 are listed, but"),
        ("calendar.yaml", "workdays: {}", "workdays: {2022-05-30: {zh: x, en: x}}", "2022-05-30 is listed both as a"),
        (
            "catalogue.csv",
            "reported,8,urgent_hour",
            "reported,eight,urgent_hour",
            "nyc-311/catalogue.csv line 5, amount: ",
        ),
        (
            "catalogue.csv",
            "reported,8,urgent_hour",
            "reported,0,urgent_hour",
            "/abandoned-vehicle/conditions/0/limit/amount",
        ),
        ("catalogue.csv", "reported,8,urgent_hour", "reported,8,hours", "/abandoned-vehicle/conditions/0/limit/unit"),
        (
            "catalogue.csv",
            "Bridge Condition,hazard",
            "Bridge,hazard",
            "line 8, code: bridge-condition stands for something",
        ),
        (
            "catalogue.csv",
            "Bridge Condition,hazard",
            "Bridge Condition,reported",
            "line 8, condition: bridge-condition al",
        ),
        (
            "catalogue.csv",
            "vehicle,matter,nypd",
            "vehicle,matter,fbi",
            "nyc-311/catalogue.csv /abandoned-vehicle/dept: department 'fbi'",
        ),
        ("units.csv", "\ndsny,dsny,,", "\ndsny,dsny,BX..1,", "nyc-311/units.csv /dsny/area: an area path is 1 to 8"),
        ("units.csv", "\ndsny,dsny,,", "\nnypd,dsny,,", "nyc-311/units.csv line 4, code: nypd is already a unit"),
        (
            "pack.yaml",
            "illegal-fireworks: {radius_m",
            "illegal-firework: {radius_m",
            "nyc-311/pack.yaml /duplicates/categories/illegal-firework: no category of catalogue.csv has a code that",
        ),
        ("pack.yaml", "[illegal-parking, blocked", "[lost-property, blocked", "'lost-property' is never a duplicate"),
        (
            "pack.yaml",
            "[illegal-parking, blocked",
            "[street-sign-missing, blocked",
            "'street-sign-missing' is named twice",
        ),
        ("units.csv", "code,dept,area", "code,dept,place", "nyc-311/units.csv line 3, area: field required"),
    ],
)
def test_says_what_is_wrong_and_where(folder: Path, spoil: Spoil, file: str, old: str, new: str, finding: str) -> None:
    spoil(file, old, new)
    assert any(finding in found for found in findings(folder)), findings(folder)


def test_every_problem_is_listed_at_once(folder: Path, spoil: Spoil) -> None:
    spoil("pack.yaml", "number_prefix: NY", "number_prefix: 7")
    spoil("calendar.yaml", 'end: "17:00"', 'end: "25:00"')
    spoil("catalogue.csv", "reported,8,urgent_hour", "reported,8,hours")
    assert len(findings(folder)) == 3


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "nyc-311" / "units.csv").unlink()
    assert findings(folder) == ["nyc-311/units.csv: the file is missing"]


def test_the_check_finds_a_complaint_type_nobody_mapped(folder: Path, spoil: Spoil) -> None:
    spoil("pack.yaml", "    Rodent: rodent\n", "")
    assert [str(p)[:80] for p in check("nyc-311", folder)] == [
        "nyc-311/pack.yaml /demo/categories: complaint type 'Rodent' (nyc-311/requests.cs"
    ]


def test_the_check_finds_a_unit_that_covers_too_little(folder: Path, spoil: Spoil) -> None:
    spoil("units.csv", "\ndsny,dsny,,", "\ndsny,dsny,BX,")
    assert "no unit of department 'dsny' answers for BK.01.11206.001" in str(check("nyc-311", folder)[0])


def test_rules_that_are_wrong_are_findings_of_their_file(folder: Path, spoil: Spoil) -> None:
    spoil("rules.yaml", "when: {}", "when: {category: rat}")
    assert findings(folder) == [
        "nyc-311/rules.yaml /rules/0/when/category: rule 'department': no category of pack nyc-311 is 'rat'"
    ]
    (folder / "nyc-311" / "rules.yaml").unlink()
    assert findings(folder) == ["nyc-311/rules.yaml: the file is missing"]


def test_the_check_finds_a_rule_for_an_area_that_nobody_drew(folder: Path, spoil: Spoil) -> None:
    spoil("rules.yaml", "when: {}", "when: {area: BK.01.99999}")
    assert [str(p) for p in check("nyc-311", folder)] == [
        "nyc-311/rules.yaml /rules/0/when/area: rule 'department': there is no area 'BK.01.99999'"
    ]


def test_attributes_are_of_categories_that_there_are(folder: Path, spoil: Spoil) -> None:
    spoil("pack.yaml", "departments:", 'attributes: {a: {zh: x, en: x, type: text, categories: ["x*"]}}\ndepartments:')
    assert findings(folder) == [
        "nyc-311/pack.yaml /attributes/a/categories: there is no category 'x*' in catalogue.csv"
    ]


@pytest.mark.parametrize(
    ("attribute", "finding"),
    [
        ("type: choice", "a choice needs values: {key: {zh: …, en: …}}"),
        ("type: choices, values: {}", "a choices needs values: {key: {zh: …, en: …}}"),
        ("type: text, values: {a: {zh: x, en: x}}", "values are for a choice or choices, and this is a text"),
        ("type: datetime, min: 3", "min and max are for a number, and this is a datetime"),
        ("type: number, min: 3, max: 2", "nothing lies between min 3 and max 2"),
    ],
)
def test_an_attribute_is_of_one_piece(folder: Path, spoil: Spoil, attribute: str, finding: str) -> None:
    spoil(
        "pack.yaml",
        "departments:",
        f"attributes: {{a: {{zh: x, en: x, {attribute}, categories: [rodent]}}}}\ndepartments:",
    )
    assert findings(folder) == [f"nyc-311/pack.yaml /attributes/a: {finding}"]


def test_an_attribute_has_a_name_that_a_program_can_use(folder: Path, spoil: Spoil) -> None:
    spoil(
        "pack.yaml", "departments:", "attributes: {a b: {zh: x, en: x, type: text, categories: [rodent]}}\ndepartments:"
    )
    assert len(findings(folder)) == 1
    assert findings(folder)[0].startswith("nyc-311/pack.yaml /attributes/a b")


TURN = '{zh: x, en: x, phone: "12345"}'


@pytest.mark.parametrize(
    ("given", "finding"),
    [
        ("catalogue_standard: gb", "nyc-311/catalogue.csv /abandoned-vehicle/standard: there is no standard 'gb' in"),
        (
            "standards: {a: {number: x, title: {zh: x, en: x}}}",
            "/abandoned-vehicle/standard: there is no standard None",
        ),
        (
            "standards: {a: {number: x, title: {zh: x, en: x}, from: 2027-01-01, until: 2026-01-01}}",
            "/standards/a: ends on 2026-01-01, before it begins on 2027-01-01",
        ),
        (
            f"admission: {{source: {{zh: x, en: x}}, admitted: [rodents], otherwise: {TURN}}}",
            "nyc-311/pack.yaml /admission/admitted: there is no category 'rodents'",
        ),
        (
            "admission: {source: {zh: x, en: x}, admitted: ['*'], otherwise: {zh: x, en: x, phone: ask}}",
            "nyc-311/pack.yaml /admission/otherwise/phone: ",
        ),
    ],
)
def test_standards_and_admission_are_of_what_there_is(folder: Path, spoil: Spoil, given: str, finding: str) -> None:
    spoil("pack.yaml", "departments:", f"{given}\ndepartments:")
    assert finding in findings(folder)[0]


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("  app: {", "  application: {", "/sources: needs a source app: that of apps which name none"),
        ("posts: [acceptor]", "posts: [clerk]", "/sources/desk/posts: there is no post 'clerk'"),
        (
            "posts: [acceptor]",
            "posts: [supervisor]",
            "/sources/supervisor/posts: supervisor belongs to the source desk",
        ),
        ("needs: [media]", "needs: [film]", "/sources/video/needs/0: "),
    ],
)
def test_sources_are_of_one_piece(folder: Path, spoil: Spoil, old: str, new: str, finding: str) -> None:
    spoil("pack.yaml", old, new)
    assert any(finding in found for found in findings(folder)), findings(folder)


def test_codes_and_local_additions_are_read_with_their_lines(folder: Path, spoil: Spoil) -> None:
    spoil("pack.yaml", "departments:", "standards: {a: {number: x, title: {zh: x, en: x}}}\ndepartments:")
    spoil("pack.yaml", "title:", "catalogue_standard: a\ntitle:")
    own = folder / "nyc-311"
    (own / "codes.csv").write_text("standard,kind,code,category,note\na,matter,1,rodent,\na,matter,1,taxi-complaint,\n")
    (own / "catalogue-local.csv").write_text(
        "code,kind,dept,zh,en,condition,amount,unit,source,standard,from,until,instead\n"
        "rat,matter,dsny,鼠,Rat,reported,1,work_day,ours,a,2026-01-01,,mouse\n"
    )
    assert findings(folder) == ["nyc-311/codes.csv line 3, code: a:matter:1 is on line 2 already"]
    (own / "codes.csv").write_text("standard,kind,code,category,note\na,matter,1,rodents,\nb,matter,2,rodent,\n")
    assert findings(folder) == ["nyc-311/codes.csv line 2, category: there is no category 'rodents' in the catalogue"]
    (own / "codes.csv").write_text("standard,kind,code,category,note\nb,matter,2,rodent,\n")
    assert findings(folder) == [
        "nyc-311/catalogue.csv /rodent/codes: there is no standard 'b' in pack.yaml; it has a",
        "nyc-311/catalogue.csv /rat/instead: there is no category 'mouse'",
    ]


def test_a_key_that_is_given_twice_is_refused(folder: Path, spoil: Spoil) -> None:
    spoil("pack.yaml", "check_radius_m: 100", "check_radius_m: 100\ncheck_radius_m: 200")
    assert any("'check_radius_m' is given twice" in found for found in findings(folder))
