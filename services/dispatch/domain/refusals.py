"""Why an act on a case is refused. A refused act changes nothing."""

from shared.kernel.errors import Conflict, Forbidden, Invalid, NotFound, StaleVersion, Unavailable


class CaseNotFound(NotFound):
    """No such case, or none in the caller's area: the two are told apart to nobody."""

    slug, title, title_zh = "case-not-found", "No such case", "案卷不存在"


class CaseChanged(StaleVersion):
    """`facts` carry the case as it is now."""

    slug, title, title_zh = "case-changed", "The case has changed since it was read", "案卷已变更，请刷新后重试"


class WrongCentre(Forbidden):
    slug, title, title_zh = "wrong-centre", "Another centre's act", "该操作属于其他中心"


class WrongPost(Forbidden):
    slug, title, title_zh = "wrong-post", "Another post's act", "该操作属于其他岗位"


class ActNotPossibleNow(Conflict):
    slug, title, title_zh = "act-not-possible-now", "Not possible in the case's status", "案卷当前状态不允许此操作"


class NotThisUnit(Forbidden):
    slug, title, title_zh = "not-this-unit", "Another unit's case", "案卷未派遣给本单位"


class OwnWork(Forbidden):
    slug, title, title_zh = "own-work", "Nobody checks their own work", "不得核查本人或本单位的处置结果"


class CheckNotPassed(Conflict):
    slug, title, title_zh = "check-not-passed", "The check was not passed", "核查未通过，不能结案"


class UnknownCondition(Invalid):
    slug, title, title_zh = "unknown-condition", "Not a filing condition of this category", "立案条件不属于该类别"


class UnknownUnit(Invalid):
    slug, title, title_zh = "unknown-unit", "No such handling unit", "处置单位不存在"


class TooFarAway(Invalid):
    slug, title, title_zh = "too-far-away", "Checked too far from the case", "核查位置超出允许范围"


class AnsweredInTheFuture(Invalid):
    slug, title, title_zh = "answered-in-the-future", "Answered at a time that has not come", "回复时间晚于当前时间"


class FieldMissing(Invalid):
    slug, title, title_zh = "field-missing", "A field is missing", "缺少必填字段"


class RulesUnreadable(Unavailable):
    """Of a later release, say. A reader waits, as for a database that is away: nothing may be parked for it."""

    slug, title, title_zh = "routing-rules-unreadable", "The routing rules in force cannot be read", "派遣规则无法读取"


class UnknownVersion(NotFound):
    slug, title, title_zh = "unknown-routing-version", "No such version of the routing rules", "派遣规则版本不存在"


class NotYet(Invalid):
    slug, title, title_zh = "starts-in-the-past", "Rules come into force now or later", "生效时间不得早于当前时间"
