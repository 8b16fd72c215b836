"""`make bench`: every row, or one (`make bench ONLY=c`), then docs/performance.md and its chart from what is known.

`make bench-scale`: those that need a large store.
"""

import argparse
import importlib
import os
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime

import uvloop

from deploy.kafka.broker import BrokerTrouble
from services.city.trouble import Trouble
from tests.bench.measure import BenchTrouble, Figure, Result
from tests.bench.page import Page, number

ROWS = {
    "a": "a_single_report",
    "b": "b_batch",
    "c": "c_whole_chain",
    "d": "d_latency",
    "e": "e_lifecycles",
    "f": "f_streams",
    "g": "g_footprint",
    "h": "h_taxes",
    "i": "i_clocks",
    "j": "j_queue",
    "k": "k_situation",
    "l": "l_bulk",
    "m": "m_history",
    "n": "n_areas",
    "o": "o_components",
    "p": "p_open311",
}
# Outside the fifteen minutes of `make bench`: what they are measured on is built first (`make bench-scale`).
APART = {"s": "s_scale", "t": "t_big_city"}


async def measure(row: str) -> Result:
    module = importlib.import_module(f"tests.bench.{(ROWS | APART)[row]}")
    print(f"bench {row}: {module.TITLE}", flush=True)
    began = time.monotonic()
    result: Result = await module.run()
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    return replace(result, seconds=time.monotonic() - began, load=os.getloadavg()[0], day=day)


def _line(figure: Figure) -> str:
    low, high = figure.spread
    verdict = "" if figure.reached is None else ("reached" if figure.reached else "NOT reached")
    spread = f"[{number(low)} to {number(high)}]"
    return (
        f"  {figure.name:46} {number(figure.median):>8} {figure.unit:10} {spread:20} {figure.target} {verdict}".rstrip()
    )


def main() -> int:
    known = ROWS | APART
    parser = argparse.ArgumentParser(description="Measure this house beside its ceilings.")
    parser.add_argument("rows", nargs="*", help=f"which of {' '.join(known)}; none: all but {' '.join(APART)}")
    rows = "".join(parser.parse_args().rows) or "".join(ROWS)
    if unknown := sorted(set(rows) - set(known)):
        parser.error(f"there is no row {', '.join(unknown)}; rows are {' '.join(known)}")
    page = Page.read()
    for row in known:
        if row not in rows:
            continue
        try:
            result = uvloop.run(measure(row))
        except (BenchTrouble, BrokerTrouble, Trouble) as trouble:
            print(f"bench {row}: {trouble}", file=sys.stderr)
            return 1
        page.put(result)
        page.write()
        for figure in result.figures:
            print(_line(figure), flush=True)
        print(f"  {result.seconds:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
