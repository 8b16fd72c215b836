"""What can go wrong."""

from collections.abc import Mapping
from typing import Any

from wangge_client.model import FieldTrouble


class WanggeError(Exception):
    """Anything that this client raises of itself."""


class NoAnswer(WanggeError):
    """The city could not be reached, or did not say whether it took what was sent, after every try.

    With an Idempotency-Key (each post has one) it is safe to send the same again later: `key` names it.
    """

    def __init__(self, why: str, key: str | None) -> None:
        super().__init__(why)
        self.key = key


class Refused(WanggeError):
    """The city refused and said why (RFC 9457). `slug` is the last part of the problem's type."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = problem
        self.slug = str(problem.get("type", "")).rpartition("/")[2]
        self.fields = [
            FieldTrouble(str(each.get("pointer", "")), str(each.get("message", "")))
            for each in problem.get("errors") or ()
        ]
        said = problem.get("detail") or problem.get("title") or "refused"
        fields = "".join(f"\n  {each.pointer}: {each.message}" for each in self.fields)
        super().__init__(f"{status} {self.slug}: {said}{fields}")
