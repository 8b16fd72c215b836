"""A map of areas and of what is wrong with them: one HTML file with its drawing in it, without tiles and scripts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from math import cos, radians
from typing import Any, Final

import numpy as np
import shapely

from services.intake.domain.area import KIND_ZH, Finding, Kind
from services.intake.grids.measures import METRES, text_of

# A drawing of more shapes, or a table of more rows, is slow in a browser; what is left out is counted.
MOST_SHAPES: Final = 20_000
MOST_FINDINGS: Final = 1_000
WIDTH: Final = 1000
_COLOURS: Final[Mapping[Kind, str]] = {
    Kind.GAP: "#d4380d",
    Kind.OVERLAP: "#722ed1",
    Kind.SELF_CROSSING: "#c41d7f",
    Kind.SUCCESSION: "#d48806",
}
# How much wider than the findings their close-up is, and how small a part of the map they must be to get one.
CLOSE_UP, WORTH_IT = 1.6, 0.3
_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1.5rem 1rem; max-width: 1040px; color: #222 }
h1 { font-size: 1.4rem } h2 { font-size: 1rem; margin: 1.5rem 0 .5rem }
svg { display: block; width: 100%; max-height: 85vh; border: 1px solid #ccc; background: #fafafa }
path { vector-effect: non-scaling-stroke } .area { fill: #fff; stroke: #999; stroke-width: .6 }
.above { fill: none; stroke: #333; stroke-width: 1.4 }
.spot { fill: none; stroke-width: 9; stroke-linecap: round; stroke-opacity: .8 }
.wide { overflow-x: auto; margin-top: 1.5rem } table { border-collapse: collapse; width: 100% }
td, th { border-bottom: 1px solid #ddd; padding: .25rem .5rem; text-align: left; vertical-align: top }
td:nth-child(3) { min-width: 16rem } td.size { text-align: right; white-space: nowrap } .noted { color: #666 }
"""


def picture(title: str, drawn: Mapping[str, bytes], found: Sequence[Finding]) -> str:
    """HTML that shows `drawn` (path → WKB, WGS 84) and `found`: each finding in the map where it has a place, and in
    the table with its size and place.
    """
    counts = Counter(finding.kind for finding in found)
    told = ", ".join(f"{count} {kind} {KIND_ZH[kind]}" for kind, count in counts.most_common()) or "nothing 无问题"
    parts = [
        '<!doctype html>\n<html lang="zh"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1><p>{len(drawn):,} areas drawn 区域; found 发现: {escape(told)}.</p>",
        _map(drawn, found),
        _table(found),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _map(drawn: Mapping[str, bytes], found: Sequence[Finding]) -> str:
    marked = [(n, finding) for n, finding in enumerate(found[:MOST_FINDINGS], start=1) if finding.at or finding.shape]
    shapes: Any = shapely.from_wkb([*drawn.values()])
    spots: Any = shapely.from_wkb([finding.shape for _, finding in marked])
    boxes = np.concatenate([shapely.bounds(shapes).reshape(-1, 4), shapely.bounds(spots).reshape(-1, 4)])
    boxes = boxes[~np.isnan(boxes).any(axis=1)]  # what has no shape, or is empty
    corners = boxes if len(boxes) else np.zeros((1, 4))
    west, south = np.nan_to_num(corners[:, :2].min(axis=0)).tolist()
    east, north = np.nan_to_num(corners[:, 2:].max(axis=0)).tolist()
    if not (east > west and north > south):
        return "<p>no drawing: no area has geometry 无图形</p>"
    narrow = cos(radians((south + north) / 2))
    scale = WIDTH / ((east - west) * narrow)
    height = max((north - south) * scale, 1.0)
    # Half a pixel: what is smaller than that is not seen, and a city of 10⁵ corners would be 10 MB.
    small = 0.5 / scale

    def draw(shape: Any, style: str, more: str = "") -> str:
        rings = []
        for part in shapely.get_parts(shape):
            if shapely.get_type_id(part) == 3:
                for ring in (part.exterior, *part.interiors):
                    xy = shapely.get_coordinates(ring.simplify(small))
                    points = np.round((xy - (west, north)) * (scale * narrow, -scale), 1)
                    rings.append("M" + "L".join(f"{x:g} {y:g}" for x, y in points.tolist()) + "Z")
        return f'<path class="{style}" d="{"".join(rings)}"{more}/>' if rings else ""

    depth = max((path.count(".") for path in drawn), default=0)
    lowest = [n for n, path in enumerate(drawn) if path.count(".") == depth]
    above = [n for n, path in enumerate(drawn) if path.count(".") < depth]
    left_out = max(0, len(lowest) - MOST_SHAPES)
    lines = [draw(shapes[n], "area") for n in lowest[:MOST_SHAPES]] + [draw(shapes[n], "above") for n in above]
    where: list[Any] = []
    for (number, finding), spot in zip(marked, spots, strict=True):
        colour = _COLOURS.get(finding.kind, "#0958d9")
        hint = f"<title>{number}: {escape(finding.message)}</title>"
        if spot is not None:
            lines.append(draw(spot, "", f' fill="{colour}" fill-opacity=".45" stroke="{colour}"'))
            where += ((shapely.get_coordinates(spot) - (west, north)) * (scale * narrow, -scale)).tolist()
        if finding.at is not None:
            x, y = (finding.at.lon - west) * scale * narrow, (north - finding.at.lat) * scale
            lines.append(f'<path class="spot" d="M{x:.1f} {y:.1f}h.01" stroke="{colour}">{hint}</path>')
            where.append((x, y))
    across = (east - west) * METRES * narrow / 1000
    note = f"; {left_out:,} more are not drawn" if left_out else ""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'aria-label="map 地图"><g id="map">{"".join(lines)}</g></svg>'
        f"<p>{across:,.1f} km across; north is up 上北{note}.</p>{_close_up(where, height)}"
    )


