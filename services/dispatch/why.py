"""Why a routing rule is for a case, in both languages, for the person who decides."""

from collections.abc import Iterator

from services.dispatch.domain.matching import EVERY_DAY, Attribute, Matcher, Window
from services.dispatch.domain.routing import Reason, Rule
from shared.packs.model import Pack, Text

DAYS_ZH = ("一", "二", "三", "四", "五", "六", "日")
DAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

# Why nobody is suggested.
LEFT = {
    Reason.NO_RULE: Text(zh="没有适用的派遣规则", en="no routing rule is for this case"),
    Reason.UNIT_GONE: Text(zh="规则指定的处置单位已撤销", en="a unit that the rule names is gone"),
    Reason.NO_UNIT_HERE: Text(zh="该部门在此区域没有处置单位", en="the rule's department has no unit here"),
    Reason.NO_CONDITION: Text(zh="规则没有可用的立案条件", en="the rule has no filing condition for this category"),
}


def why(rule: Rule, category: str, pack: Pack) -> list[Text]:
    """Each condition of the rule, all of which the case meets."""
    found = list(_matched(rule.matcher, category, pack))
    return found or [Text(zh="规则不设条件，适用于所有案卷", en="the rule asks nothing: it is for every case")]


def _matched(matcher: Matcher, category: str, pack: Pack) -> Iterator[Text]:
    if matcher.categories:
        known = pack.categories.get(category)
        zh, en = (f" {known.name.zh}", f" {known.name.en}") if known else ("", "")
        yield Text(zh=f"类别为 {category}{zh}", en=f"the category is {category}{en}")
    if matcher.conditions:
        names = ", ".join(sorted(matcher.conditions))
        yield Text(zh=f"立案条件为 {names}", en=f"the filing condition is {names}")
    if matcher.areas:
        paths = ", ".join(matcher.areas)
        yield Text(zh=f"位于 {paths}", en=f"it lies in {paths}")
    if matcher.sources:
        names = ", ".join(sorted(matcher.sources))
        yield Text(zh=f"来源为 {names}", en=f"it was reported by {names}")
    for attribute in matcher.attributes:
        yield _attribute(attribute, pack)
    if matcher.window:
        yield _window(matcher.window)


def _attribute(attribute: Attribute, pack: Pack) -> Text:
    stated = pack.attributes.get(attribute.name)
    zh, en = (stated.zh, stated.en) if stated else (attribute.name, attribute.name)
    if attribute.among is not None:
        values = ", ".join(sorted(map(str, attribute.among)))
        return Text(zh=f"{zh}为 {values}", en=f"{en} is {values}")
    least = [] if attribute.least is None else [f"≥ {attribute.least:g}"]
    most = [] if attribute.most is None else [f"≤ {attribute.most:g}"]
    bounds = ", ".join(least + most)
    return Text(zh=f"{zh} {bounds}", en=f"{en} {bounds}")


def _window(window: Window) -> Text:
    zh, en = [], []
    if window.weekdays != EVERY_DAY:
        zh.append("周" + "、".join(DAYS_ZH[day - 1] for day in sorted(window.weekdays)))
        en.append(", ".join(DAYS_EN[day - 1] for day in sorted(window.weekdays)))
    if (window.start, window.end) != (Window().start, Window().end):
        hours = f"{window.start // 60:02}:{window.start % 60:02}–{window.end // 60:02}:{window.end % 60:02}"
        zh.append(hours)
        en.append(hours)
    if window.working is not None:
        zh.append("工作时间" if window.working else "非工作时间")
        en.append("working time" if window.working else "outside of working time")
    return Text(zh=f"时间在 {' '.join(zh)}", en=f"the time is {' '.join(en)}")
