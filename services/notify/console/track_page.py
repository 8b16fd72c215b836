"""The status page for whoever has a tracking code 查询码: where the report stands, how it came there, what may be done.

Plain HTML for a phone, in both languages, with its style and its script inside: one request, nothing from elsewhere. It
says nothing about who reported or where. Without a script everything is shown, and only the two forms are not.
"""

import base64
import hashlib
import html
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

from services.notify.console.words import WAYS_ON
from services.notify.queries.tracking import Track, Tracking, TrackStep
from shared.packs.model import Text

_FOLDER = Path(__file__).parent
_PAGE, _STYLE, _SCRIPT = ((_FOLDER / f"track.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


POLICY: Final = (
    f"default-src 'none'; script-src {_source(_SCRIPT)}; style-src {_source(_STYLE)}; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# The code is in the address: it is told to nobody, and the page is kept nowhere.
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
# Statuses in which a report may still be taken back, and those in which nothing can be added any more.
_UNTOUCHED = frozenset({"received", "merged", "reported"})
_ENDED = frozenset({"closed", "voided", "rejected", "withdrawn"})
_TONES = {"closed": " good", "handled": " good"} | dict.fromkeys(("voided", "rejected", "withdrawn"), " stop")
# Where a reporter declines messages: the code stands behind the #, which no browser sends.
_OPT_OUT = "/intake/v1/opt-out#"


def status_page(city: Text, zone: ZoneInfo, found: Tracking, code: str, ask: str) -> str:
    """The page of a report; `ask` is the address at which another code is asked for."""
    track = found.track
    zh, en = WAYS_ON.get(track.status, ("", ""))
    forms = _forms(track, found.report_id, code)
    own = forms + (_declining(code) if found.reachable else "")
    content = f"""
  <p class="code">查询码 <span lang="en">code</span> <b>{_text(_grouped(code))}</b></p>
  <section class="card{_TONES.get(track.status, "")}" aria-label="进度 progress">
    <div class="now">
      <b>{_text(track.label.zh)}</b> {_en(track.label.en)}
      <p>{_both(zh, en)}</p>
    </div>
    <ol>{"".join(_step(step, zone) for step in track.steps)}
    </ol>
  </section>
{f'  <div class="card own">{own}{chr(10)}  </div>' if own else ""}
  <p class="other"><a href="{_text(ask)}">{_both("查询另一个上报", "Look for another report")}</a></p>"""
    return _page(city, content, _SCRIPT if forms else "", f"{_text(track.label.zh)} · ")


def asking_page(city: Text, ask: str, trouble: tuple[str, str] | None = None, before: str = "") -> str:
    """The page that asks for a code; `trouble` says in both languages what was wrong with `before`."""
    wrong = f'<p class="wrong" id="wrong" role="alert">{_both(*trouble)}</p>' if trouble else ""
    told = ' aria-invalid="true" aria-describedby="wrong"' if trouble else ""
    content = f"""
  <div class="card">{wrong}
  <form method="get" action="{_text(ask)}">
    <label for="code">{_both("上报时收到的 12 位查询码", "The 12 characters you were given with your report")}</label>
    <input id="code" name="code" required maxlength="32" placeholder="DBFH-QMZ4-FSHH" value="{_text(before[:32])}"
      autocomplete="off" autocapitalize="characters" spellcheck="false"{told}>
    <button type="submit">查询 {_en("Look up")}</button>
  </form>
  </div>"""
    return _page(city, content)


def _page(city: Text, content: str, script: str = "", about: str = "") -> str:
    fills = {
        "style": _STYLE,
        "script": f'<script type="module">{script}</script>' if script else "",
        "about": about,
        "heading_zh": "上报进度查询",
        "heading_en": "What became of your report",
        "title_zh": _text(city.zh),
        "title_en": _text(city.en),
        "content": content,  # last: what it holds is not filled again
    }
    page = _PAGE
    for name, fill in fills.items():
        page = page.replace("{{" + name + "}}", fill)
    return page


def _step(step: TrackStep, zone: ZoneInfo) -> str:
    # Its own words stay to be read when the case has gone on.
    why = f'\n      <p class="why">{_both(*WAYS_ON["merged"])}</p>' if step.status == "merged" else ""
    return f"""
      <li>{_both(step.label.zh, step.label.en)}
      <time datetime="{step.at.isoformat()}">{_local(step.at, zone)}</time>{why}</li>"""


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def _grouped(code: str) -> str:
    """The code as it is given out: in groups of four."""
    plain = "".join(filter(str.isalnum, code)).upper()
    return "-".join(plain[at : at + 4] for at in range(0, len(plain), 4))


def _declining(code: str) -> str:
    where = _OPT_OUT + quote(_grouped(code).replace("-", ""))
    return f"""
    <a href="{where}">{_both("不再接收短信、邮件", "No more messages about my reports")}</a>"""


def _forms(track: Track, report_id: UUID, code: str) -> str:
    """The forms of whoever sent it, as long as they can have an effect."""
    forms = ""
    if track.status not in _ENDED:
        forms += _form(
            report_id,
            code,
            ("additions", "text", 2000),
            ("补充说明", "Add to it", "更准确的位置、新的情况", "Where exactly, or what is new"),
            ("已补充，谢谢。", "Added. Thank you."),
        )
    if track.status in _UNTOUCHED:
        forms += _form(
            report_id,
            code,
            ("withdrawal", "reason", 500),
            ("撤回上报", "Take it back", "撤回的原因", "Why it is taken back"),
            ("已撤回。", "Taken back."),
            reload=True,
        )
    return forms


def _form(
    report_id: UUID,
    code: str,
    sent: tuple[str, str, int],
    words: tuple[str, str, str, str],
    done: tuple[str, str],
    *,
    reload: bool = False,
) -> str:
    what, field, longest = sent
    zh, en, label_zh, label_en = words
    again = ' data-reload="1"' if reload else ""
    return f"""
    <details>
      <summary>{_both(zh, en)}</summary>
      <form data-post="/intake/v1/reports/{report_id}/{what}" data-code="{_text(code)}"
        data-done-zh="{done[0]}" data-done-en="{done[1]}"{again}>
        <label for="{what}">{_both(label_zh, label_en)}</label>
        <textarea id="{what}" name="{field}" required maxlength="{longest}"></textarea>
        <button type="submit">发送 {_en("Send")}</button>
        <p class="said" role="status"></p>
      </form>
    </details>"""


def _both(zh: str, en: str) -> str:
    return f"{_text(zh)} {_en(en)}"


def _en(words: str) -> str:
    return f'<span class="en" lang="en">{_text(words)}</span>'


def _text(words: str) -> str:
    return html.escape(words, quote=True)
