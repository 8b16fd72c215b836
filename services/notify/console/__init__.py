"""The landing page: what is running, where each door is, where the data come from, and events as they happen.

Plain HTML, one style sheet, one script, nothing from elsewhere. Whoever serves it answers `/` with `landing(…)`, each
of `ASSETS` under `/console/<name>`, and sends `POLICY` as Content-Security-Policy: the page works under it.
"""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from services.notify.console.words import DOORS, EVENTS, STATUSES
from shared.contracts import dispatch, intake

_FOLDER = Path(__file__).parent

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TICKET_PATH: Final = "/demo/stream-ticket"


class Words(NamedTuple):
    """The same in Chinese and in English."""

    zh: str
    en: str


class Asset(NamedTuple):
    """A file of the page."""

    media_type: str
    content: bytes


class Landing(NamedTuple):
    """What the page is to say. `development`: it may ask `POST /demo/stream-ticket` for a ticket without a token."""

    title: Words
    note: Words | None
    provenance: Sequence[Words]
    area: str
    base: str
    development: bool


ASSETS: Final[Mapping[str, Asset]] = {
    "console.css": Asset("text/css; charset=utf-8", (_FOLDER / "console.css").read_bytes()),
    "console.js": Asset("text/javascript; charset=utf-8", (_FOLDER / "console.js").read_bytes()),
    "icon.svg": Asset("image/svg+xml", (_FOLDER / "icon.svg").read_bytes()),
}


def landing(about: Landing) -> str:
    """The page, complete."""
    page = (_FOLDER / "index.html").read_text(encoding="utf-8")
    area = f"?area={about.area}" if about.area else ""
    known = {
        "development": about.development,
        "ticketPath": TICKET_PATH,
        "stream": f"/notify/v1/stream{area}",
        "types": [intake.ReportReceived.TYPE, *(fact.TYPE for fact in dispatch.FACTS)],
        "events": EVENTS,
        "statuses": STATUSES,
    }
    fills = {
        "title_zh": _text(about.title.zh),
        "title_en": _text(about.title.en),
        "note": _both(about.note) if about.note else "",
        "doors": "".join(_door(name, *words) for name, words in DOORS.items()),
        "provenance": "".join(f"<li>{_both(words)}</li>" for words in about.provenance),
        "curl": _text(f"curl -N -H \"Authorization: Bearer $TOKEN\" '{about.base}/notify/v1/stream{area}'"),
        # `<` would let a title end the script element.
        "known": orjson.dumps(known).decode().replace("<", "\\u003c"),
    }
    for name, fill in fills.items():
        page = page.replace("{{" + name + "}}", fill)
    return page


def _text(words: str) -> str:
    return html.escape(words, quote=True)


def _both(words: Words) -> str:
    return f'<span lang="zh">{_text(words.zh)}</span> <span class="en" lang="en">{_text(words.en)}</span>'


def _door(service: str, zh: str, en: str, purpose_zh: str, purpose_en: str) -> str:
    return f"""
      <li class="door" data-service="{service}">
        <h3><span class="dot" aria-hidden="true"></span><span lang="zh">{zh}</span> <span class="en">{en}</span></h3>
        <p><span lang="zh">{purpose_zh}</span> <span class="en">{purpose_en}</span></p>
        <p class="links"><a href="/{service}/docs">/{service}/docs</a> <span class="state" role="status">…</span></p>
      </li>"""
