"""The public pages in a real browser, as a reporter meets them: on a phone, by keyboard, in the dark, offline."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.e2e.browser import browser
from tests.e2e.conftest import City
from tests.e2e.test_reporter import reported
from tests.e2e.test_story import act, case_of

PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 800}
# What a person who sees poorly needs (WCAG 2.2, 1.4.3): 4.5 to 1, of every text as it is drawn on what lies behind it.
LEAST_CONTRAST = 4.5
CONTRASTS = """() => {
  const light = (c) => c.map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const parts = (text) => text.match(/[0-9.]+/g).map(Number);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const c = parts(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0) return c.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim()).join("");
    if (!own || !e.checkVisibility()) continue;
    const [a, b] = [light(parts(getComputedStyle(e).color).slice(0, 3)), light(behind(e))].sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), own]);
  }
  return found;
}"""
# Whatever a person can act on has a name, and Chinese and English are told apart for those who hear the page.
UNNAMED = """() => [...document.querySelectorAll("input, textarea, button, a, summary")].filter((e) =>
  e.checkVisibility() && !(e.textContent.trim() || e.labels?.length || e.ariaLabel)).map((e) => e.outerHTML)"""
UNSAID = """() => {
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walk.nextNode(); n; n = walk.nextNode())
    if (/[a-z]{4}/.test(n.data) && !/script|style/i.test(n.parentElement.tagName)
        && !n.parentElement.closest('[lang="en"]')) found.push(n.data.trim());
  return [document.documentElement.lang, found];
}"""
SHIFTS = """() => new Promise((done) => {
  let sum = 0;
  new PerformanceObserver((l) => l.getEntries().forEach((e) => { sum += e.hadRecentInput ? 0 : e.value; }))
    .observe({type: "layout-shift", buffered: true});
  setTimeout(() => done(sum), 200);
})"""


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with browser() as made:
        yield made


async def opened(chromium: Browser, city: City, path: str, size: ViewportSize = PHONE, scheme: Any = "light") -> Page:
    """The page at `path`; whatever it complains about, a policy that it breaks say, fails the test."""
    context = await chromium.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
    page = await context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.on("console", lambda said: pytest.fail(said.text) if "Content Security Policy" in said.text else None)
    await page.goto(city.base + path)
    return page


async def looks_right(page: Page) -> None:
    """Readable by everybody: contrast, names, languages, nothing beside the screen, nothing that jumps."""
    poor = [(round(ratio, 2), text) for ratio, text in await page.evaluate(CONTRASTS) if ratio < LEAST_CONTRAST]
    assert poor == []
    assert await page.evaluate(UNNAMED) == []
    assert await page.evaluate(UNSAID) == ["zh", []]
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await page.evaluate(SHIFTS) == 0
    assert await page.locator("h1").count() == 1
    assert await page.title() != ""


async def tracked(city: City, code: str, status: str) -> None:
    """Waits until the report has come that far."""
    end = time.monotonic() + 15
    while True:
        answer = await city.http.get(f"/notify/v1/track/{code}")
        if answer.status_code == 200 and answer.json()["status"] == status:
            return
        assert time.monotonic() < end, answer.text
        await asyncio.sleep(0.05)


async def test_a_reporter_looks_up_adds_and_takes_back_on_a_phone(chromium: Browser, city: City) -> None:
    report = await reported(city, reporter={"phone": "13800000001"})
    code = report["tracking_code"]
    await case_of(city, report)
    await tracked(city, code, "reported")
    page = await opened(chromium, city, "/notify/track")
    await looks_right(page)
    await page.keyboard.press("Tab")
    await page.keyboard.type(f"{code[:4]}-{code[4:8]}-{code[8:]}".lower())
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/notify/track/*")
    await looks_right(page)
    await expect(page.locator(".now b")).to_have_text("已上报")
    assert (await page.title()).startswith("已上报")
    await expect(page.get_by_text(f"{code[:4]}-{code[4:8]}-{code[8:]}")).to_be_visible()

    await page.get_by_text("补充说明").click()
    await page.get_by_label("更准确的位置").fill("路口北侧")
    await page.context.set_offline(True)
    send = page.locator("details[open] button")
    await send.click()
    await expect(page.locator("details[open] .said")).to_contain_text("没有发出")
    await looks_right(page)
    await page.context.set_offline(False)
    await send.click()
    await expect(page.locator("details[open] .said")).to_contain_text("已补充")
    await looks_right(page)

    await page.get_by_text("撤回上报").click()
    await page.get_by_label("撤回的原因").fill("已经修好了")
    await page.locator("details[open] button").last.click()
    await expect(page.locator(".said").last).to_contain_text("已撤回")
    await tracked(city, code, "withdrawn")
    await page.reload()
    await expect(page.locator(".now b")).to_have_text("已撤回")
    assert await page.locator("form").count() == 0
    await page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_what_was_refused_and_a_code_that_nobody_was_given(chromium: Browser, city: City, scheme: str) -> None:
    report = await reported(city)
    await act(city, city.staff("acceptor"), await case_of(city, report), "decline", opinion="不属于本区")
    await tracked(city, report["tracking_code"], "rejected")
    page = await opened(chromium, city, f"/notify/track/{report['tracking_code']}", DESK, scheme)
    await looks_right(page)
    await expect(page.locator(".now b")).to_have_text("不予受理")
    await expect(page.get_by_text("不再接收")).to_have_count(0)  # nobody left a way to be told
    await page.get_by_text("查询另一个上报").click()
    await page.get_by_label("12 位查询码").fill("ABCD-EFGH-JKMN")
    await page.get_by_role("button").click()
    await expect(page.get_by_role("alert")).to_contain_text("没有这个查询码")
    await expect(page.get_by_label("12 位查询码")).to_have_value("ABCD-EFGH-JKMN")
    await looks_right(page)
    await page.context.close()


async def test_messages_are_declined_from_the_status_page(chromium: Browser, city: City) -> None:
    report = await reported(city, reporter={"email": "somebody@example.org"})
    await case_of(city, report)
    await tracked(city, report["tracking_code"], "reported")
    page = await opened(chromium, city, f"/notify/track/{report['tracking_code'].lower()}")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.get_by_text("不再接收短信、邮件").click()
    await page.wait_for_url(re.compile(r"/intake/v1/opt-out#[A-Z0-9]{12}$"))
    await looks_right(page)
    await page.context.set_offline(True)
    await page.get_by_role("button").click()
    await expect(page.locator("output")).to_contain_text("没有发出")
    await page.context.set_offline(False)
    await page.get_by_role("button").click()
    await expect(page.locator("output")).to_contain_text("已退订")
    await looks_right(page)
    await expect(page.get_by_role("button")).to_have_count(0)
    assert all(report["tracking_code"] not in url.partition("#")[0] for url in asked)
    await page.goto(f"{city.base}/intake/v1/opt-out")
    await page.reload()
    await expect(page.locator("output")).to_contain_text("链接不完整")
    await page.context.close()


async def test_the_landing_page_shows_what_happens(chromium: Browser, city: City) -> None:
    for size in (PHONE, DESK):
        page = await opened(chromium, city, "/", size)
        await expect(page.get_by_text("已连接").first).to_be_visible()
        await expect(page.locator(".note", has_text="311")).to_have_count(0)  # nothing is played here
        report = await reported(city)
        case = await case_of(city, report)
        await expect(page.get_by_text(case["number"]).first).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await page.evaluate(UNNAMED) == []
        poor = [pair for pair in await page.evaluate(CONTRASTS) if pair[0] < LEAST_CONTRAST]
        assert poor == []
        await page.context.close()


async def test_the_map_of_a_dry_run_opens_without_a_network(chromium: Browser, city: City, tmp_path: Path) -> None:
    grids = await city.http.get(
        "/intake/v1/areas", params={"level": "grid", "limit": 2, "geometry": "true"}, headers=city.app()
    )
    first, second = grids.json()["items"]
    features = [
        {
            "type": "Feature",
            "properties": {"path": first["path"], "name": first["name"], "level": "grid"},
            "geometry": second["geometry"],
        }
    ]
    answer = await city.http.put(
        "/intake/v1/areas?dry_run=true",
        content=json.dumps({"type": "FeatureCollection", "features": features}),
        headers={**city.staff("admin"), "Content-Type": "application/geo+json", "Accept": "text/html"},
    )
    assert answer.status_code == 200, answer.text
    (tmp_path / "map.html").write_text(answer.text, encoding="utf-8")
    context = await chromium.new_context(viewport=PHONE, offline=True)
    page = await context.new_page()
    await page.goto((tmp_path / "map.html").as_uri())
    whole, near = await page.locator("svg").all()
    for drawing in (whole, near):
        await expect(drawing).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await page.evaluate(
        "() => [...document.querySelectorAll('svg')].every((s) => s.getBoundingClientRect().height > 100)"
    )
    await context.close()


@pytest.mark.parametrize("service", ["intake", "dispatch", "evaluation", "notify"])
async def test_the_page_of_routes_needs_no_other_host(chromium: Browser, city: City, service: str) -> None:
    page = await opened(chromium, city, "/readyz", DESK)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{city.base}/{service}/docs")
    await expect(page.locator(".opblock").first).to_be_visible()
    assert [url for url in asked if not url.startswith((city.base, "data:"))] == []
