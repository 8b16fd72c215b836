"""A change of the areas from standard input, its answer to standard output, both as `pickle` writes them; behind the
first, which has its length before it, comes the file.
"""

import asyncio
import os
import pickle
import sys
from zoneinfo import ZoneInfo

from services.intake.api.area_work import Answer, Ask, House, Sent, carry_out
from services.intake.commands.plan_areas import carry_out_due
from services.intake.grids.change import Rules
from shared.bus.outbox import Outbox
from shared.bus.wake import Wake
from shared.http import PROBLEM_JSON, problem_response
from shared.http.problems import outage_problem
from shared.kernel.clock import utc_now
from shared.kernel.errors import Refusal
from shared.postgres import create_pool, is_outage


async def answer(dsn: str, rules: Rules, zone: ZoneInfo, ask: Ask | None) -> Answer | bool:
    """What came of `ask`; without one, whether there was a planned change to be carried out."""
    pool, outbox = await create_pool(dsn, name="intake-areas", size=2), Outbox("intake", Wake())
    try:
        if ask is None:
            return await carry_out_due(pool, outbox, utc_now, rules)
        return await carry_out(House(pool, outbox, utc_now, rules, zone), ask)
    except Refusal as refusal:
        if ask is None:
            raise
        return _refused(refusal, ask.address)
    except Exception as error:
        if ask is not None and is_outage(error):
            return _refused(outage_problem(), ask.address)
        raise
    finally:
        await pool.close()


def _refused(refusal: Refusal, address: str) -> Answer:
    response = problem_response(refusal, address)
    return Answer(response.status_code, PROBLEM_JSON, bytes(response.body), response.headers.get("retry-after"))


def main() -> None:
    os.nice(10)  # a report is answered first
    told = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever is printed goes elsewhere
    dsn, rules, zone, ask = pickle.loads(_read())  # our own process wrote it
    file = _read()
    if ask is not None and isinstance(ask.what, Sent):
        ask = ask._replace(what=ask.what._replace(content=file))
    answered = pickle.dumps(asyncio.run(answer(dsn, rules, zone, ask)))
    with told:
        told.write(len(answered).to_bytes(8) + answered)


def _read() -> bytes:
    """So many bytes as the eight before them say: a pipe ends only when the last process that inherited it does."""
    return sys.stdin.buffer.read(int.from_bytes(sys.stdin.buffer.read(8)))


if __name__ == "__main__":
    main()
