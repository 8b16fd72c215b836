"""Who does what next with a case: the straight path of DESIGN's act table, with a seeded share of second thoughts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, NamedTuple

from shared.packs import Pack

VERIFIED_SHARE = 0.1  # of the reports are verified on the spot before they are accepted
FAILED_SHARE = 0.08  # of the cases fail their first check
RETURNED_SHARE = 0.04  # are returned by their unit once, and dispatched again
EXTENDED_SHARE = 0.05  # get an extension
URGED_SHARE = 0.03  # are urged
ENDED = frozenset({"closed", "rejected", "voided"})
OPEN = ("reported", "verifying", "accepted", "filed", "dispatched", "handling", "handled", "checking", "checked")
ON_SITE = ("supervisor", "grid_worker")


@dataclass(slots=True)
class Work:
    """One report of ours, and what is known of its case. `moved_at` is the loop's time of the last news of it."""

    key: str
    category: str
    place: tuple[float, float] | None
    report: str = ""
    case: str = ""
    area: str = ""
    status: str = ""
    revision: int = 0
    unit: str | None = None
    passed: bool | None = None
    verified: bool = False
    request: str | None = None
    returned: bool = False
    extended: bool = False
    urged: bool = False
    replied: bool = False
    checks: int = 0
    failures: int = 0
    moved_at: float = 0.0
    busy: int = field(default=0, compare=False)

    def did(self, act: str) -> None:
        """Second thoughts that were had are not had again."""
        self.returned = self.returned or act == "approve_return"
        self.extended = self.extended or act == "approve_extension"
        self.urged = self.urged or act == "urge"
        self.replied = self.replied or act == "reply_urging"


class Deed(NamedTuple):
    """One act: by the holder of a post, or for a unit by its clerk. `evidence` asks for a picture to go with it."""

    act: str
    post: str
    unit: str | None = None
    body: Mapping[str, Any] = MappingProxyType({})
    evidence: bool = False


def chance(seed: int, key: str, what: str) -> float:
    """A number from 0 to 1 that is the same in every run."""
    return int.from_bytes(blake2b(f"{seed}/{key}/{what}".encode(), digest_size=4).digest()) / 2**32


def next_deed(work: Work, pack: Pack) -> Deed | None:
    """What is to be done now; None when the case has ended, or nobody here can go on with it."""
    seed = pack.demo.seed
    on_site = ON_SITE[chance(seed, work.key, "on site") < 0.5]
    here = {"location": {"lon": work.place[0], "lat": work.place[1]}} if work.place else {}
    match work.status:
        case "reported" if not work.verified and chance(seed, work.key, "verify") < VERIFIED_SHARE:
            return Deed("request_verification", "acceptor")
        case "reported":
            return Deed("accept", "acceptor")
        case "verifying":
            return Deed("answer_verification", on_site, body={"outcome": "true", **here}, evidence=True)
        case "accepted":
            return Deed("file", "shift_leader", body={"condition": _condition(work, pack)})
        case "filed":
            unit = pack.unit_for(work.category, work.area)
            return Deed("dispatch", "dispatcher", body={"unit": unit.code}) if unit else None
        case "dispatched" | "handling" if work.request is not None:
            return Deed(f"approve_{work.request}", "dispatcher")
        case "dispatched" if not work.returned and chance(seed, work.key, "return") < RETURNED_SHARE:
            return Deed("request_return", "unit_clerk", work.unit, {"reason": "权属待核 Whose is it?"})
        case "dispatched":
            return Deed("take", "unit_clerk", work.unit)
        case "handling" if not work.extended and chance(seed, work.key, "extend") < EXTENDED_SHARE:
            return Deed("request_extension", "unit_clerk", work.unit, {"reason": "配件未到 Parts are late"})
        case "handling" if not work.urged and chance(seed, work.key, "urge") < URGED_SHARE:
            return Deed("urge", "command_leader", body={"opinion": "请尽快处置 Please see to it"})
        case "handling" if work.urged and not work.replied:
            return Deed("reply_urging", "unit_clerk", work.unit, {"opinion": "正在处置 It is being done"})
        case "handling":
            result = "处置完毕 Handled" if not work.checks else "返工完毕 Handled again"
            return Deed("report_handled", "unit_clerk", work.unit, {"result": result}, evidence=True)
        case "handled":
            return Deed("request_check", "acceptor")
        case "checking":
            passed = work.checks > 0 or chance(seed, work.key, "check") >= FAILED_SHARE
            return Deed("answer_check", on_site, body={"passed": passed, **here}, evidence=True)
        case "checked" if work.passed is False:
            return Deed("order_rework", "acceptor", body={"opinion": "核查未通过，请返工 The check was not passed"})
        case "checked":
            return Deed("close", "shift_leader")
    return None


def _condition(work: Work, pack: Pack) -> str:
    """Most cases are filed under the default condition, the others under any of the category's."""
    conditions = pack.categories[work.category].conditions
    drawn = chance(pack.demo.seed, work.key, "condition")
    return conditions[0 if drawn < 0.7 else int(drawn * 1e6) % len(conditions)].key
