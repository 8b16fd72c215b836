"""`wangge serve` as the fault runner starts it: the same program, with places at which it can be made to die.

Nothing of this is a setting of the product. `CHAOS_SEAMS` names a folder; a file in it, named like a seam, kills the
process with SIGKILL when it next passes there. `CHAOS_MUTANT` breaks one promise on purpose: the oracle has to notice.
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from shared.bus.inbox import Slice
from shared.bus.kafka import producer
from shared.bus.kafka.source import KafkaSource

AFTER_PUBLISH = "after-publish-before-delete"
AFTER_COMMIT = "after-transaction-before-offset"
# A case that nobody accepts is warned of after 48 s and overdue after 60 s, so that clocks fire within a run.
ACCEPT_LIMIT = {"amount": 1, "unit": "urgent_minute"}


def armed(name: str) -> bool:
    """Whether the seam `name` was asked for; asking is used up."""
    marker = Path(os.environ["CHAOS_SEAMS"], name)
    if not marker.exists():
        return False
    marker.unlink()
    return True


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def install_seams() -> None:
    """Between the broker's acks and the outbox's delete; between a batch's commit and anything that follows it."""
    delete, applied = producer._delete, KafkaSource.applied

    def dying_delete(schema: str) -> str:
        if armed(AFTER_PUBLISH):
            die()
        return delete(schema)

    def dying_applied(self: KafkaSource, slices: Sequence[Slice]) -> None:
        if armed(AFTER_COMMIT):
            die()
        applied(self, slices)

    setattr(producer, "_delete", dying_delete)  # noqa: B010
    setattr(KafkaSource, "applied", dying_applied)  # noqa: B010


def shorten_clocks() -> None:
    """Dispatch under the pack's rules, but with the accept clock above."""
    from services.dispatch import wiring
    from shared.packs import Pack, load

    def short(name: str) -> Pack:
        pack = load(name)
        stages = pack.stage_limits
        accept = stages.accept.model_copy(update=ACCEPT_LIMIT)
        return pack.model_copy(update={"stage_limits": stages.model_copy(update={"accept": accept})})

    setattr(wiring, "load", short)  # noqa: B010


def main() -> None:
    from services.city.cli import main as wangge
    from tests.chaos.mutants import install_mutant

    install_seams()
    if "dispatch" in sys.argv:
        shorten_clocks()
    if mutant := os.environ.get("CHAOS_MUTANT"):
        install_mutant(mutant)
    wangge()


if __name__ == "__main__":
    main()
