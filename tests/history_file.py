"""A history file of any length: closed cases of three years, a few of them rejected, voided or reworked.

`python -m tests.history_file 1000000 cases.csv` writes one for a measurement by hand.
"""

import csv
import random
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from shared.packs import load

HEADER = (
    "number", "outcome", "category", "condition", "description", "source", "area", "lon", "lat", "datum", "unit",
    "reported_at", "accepted_at", "filed_at", "dispatched_at", "handled_at", "check_requested_at", "checked_at",
    "closed_at", "due_at", "rework", "filed_by", "filed_post", "dispatched_by", "dispatched_post", "handled_by",
    "handled_post",
)  # fmt: skip
WORDS = ("暴露垃圾", "道路破损", "井盖缺失, 有安全隐患", "占道经营", "路灯不亮", "污水外溢")
PLACES = ("110108.001.001.001", "110108.001.002.003", "110108.002.001.004", "110108.003.002.002")


def cases(count: int, pack_name: str = "haidian", seed: int = 1) -> Iterator[dict[str, str]]:
    """`count` rows, the same for the same seed."""
    pack, chance = load(pack_name), random.Random(seed)
    categories, units = list(pack.categories.values()), list(pack.units)
    first = datetime(2023, 1, 1, 8)
    for n in range(count):
        category = chance.choice(categories)
        outcome = chance.choices(("closed", "rejected", "voided"), (95, 3, 2))[0]
        row = {
            "number": f"YC{n:09d}",
            "outcome": outcome,
            "category": category.code,
            "description": f"{chance.choice(WORDS)}，{n} 号附近，群众反映多次",
            "source": chance.choice(("hotline", "patrol", "video", "wechat")),
        }
        if n % 4:
            row["area"] = chance.choice(PLACES)
        else:
            row |= {"lon": f"{chance.uniform(116.25, 116.33):.6f}", "lat": f"{chance.uniform(39.95, 40.03):.6f}"}
        at = first + timedelta(minutes=n % 1_400_000)
        row["reported_at"] = str(at)
        row["accepted_at"] = str(at := at + timedelta(minutes=chance.randint(1, 20)))
        if outcome == "closed":
            row |= {"condition": category.default_condition.key, "unit": chance.choice(units)}
            steps = (("filed_at", 20), ("dispatched_at", 20), ("handled_at", 4000), ("check_requested_at", 60))
            for name, most in (*steps, ("checked_at", 40)):
                row[name] = str(at := at + timedelta(minutes=chance.randint(1, most)))
            row |= {"filed_by": "li", "filed_post": "shift_leader", "dispatched_by": "wang"}
            row |= {"dispatched_post": "dispatcher", "handled_by": "zhang", "handled_post": "unit_clerk"}
            if n % 50 == 1:
                row |= {"rework": "1", "due_at": str(at)}
        row["closed_at"] = str(at + timedelta(minutes=chance.randint(1, 60)))
        yield row


def write(path: Path, count: int, pack: str = "haidian") -> None:
    """`count` cases as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HEADER, lineterminator="\n")
        writer.writeheader()
        writer.writerows(cases(count, pack))


if __name__ == "__main__":
    write(Path(sys.argv[2]), int(sys.argv[1]))
