"""`wangge serve` as the fault runner starts it: the same program, with places at which it can be made to die.

Nothing of this is a setting of the product. `CHAOS_SEAMS` names a folder; a file in it, named like a seam, kills the
process with SIGKILL when it next passes there, or fails one record for as long as the file is there. `CHAOS_MUTANT`
breaks one promise on purpose: the oracle has to notice.
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from shared.bus.event import Record
from shared.bus.inbox import Inbox, Slice
from shared.bus.kafka import producer
from shared.bus.kafka.source import KafkaSource
from shared.postgres import Connection

AFTER_PUBLISH = "after-publish-before-delete"
AFTER_COMMIT = "after-transaction-before-offset"
CANNOT_APPLY = "cannot-apply-for-a-while"
# A case that nobody accepts is warned of after 48 s and overdue after 60 s, so that clocks fire within a run.
ACCEPT_LIMIT = {"amount": 1, "unit": "urgent_minute"}


def asked(name: str) -> bool:
    """Whether the seam `name` is asked for."""
    return Path(os.environ["CHAOS_SEAMS"], name).exists()


def done(name: str) -> None:
    """It was asked for, and has been done."""
    Path(os.environ["CHAOS_SEAMS"], name).unlink(missing_ok=True)


def armed(name: str) -> bool:
    """Whether the seam `name` was asked for; asking is used up."""
    if not asked(name):
        return False
    done(name)
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


def install_stumbling() -> None:
    """A handler fails with one record, the first that it is given after the asking, until the cause is mended."""
    handle = Inbox._handle

    async def stumbling(self: Inbox, connection: Connection, topic: str, records: Sequence[Record]) -> None:
        if _stumbles(topic, records):
            raise ValueError(CANNOT_APPLY)
        await handle(self, connection, topic, records)

    setattr(Inbox, "_handle", stumbling)  # noqa: B010


def _stumbles(topic: str, records: Sequence[Record]) -> bool:
    """The file says which record it is; the first who sees it empty writes that down."""
    if topic not in ("wangge.intake.reports.v1", "wangge.dispatch.cases.v1") or not asked(CANNOT_APPLY):
        return False
    names = [f"{topic} {record.subject} {record.sequence}" for record in records]
    try:
        with Path(os.environ["CHAOS_SEAMS"], CANNOT_APPLY).open("r+", encoding="utf-8") as file:
            victim = file.read()
            if not victim:
                file.write(names[0])
    except FileNotFoundError:  # mended this moment
        return False
    return (victim or names[0]) in names


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
    install_stumbling()
    if "dispatch" in sys.argv:
        shorten_clocks()
    if mutant := os.environ.get("CHAOS_MUTANT"):
        install_mutant(mutant)
    wangge()


if __name__ == "__main__":
    main()
