"""Routing rules on a real database: versions, what facts tell, suggestions, and changed rules tried on past cases."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from services.dispatch.app import api_jobs
from services.dispatch.commands.load_rules import activate_rules, load_rules
from services.dispatch.consumers import subscriptions
from services.dispatch.domain.refusals import NotYet, RulesUnreadable, UnknownVersion
from services.dispatch.live_routing import LiveRouting
from services.dispatch.queries.routing import rules_source, rules_versions
from services.dispatch.queries.try_rules import Asked, Moved, PastCase, Tried, try_rules
from services.dispatch.settings import DispatchSettings
from services.dispatch.wiring import InForce, wire
from shared.bus.inbox import is_temporary
from shared.bus.opening import open_carrier
from shared.contracts.topics import REPORTS
from shared.jobs import supervise
from shared.kernel.area import AreaPath
from shared.kernel.clock import utc_now
from shared.packs import BadPack
from shared.postgres import transaction
from tests.integration.dispatch.conftest import City, _city, eventually

REST = "  - {name: rest, then: {unit: {dept: category, nearest: true}}}\n"


def rules(*lines: str) -> str:
    return "rules:\n" + "".join(f"  - {line}\n" for line in lines) + REST


@pytest.fixture
async def haidian(own_database: str) -> AsyncIterator[City]:
    """A city whose rules nobody else changes."""
    async for city in _city(own_database, "haidian"):
        yield city


@pytest.fixture
async def york(own_database: str) -> AsyncIterator[City]:
    """The same, where the system accepts, files and dispatches."""
    async for city in _city(own_database, "nyc-311"):
        yield city


async def load(city: City, text: str, **more: Any) -> int:
    """Load and follow at once, as a replica does within half a second."""
    await city.wired.routing.ready()
    done = await load_rules(city.wired, text, file="rules.yaml", by="tester", **more)
    await city.wired.routing.refresh()
    return done.version


async def opened(city: City, **fields: Any) -> dict[str, Any]:
    """The row of a fresh case."""
    record = city.record(**{"category": "rodent", "routing_key": "BX.02.10455.001"} | fields)
    await city.deliver(record)
    row = await city.wired.pool.fetchrow("SELECT * FROM dispatch.cases WHERE report_id = $1", UUID(record.subject))
    assert row is not None
    return dict(row)


async def details(city: City, case_id: object, act: str) -> dict[str, Any]:
    found: dict[str, Any] = await city.wired.pool.fetchval(
        "SELECT details FROM dispatch.timeline WHERE case_id = $1 AND act = $2", case_id, act
    )
    return found


async def test_the_packs_rules_are_the_first_version_and_every_automatic_fact_names_rule_and_version(
    york: City,
) -> None:
    case = await opened(york)
    assert (await details(york, case["id"], "auto_dispatch"))["rule"] == "department"
    version = await load(york, rules("{name: rats, when: {category: rodent}, then: {unit: dsny, assisting: [dot]}}"))
    assert version == 2
    case = await opened(york)
    assert (case["unit"], case["assisting"]) == ("dsny", ["dot"])
    told = await details(york, case["id"], "auto_dispatch")
    assert (told["rule"], told["rule_version"], told["assisting"]) == ("rats", 2, ["dot"])
    event = (await york.outbox(case["id"]))[-1]
    assert b'"rule":"rats","rule_version":2' in event["data"]
    found = await rules_versions(york.wired)
    assert [(each.version, each.origin, each.loaded_by) for each in found.all] == [
        (1, "pack", "system"),
        (2, "file", "tester"),
    ]
    assert found.in_force == 2
    assert await rules_source(york.wired, 1) == york.wired.pack.routing
    with pytest.raises(UnknownVersion):
        await rules_source(york.wired, 3)


async def test_rules_that_are_wrong_are_refused_whole_and_change_nothing(york: City) -> None:
    with pytest.raises(BadPack) as refused:
        await load(york, rules("{name: rats, when: {category: rat}, then: {unit: ghosts}}"))
    assert [str(problem) for problem in refused.value.problems] == [
        "rules.yaml /rules/0/when/category: rule 'rats': no category of pack nyc-311 is 'rat'"
    ]
    with pytest.raises(NotYet):
        await load(york, rules(), at=utc_now() - timedelta(seconds=1))
    assert [each.version for each in (await rules_versions(york.wired)).all] == [1]


async def test_a_running_service_follows_within_two_seconds(york: City) -> None:
    """Another process loads; this one opens cases, with the jobs that every replica runs."""
    stop = asyncio.Event()
    await opened(york)
    running = asyncio.create_task(supervise(api_jobs(york.wired), stop))
    try:
        async with another(york) as other:
            await other.routing.ready()
            loaded = await load_rules(
                other, rules("{name: rats, when: {category: rodent}, then: {unit: dsny}}"), file="f", by="tester"
            )

        async def followed() -> bool:
            return york.wired.routing.in_force(utc_now()).version == loaded.version

        assert await eventually(followed, 2)
        assert (await opened(york))["unit"] == "dsny"
    finally:
        stop.set()
        await running


def another(city: City) -> Any:
    settings = city.wired.settings
    return wire(DispatchSettings(**settings.model_dump()), open_carrier(settings))


async def test_a_version_may_start_later_and_an_earlier_one_come_back(york: City) -> None:
    routing = york.wired.routing
    at = utc_now() + timedelta(hours=1)
    version = await load(york, rules("{name: rats, when: {category: rodent}, then: {unit: dsny}}"), at=at)
    assert routing.in_force(utc_now()).version == 1
    assert routing.in_force(at - timedelta(microseconds=1)).version == 1
    assert routing.in_force(at).version == version
    found = await rules_versions(york.wired)
    assert (found.in_force, found.to_come) == (1, {version: at})
    await activate_rules(york.wired, version, by="tester")
    await routing.refresh()
    assert routing.in_force(utc_now()).version == version
    await activate_rules(york.wired, 1, by="tester", at=at)  # of two that start at once, the one put there last
    await routing.refresh()
    assert routing.in_force(at).version == 1
    with pytest.raises(UnknownVersion):
        await activate_rules(york.wired, 99, by="tester")


async def test_a_changed_pack_brings_a_version_that_takes_the_place_of_the_packs_own_alone(york: City) -> None:
    wired = york.wired
    await wired.routing.ready()

    async def start(comment: str) -> LiveRouting:
        pack = wired.pack.model_copy(update={"routing": f"# {comment}\n{wired.pack.routing}"})
        live = LiveRouting(wired.pool, pack, wired.routing.city)
        await live.ready()
        return live

    assert (await start("a newer release")).in_force(utc_now()).version == 2
    assert (await start("a newer release")).in_force(utc_now()).version == 2, "a second replica adds nothing"
    await wired.routing.refresh()
    assert wired.routing.in_force(utc_now()).version == 2, "a replica of the release before follows"
    assert await load(york, rules("{name: rats, when: {category: rodent}, then: {unit: dsny}}")) == 3
    assert (await start("newer still")).in_force(utc_now()).version == 3, "what a person loaded stays"
    assert [each.version for each in (await rules_versions(wired)).all] == [1, 2, 3, 4]


async def test_two_that_load_at_once_get_two_versions(york: City) -> None:
    await york.wired.routing.ready()
    done = await asyncio.gather(*(load_rules(york.wired, rules(), file="f", by=f"tester {n}") for n in range(5)))
    assert sorted(each.version for each in done) == [2, 3, 4, 5, 6]


async def test_a_version_that_cannot_be_read_leaves_the_one_before_in_use(york: City) -> None:
    await york.wired.routing.ready()
    await york.wired.pool.execute(
        "INSERT INTO dispatch.routing_versions (version, pack, origin, digest, source, loaded_by)"
        " VALUES (2, 'nyc-311', 'file', '', 'rules: [{name: of a later release}]', 'x')"
    )
    await york.wired.pool.execute(
        "INSERT INTO dispatch.routing_activations (pack, version, starts_at, activated_by)"
        " VALUES ('nyc-311', 2, clock_timestamp(), 'x')"
    )
    with pytest.raises(RulesUnreadable, match="routing version 2 /rules/0/"):
        await york.wired.routing.refresh()
    assert (await opened(york))["unit"] == "dohmh"
    async with another(york) as fresh:
        with pytest.raises(RulesUnreadable) as refused:
            await opened(City(fresh, york.http))
        assert is_temporary(refused.value), "the reader waits; nothing is parked"


async def test_a_unit_that_is_gone_leaves_its_cases_to_people_and_is_logged_once(york: City) -> None:
    await load(york, rules("{name: rats, when: {category: rodent}, then: {unit: dsny}}"))
    there = {code: dept for code, dept in york.wired.rules.units.items() if code != "dsny"}
    wired = replace(york.wired, in_force=InForce(replace(york.wired.rules, units=there), 1))
    city = City(wired, york.http)
    with capture_logs() as logs:
        cases = [await opened(city) for _ in range(2)]
    assert [(case["status"], case["unit"]) for case in cases] == [("accepted", None)] * 2
    assert [(log["rule"], log["version"]) for log in logs if "gone" in log["event"]] == [("rats", 2)]
    assert (await opened(city, category="traffic"))["unit"], "other rules still answer"


class Spy:
    """A transaction that notes what is asked of the database."""

    def __init__(self, tx: Any) -> None:
        self.tx = tx
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return getattr(self.tx, name)


async def test_opening_asks_the_database_no_more_than_before_and_copies(york: City) -> None:
    await load(york, rules("{name: rats, when: {category: rodent}, then: {unit: dsny, assisting: [dot]}}"))
    records = [york.record(category="rodent", routing_key="BX.02.10455.001") for _ in range(200)]
    pool = york.wired.pool
    async with transaction(pool) as tx, AsyncExitStack() as taken:
        # With every other connection taken, a look at the database beside the transaction would wait in vain.
        for _ in range(pool.get_max_size() - 1):
            await taken.enter_async_context(pool.acquire())
        spy = Spy(tx)
        async with asyncio.timeout(4):
            await subscriptions(york.wired)[0].topics[REPORTS.name](spy, records)  # type: ignore[arg-type]
    copies = ["copy_records_to_table"] * 3  # cases, timeline, what a checkpoint is to cover
    assert spy.asked == ["fetch", *copies, "execute", "copy_records_to_table"]


async def test_the_desk_is_told_what_the_rules_would_do_and_the_fact_whether_it_was_followed(haidian: City) -> None:
    city = haidian
    case = await city.case(category="06013", attributes={"depth_cm": 45})
    case = await city.act(case, "accept", "acceptor")
    case = await city.act(case, "file", "shift_leader", {"condition": "subsidence"})
    filed = await details(city, UUID(case["id"]), "file")
    assert (filed["rule"], filed["rule_version"]) == ("deep-road-damage", 1)
    assert (filed["limit_amount"], filed["limit_unit"]) == (4, "urgent_hour")

    answer = await city.http.get(f"/dispatch/v1/cases/{case['id']}/suggestion", headers=city.headers("dispatcher"))
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "unit": "municipal_roads",
        "assisting": ["traffic_police"],
        "condition": "subsidence",
        "limit": {"amount": 4, "unit": "urgent_hour"},
        "rule": "deep-road-damage",
        "version": 1,
        "reason": None,
        "why": [
            {"zh": "类别为 06013 道路破损", "en": "the category is 06013 Damaged road"},
            {"zh": "深度（厘米） ≥ 30", "en": "depth in cm ≥ 30"},
        ],
    }
    await city.act(case, "dispatch", "dispatcher", {"unit": "police"})
    told = await details(city, UUID(case["id"]), "dispatch")
    assert (told["rule"], told["suggested_unit"], told["suggested_rule"]) == (
        None,
        "municipal_roads",
        "deep-road-damage",
    )
    hidden = await city.http.get(
        f"/dispatch/v1/cases/{case['id']}/suggestion", headers=city.headers("dispatcher", area="110108.013")
    )
    assert hidden.status_code == 404


async def test_nobody_is_suggested_where_nobody_answers_and_the_reason_is_said(haidian: City) -> None:
    await load(haidian, "rules: [{name: only, when: {category: '01001'}, then: {unit: water}}]")
    case = await haidian.case(category="01003")
    answer = await haidian.http.get(
        f"/dispatch/v1/cases/{case['id']}/suggestion", headers=haidian.headers("dispatcher")
    )
    said = answer.json()
    assert (said["unit"], said["rule"], said["reason"]) == (None, None, "no-rule")
    assert said["why"] == [{"zh": "没有适用的派遣规则", "en": "no routing rule is for this case"}]


async def test_a_rule_lets_the_system_act_in_a_pack_of_people(haidian: City) -> None:
    case = await haidian.case(source="sensor")
    assert (case["status"], case["unit"], case["assisting"]) == ("dispatched", "drainage", ["traffic_police"])
    assert case["clock"]["limit_s"] == 3600
    assert (await haidian.case())["status"] == "reported"


async def tried(city: City, text: str, **fields: Any) -> tuple[Tried, list[tuple[PastCase, Moved]]]:
    moved: list[tuple[PastCase, Moved]] = []
    asked = Asked(**{"area": AreaPath.root(), **fields})
    found = await try_rules(city.wired, text, "rules.yaml", asked, moved=lambda case, how: moved.append((case, how)))
    return found, moved


async def test_changed_rules_are_tried_on_past_cases(york: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.dispatch.queries.try_rules.PAGE", 64)  # several pages
    records = [
        york.record(
            category=("rodent", "traffic", "dirty-condition")[n % 3],
            routing_key=("BX.02.10455.001", "BK.01.11206.001")[n % 2],
            source="app",
        )
        for n in range(300)
    ]
    await york.deliver(*records)
    begun = utc_now()
    text = "rules:" + "".join(
        f"\n  - {line}"
        for line in (
            "{name: bronx-rats, when: {category: rodent, area: BX}, then: {unit: dsny}}",
            "{name: unheard, when: {source: carrier-pigeon}, then: {unit: dsny}}",
            "{name: rats, when: {category: rodent}, then: {unit: {dept: category, nearest: true}, assisting: [dsny]}}",
            "{name: dirt, when: {category: dirty-condition}, then: {unit: {dept: category, nearest: true}}}",
        )
    )
    before = await york.wired.pool.fetchval("SELECT count(*) FROM dispatch.timeline")
    found, moved = await tried(york, text)
    tally = found.tally
    assert tally.cases == 300
    # Traffic is nobody's in these rules: it moves from its unit to a person.
    assert dict(tally.moves) == {("dohmh", "dsny"): 50, ("nypd", None): 100}
    assert (tally.same, tally.terms.total()) == (150, 0)
    assert dict(tally.matched) == {"bronx-rats": 50, "rats": 50, "dirt": 100, "": 100}
    assert dict(tally.nobody) == {"no-rule": 100}
    assert found.never_matched == ["unheard"]
    assert len(tally.samples["dohmh", "dsny"]) == 5
    assert len(moved) == 150
    assert {case.number for case, how in moved if how.after.unit == "dsny"} >= set(tally.samples["dohmh", "dsny"])

    found, moved = await tried(york, text, against_active=True)
    assert found.active == 1
    assert dict(found.tally.moves) == dict(tally.moves)
    assert dict(found.tally.terms) == {"rats": 50}, "same unit, but another assists"
    assert len(moved) == 200

    assert (await tried(york, text, area=AreaPath("BX")))[0].tally.cases == 150
    assert (await tried(york, text, most=70))[0].tally.cases == 70
    assert (await tried(york, text, since=begun))[0].tally.cases == 0
    assert (await tried(york, text, until=begun))[0].tally.cases == 300
    assert (await tried(york, text, since=begun - timedelta(minutes=5), until=begun))[0].tally.cases == 300
    assert await york.wired.pool.fetchval("SELECT count(*) FROM dispatch.timeline") == before
    with pytest.raises(BadPack, match="no category"):
        await tried(york, rules("{name: rats, when: {category: rat}, then: {unit: dsny}}"))


async def test_the_rules_in_force_move_nothing_that_the_system_dispatched_by_them(haidian: City) -> None:
    """Also where the rule chose the condition, at the hour it was decided."""
    sensed = "{category: '01003', source: sensor}"
    chosen = f"{{name: chosen, when: {sensed}, then: {{unit: water, condition: subsidence, auto: true}}}}"
    asks = "{name: asks, when: {condition: subsidence}, then: {unit: police}}"
    text = rules(asks, chosen)
    await load(haidian, text)
    await haidian.case(source="sensor")
    case = await haidian.case()
    case = await haidian.act(case, "accept", "acceptor")
    case = await haidian.act(case, "file", "shift_leader", {"condition": "subsidence"})
    await haidian.act(case, "dispatch", "dispatcher", {"unit": "police"})
    await haidian.case()
    found, moved = await tried(haidian, text)
    assert not moved
    assert (found.tally.same, found.tally.undecided) == (2, 1)
    assert dict(found.tally.matched) == {"chosen": 1, "asks": 1, "rest": 1}


async def test_attributes_that_alone_kept_a_rule_out_are_counted(haidian: City) -> None:
    for attributes in ({"depth_cm": 45}, {"depth_cm": "45"}, {"depth_cm": "deep"}, {}, {"depth_cm": 1}):
        await haidian.case(category="06013", attributes=attributes)
    await haidian.case(category="06028")
    found, _ = await tried(haidian, haidian.wired.pack.routing)
    faults = {(rule, fault.name, fault.wanted, fault.found): n for (rule, fault), n in found.tally.faults.items()}
    assert faults == {
        ("deep-road-damage", "depth_cm", "number", "text"): 2,
        ("deep-road-damage", "depth_cm", "number", None): 1,
    }
