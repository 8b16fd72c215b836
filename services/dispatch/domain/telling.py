"""A fact of a case as a sentence for people, in Chinese and in English.

An act's own part comes from `sentences.py`; who did it, where the case went and how the clock stood are told alike for
every act. An act that has no sentence yet is told by its name.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from services.dispatch.domain.sentences import ASKED, OUTCOMES, SENTENCES, STAGES, UNITS, Words
from services.dispatch.domain.words import ACT_ZH, CENTRE_ZH, POST_ZH, STATUS_ZH

# A part in brackets is left out when one of its slots has nothing to say.
_PART = re.compile(r"\[([^][]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")
_LONG = 200


class Told(NamedTuple):
    """A fact as its row has it. `clock` is {stage, limit_s, used_s} of the clock that the act moved; `receiver`
    {centre, unit?, assignee?}.
    """

    act: str
    actor: str
    centre: str | None
    post: str | None
    from_status: str | None
    status: str
    opinion: str | None
    clock: Mapping[str, Any] | None
    details: Mapping[str, Any]
    receiver: Mapping[str, str] | None


Names = Mapping[str, tuple[str, str]]


def tell(told: Told, units: Names) -> dict[str, str]:
    """{zh, en}: one sentence or a few. `units` has the Chinese and the English name of handling units by code."""
    return {"zh": _zh(told, units), "en": _en(told, units)}


def _zh(told: Told, units: Names) -> str:
    slots = _slots(told, units, 0)
    known = SENTENCES.get(told.act)
    what = _filled(known.zh, slots) if known else f"执行“{ACT_ZH.get(told.act, told.act)}”"  # type: ignore[call-overload]
    parts = [f"{_who(told, units, 0)}{what}"]
    if told.from_status is None:
        parts.append(f"案卷为“{_status(told.status, 0)}”")
    elif told.from_status != told.status:
        parts.append(f"案卷由“{_status(told.from_status, 0)}”转为“{_status(told.status, 0)}”")
    if receiver := _receiver(told, units, 0):
        parts.append(f"交{receiver}")
    if told.clock:
        parts.append(
            f"{_stage(told.clock, 0)}时限{_span(told.clock['limit_s'], 0)}，已用{_span(told.clock['used_s'], 0)}"
        )
    return "，".join(parts) + "。" + (f"意见：{_short(told.opinion)}" if told.opinion else "")


def _en(told: Told, units: Names) -> str:
    slots = _slots(told, units, 1)
    known = SENTENCES.get(told.act)
    what = _filled(known.en, slots) if known else f"did “{told.act.replace('_', ' ')}”"
    parts = [f"{_who(told, units, 1)} {what}."]
    receiver = _receiver(told, units, 1)
    if told.from_status is not None and told.from_status != told.status:
        to = f", to {receiver}" if receiver else ""
        parts.append(f"The case went from {_status(told.from_status, 1)} to {_status(told.status, 1)}{to}.")
    elif receiver:
        parts.append(f"It is with {receiver}.")
    if told.clock:
        limit, used = _span(told.clock["limit_s"], 1), _span(told.clock["used_s"], 1)
        parts.append(
            f"Of {limit} to {STAGES.get(told.clock['stage'], _same(told.clock['stage'])).en}, {used} were used."
        )
    if told.opinion:
        parts.append(f"Opinion: {_short(told.opinion)}")
    return " ".join(parts)


def _filled(template: str, slots: Mapping[str, str]) -> str:
    """The template with its slots, without the bracketed parts that have nothing to say."""

    def part(found: re.Match[str]) -> str:
        inner = found[1]
        return inner if all(slots.get(name) for name in _SLOT.findall(inner)) else ""

    return _SLOT.sub(lambda found: slots.get(found[1]) or "…", _PART.sub(part, template))


def _slots(told: Told, units: Names, language: int) -> dict[str, str]:
    """Every detail by its name, in words, and what is made of several."""
    found = {name: _value(name, value, units, language) for name, value in told.details.items()}
    if told.details.get("limit_amount") is not None:
        amount, unit = told.details["limit_amount"], str(told.details.get("limit_unit"))
        found["limit"] = f"{amount}{'' if language == 0 else ' '}{UNITS.get(unit, _same(unit))[language]}"
    if told.receiver and (code := told.receiver.get("unit")):
        found.setdefault("unit", _unit(code, units, language))
    if told.clock:
        found["stage"] = _stage(told.clock, language)
    return found


_UNIT_NAMES = frozenset(
    {"unit", "assisting", "part_unit", "lead", "returned_by", "recalled_from", "passed_on_by", "who"}
)


def _value(name: str, value: Any, units: Names, language: int) -> str:
    if value is None or value == [] or value == "":
        return ""
    if isinstance(value, bool):
        return OUTCOMES[str(value).lower()][language]
    if isinstance(value, Mapping) and {"lon", "lat"} <= value.keys():
        return f"{value['lon']}, {value['lat']}"
    if isinstance(value, Mapping):  # a part of several units
        task = f"（{value['task']}）" if language == 0 else f" ({value['task']})"
        return _unit(str(value["unit"]), units, language) + (task if value.get("task") else "")
    if isinstance(value, list | tuple):
        return ("、" if language == 0 else ", ").join(_value(name, each, units, language) for each in value)
    text = str(value)
    if name in _UNIT_NAMES:
        return _unit(text, units, language)
    if name in ("outcome", "request"):
        return {**OUTCOMES, **ASKED}.get(text, _same(text))[language]
    if name.endswith(("_at", "until", "due_before", "due_after")):
        return _instant(text)
    return _short(text)


def _who(told: Told, units: Names, language: int) -> str:
    if told.centre == "system":
        return ("系统", "The system")[language]
    post, centre = told.post or "", told.centre or ""
    if language == 0:
        return f"{_zh_of(CENTRE_ZH, centre)}{_zh_of(POST_ZH, post)}（{told.actor}）"
    of = f", {centre.replace('_', ' ')}" if centre else ""
    return f"{told.actor} ({post.replace('_', ' ') or 'no post'}{of})"


def _receiver(told: Told, units: Names, language: int) -> str:
    receiver = told.receiver
    if not receiver:
        return ""
    centre = receiver.get("centre", "")
    if code := receiver.get("unit"):
        return _unit(code, units, language)
    where = _zh_of(CENTRE_ZH, centre) if language == 0 else _CENTRES_EN.get(centre, centre)
    if assignee := receiver.get("assignee"):
        return f"{where}（{assignee}）" if language == 0 else f"{assignee} {where}"
    return where


_CENTRES_EN = {
    "supervision": "the supervision centre",
    "on_site": "on site",
    "command": "the command centre",
    "unit": "the handling unit",
}


def _unit(code: str, units: Names, language: int) -> str:
    return units[code][language] if code in units else code


def _status(value: str, language: int) -> str:
    return _zh_of(STATUS_ZH, value) if language == 0 else value


def _stage(clock: Mapping[str, Any], language: int) -> str:
    return STAGES.get(clock["stage"], _same(clock["stage"]))[language]


def _zh_of(words: Mapping[Any, str], value: str) -> str:
    return words.get(value, value)


def _span(seconds: int, language: int) -> str:
    """As much of it as matters: two units at the most."""
    minutes, rest = divmod(abs(int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    named = ((days, "天", "d"), (hours, "小时", "h"), (minutes, "分", "min"), (rest, "秒", "s"))
    said = [f"{n}{zh}" if language == 0 else f"{n} {en}" for n, zh, en in named if n][:2]
    return ("" if language == 0 else " ").join(said) or ("0秒", "0 s")[language]


def _instant(text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return _short(text)
    zone = f" {at:%z}" if at.utcoffset() not in (None, timedelta(0)) else " UTC"
    return f"{at:%Y-%m-%d %H:%M}{zone}"


def _short(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def _same(text: str) -> Words:
    return Words(text, text)
