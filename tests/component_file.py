"""A file of components of any length, all twenty columns filled, spread over the pack's grids as a census goes: grid by
grid.

`python -m tests.component_file 1400000 components.csv` writes one for a measurement by hand.
"""

import csv
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import shapely.geometry
from shapely import Polygon

from services.intake.components.kinds import kind_names
from shared.packs import Pack, load
from shared.packs.geography import areas

HEADER = (
    "code", "lon", "lat", "name", "state", "area", "authority", "authority_name", "owner", "owner_name", "maintainer",
    "maintainer_name", "surveyed_on", "changed_on", "data_source", "note", "former_code", "attributes.material",
    "attributes.condition", "attributes.address",
)  # fmt: skip
# Lamps, trees and covers are most of what stands in a street: a few kinds have most of the components.
COMMON = ("01037", "04002", "01002", "01003", "01004", "01007", "02021", "03005")


class Drawn(NamedTuple):
    """A grid with its shape."""

    path: str
    shape: Polygon


def _grids_of(pack: Pack) -> list[Drawn]:
    level = pack.levels[-1].key
    return [Drawn(str(area.path), shapely.geometry.shape(area.geometry)) for area in areas(pack) if area.level == level]


def former_code(kind: str, serial: int) -> str:
    """The code before 2026, whose minor class had two digits: a kind with three, as local ones have, has none."""
    return f"110108{kind[:2]}{kind[3:]}{serial:06}" if kind[2] == "0" else ""


def components(
    count: int, pack_name: str = "haidian", seed: int = 1, drawn: Sequence[Drawn] = ()
) -> Iterator[list[str]]:
    """`count` rows in the order of `HEADER`, the same for the same seed; in the pack's grids or those of `drawn`."""
    pack, chance = load(pack_name), random.Random(seed)
    grids = drawn or _grids_of(pack)
    names = kind_names(pack)
    kinds = [*names]
    serials: Counter[str] = Counter()
    for n, (path, shape) in enumerate(grids):
        west, south, east, north = shape.bounds
        middle = shape.centroid
        shapely.prepare(shape)
        for _ in range(count * (n + 1) // len(grids) - count * n // len(grids)):
            kind = chance.choice(COMMON) if chance.random() < 0.7 else chance.choice(kinds)
            serials[kind] += 1
            owned = chance.random() < 0.8
            lon = round(middle.x + (east - west) * chance.uniform(-0.4, 0.4), 7)
            lat = round(middle.y + (north - south) * chance.uniform(-0.4, 0.4), 7)
            if not shapely.contains_xy(shape, lon, lat):
                lon, lat = middle.x, middle.y
            yield [
                f"110108{kind}{serials[kind]:06}",
                f"{lon:.7f}",
                f"{lat:.7f}",
                names[kind],
                chance.choice(("完好", "完好", "完好", "破损", "丢失")),
                path,
                "91110108MA00000001",
                "海淀区城市管理委员会",
                f"91110108MA{chance.randrange(200):08}" if owned else "",
                "某权属单位有限公司" if owned else "权属不明",
                f"91110108MB{chance.randrange(100):08}",
                "某养护单位有限公司",
                "20240301",
                "2025-06-30",
                "实测",
                "普查时已核对现场照片",
                former_code(kind, serials[kind]),
                chance.choice(("铸铁", "复合材料", "钢", "混凝土")),
                str(chance.randrange(1, 6)),
                f"某路 {chance.randrange(1, 400)} 号门前",
            ]


def write(path: Path, count: int, pack: str = "haidian", drawn: Sequence[Drawn] = ()) -> None:
    """A CSV file of `count` components, in the pack's grids or in those of `drawn`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(components(count, pack, drawn=drawn))


if __name__ == "__main__":
    write(Path(sys.argv[2]), int(sys.argv[1]))