def _close_up(where: Sequence[tuple[float, float]], height: float) -> str:
    """The part of the map that has findings, drawn again, where they are too close together to be told apart."""
    if not where:
        return ""
    points = np.array(where)
    low, high = points.min(axis=0), points.max(axis=0)
    middle, reach = (low + high) / 2, (high - low).max() * CLOSE_UP / 2
    reach = max(reach, WIDTH / 100)
    if reach * 2 > WORTH_IT * max(WIDTH, height):
        return ""
    x, y = middle - reach
    return (
        f'<h2>Close-up 局部放大</h2><svg viewBox="{x:.1f} {y:.1f} {reach * 2:.1f} {reach * 2:.1f}" role="img" '
        'aria-label="close-up 局部放大"><use href="#map"/></svg>'
    )


def _table(found: Sequence[Finding]) -> str:
    if not found:
        return ""
    rows = []
    for number, finding in enumerate(found[:MOST_FINDINGS], start=1):
        size = "" if finding.size_m2 is None else f"{finding.size_m2:,.0f} m²"
        place = "" if finding.at is None else text_of(finding.at)
        style = ' class="noted"' if finding.noted else ""
        said = escape(finding.message) + (" (only noted 仅提示)" if finding.noted else "")
        rows.append(
            f"<tr{style}><td>{number}</td><td>{finding.kind} {KIND_ZH[finding.kind]}</td><td>{said}</td>"
            f'<td class="size">{size}</td><td>{place}</td><td>{escape(finding.where)}</td></tr>'
        )
    left = len(found) - len(rows)
    head = "<tr><th></th><th>类型 kind</th><th>说明 what</th><th>面积 size</th><th>位置 place</th><th>行 line</th></tr>"
    table = f'<div class="wide" tabindex="0"><table>{head}{"".join(rows)}</table></div>'
    return table + (f"<p>{left:,} more 其余未列.</p>" if left > 0 else "")
