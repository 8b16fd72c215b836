"""The landing page: complete, safe to fill, at peace with its own policy."""

import re

from services.notify.console import ASSETS, POLICY, Landing, Words, landing
from services.notify.console.words import EVENTS, STATUSES
from shared.contracts import dispatch, intake

ABOUT = Landing(
    title=Words("海淀 </title><script>", 'Haidian "&"'),
    note=Words("说明", "a note"),
    provenance=[Words("来源", "a source")],
    area="110108",
    base="http://127.0.0.1:8080",
    development=True,
)


def test_every_place_is_filled_and_nothing_given_can_break_out() -> None:
    page = landing(ABOUT)
    assert "{{" not in page
    assert "</title><script>" not in page
    assert page.count("<script") == 2
    assert "a source" in page
    assert "/notify/v1/stream?area=110108" in page
    for service in ("intake", "dispatch", "evaluation", "notify"):
        assert f'href="/{service}/docs"' in page


def test_it_needs_nothing_from_elsewhere_and_nothing_inline() -> None:
    page = landing(ABOUT)
    assert "unsafe" not in POLICY
    assert not re.search(r"\son\w+=|style=", page)
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert address.startswith(("/", "#"))
        if address.startswith("/console/"):
            assert address.removeprefix("/console/") in ASSETS
    for asset in ASSETS.values():
        assert asset.content
        assert b"//" not in asset.content.replace(b"http://www.w3.org/2000/svg", b"").replace(b"// ", b"")


def test_every_event_and_status_there_is_has_words() -> None:
    types = {intake.ReportReceived.TYPE, *(fact.TYPE for fact in dispatch.FACTS)}
    assert types <= set(EVENTS)
    assert all(zh and en for zh, en in [*EVENTS.values(), *STATUSES.values()])
