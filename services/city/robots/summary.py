"""What a replay came to."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Summary:
    """`posted` reports were sent, `accepted` answered with 201, `merged` of them came to a case that another opened.

    `refused` counts the others by the reason given, `errors` what went wrong where nothing should have: acts that were
    refused although they were possible, answers that never came. `given_up` cases were refused again and
    again; `open` ones were left when the replay ended.
    """

    posted: int = 0
    accepted: int = 0
    merged: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    acts: int = 0
    verified: int = 0
    rework: int = 0
    closed: int = 0
    ended_otherwise: int = 0
    given_up: int = 0
    open: int = 0
    retries: int = 0
    reconnects: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    elapsed: float = 0.0

    @property
    def ended(self) -> int:
        """Reports whose story is over: merged, or with a case that is closed, rejected or voided."""
        return self.merged + self.closed + self.ended_otherwise + self.given_up
