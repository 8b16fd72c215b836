"""Two people report one thing: the second is told that, and all that becomes of it, and goes on by themselves."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from services.intake.domain.messages import Quiet
from shared.kernel.clock import utc_now
from shared.packs import load
from tests.e2e.conftest import City, running
from tests.e2e.test_personal import outside
from tests.e2e.test_story import a_grid

CATEGORY = "01037"  # 路灯
FIRST, SECOND = "13811110001", "13811110002"


async def until(look: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> Any:
    end = time.monotonic() + 30
    while not wanted(found := await look()):
        assert time.monotonic() < end, found
        await asyncio.sleep(0.1)
    return found


async def report(city: City, place: dict[str, Any], phone: str) -> dict[str, Any]:
    body = {"category": CATEGORY, "description": "路灯不亮", "location": place, "reporter": {"phone": phone}}
    answer = await city.http.post("/intake/v1/reports", json=body, headers=city.app())
    assert answer.status_code == 201, answer.text
    taken: dict[str, Any] = answer.json()
    return taken


async def act(city: City, case: str, who: dict[str, str], name: str, **body: Any) -> None:
    shown = await city.http.get(f"/dispatch/v1/cases/{case}", headers=who)
    headers = {**who, "If-Match": shown.headers["etag"]}
    answer = await city.http.post(f"/dispatch/v1/cases/{case}/{name}", json=body, headers=headers)
    assert answer.status_code == 200, answer.text


async def track(city: City, code: str) -> list[str]:
    answer = await city.http.get(f"/notify/v1/track/{code}")
    return [step["status"] for step in answer.json()["steps"]] if answer.status_code == 200 else []


async def test_a_merged_report_says_so_and_follows_its_case(tmp_path: Path) -> None:
    async with outside() as (base, seen):
        settings = {"WANGGE_MERGE_DUPLICATES": "true", "WANGGE_SMS_URL": f"{base}/sms", "WANGGE_PUBLIC_URL": base}
        async with running(tmp_path / "data", "--no-demo", **settings) as city:
            place = (await a_grid(city))["centroid"]
            first = await report(city, place, FIRST)

            async def begun() -> Any:
                answer = await city.http.get(f"/intake/v1/reports/{first['id']}", headers=city.app())
                return answer.json()["case_id"]

            case = await until(begun, bool)
            await act(city, case, city.staff("acceptor"), "accept")
            await until(lambda: track(city, first["tracking_code"]), lambda way: "accepted" in way)
            second = await report(city, {**place, "lat": place["lat"] + 1e-5}, SECOND)
            assert (first["merged_into"], second["merged_into"]) == (None, first["id"])

            way = await until(lambda: track(city, second["tracking_code"]), lambda found: "accepted" in found)
            assert way == ["received", "merged", "accepted"], "what came before was not its own"
            page = (await city.http.get(f"/notify/track/{second['tracking_code']}")).text
            assert "与先前上报合并" in page
            assert f"/intake/v1/opt-out#{second['tracking_code']}" in page
            assert first["id"] not in page
            first_page = (await city.http.get(f"/notify/track/{first['tracking_code']}")).text
            assert "合并" not in first_page

            # The one declines messages, the other does not; both are heard of in the case.
            gone = await city.http.post("/intake/v1/opt-out", json={"code": second["tracking_code"]})
            assert gone.status_code == 204
            added = await city.http.post(
                f"/intake/v1/reports/{second['id']}/additions",
                json={"text": "整条街都不亮", "tracking_code": second["tracking_code"]},
            )
            assert added.status_code == 201, added.text
            await act(city, case, city.staff("shift_leader"), "refuse_filing", opinion="不属于本区")
            way = await until(lambda: track(city, second["tracking_code"]), lambda found: "rejected" in found)
            assert way == ["received", "merged", "accepted", "rejected"]
            await open311_tells(city, first["id"], second["id"], case)
            await messages_went_to_the_first_alone(city, seen.sms)


async def open311_tells(city: City, first: str, second: str, case: str) -> None:
    async def asked(which: str) -> Any:
        answer = await city.http.get(f"/intake/open311/v2/requests/{which}.json?extensions=true")
        return answer.json()[0]

    merged = await until(lambda: asked(second), lambda found: found["status"] == "closed")
    assert merged["status_notes"].startswith("不予立案 not taken up. 不属于本区; 与先前上报的同一问题一并办理")
    assert merged["extended_attributes"]["merged_into"] == first
    assert merged["extended_attributes"]["case_id"] == case
    assert [note["type"] for note in merged["notes"]] == ["open", "accept", "merged", "refuse_filing"]
    own = await asked(first)
    assert (own["status"], own["extended_attributes"]["merged_into"]) == ("closed", None)
    assert "一并" not in own["status_notes"]


async def messages_went_to_the_first_alone(city: City, sent: list[str]) -> None:
    """By day the gateway has the first one's; in quiet hours nothing leaves before the morning, to anybody."""
    pack = load("haidian")
    assert pack.messages is not None
    assert pack.messages.quiet is not None
    if not Quiet(pack.messages.quiet.start, pack.messages.quiet.end, pack.zone).holds(utc_now()):

        async def told() -> list[str]:
            return [text for text in sent if FIRST in text]

        await until(told, bool)
    await asyncio.sleep(1)
    assert not [text for text in sent if SECOND in text]
