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
_STYLE: Final = """
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1040px; color: #222 }
svg { width: 100%; border: 1px solid #ccc; background: #fafafa }
path { vector-effect: non-scaling-stroke } .area { fill: #fff; stroke: #999; stroke-width: .6 }
.above { fill: none; stroke: #333; stroke-width: 1.4 }
circle { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke }
table { border-collapse: collapse; width: 100% }
td, th { border-bottom: 1px solid #ddd; padding: .25rem .5rem; text-align: left }
td.size { text-align: right; white-space: nowrap } .noted { color: #777 }
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
    for (number, finding), spot in zip(marked, spots, strict=True):
        colour = _COLOURS.get(finding.kind, "#0958d9")
        hint = f"<title>{number}: {escape(finding.message)}</title>"
        if spot is not None:
            lines.append(draw(spot, "", f' fill="{colour}" fill-opacity=".45" stroke="{colour}"'))
        if finding.at is not None:
            x, y = (finding.at.lon - west) * scale * narrow, (north - finding.at.lat) * scale
            lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" stroke="{colour}">{hint}</circle>')
    across = (east - west) * METRES * narrow / 1000
    note = f"; {left_out:,} more are not drawn" if left_out else ""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" xmlns="http://www.w3.org/2000/svg">{"".join(lines)}</svg>'
        f"<p>{across:,.1f} km across; north is up 上北{note}.</p>"
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
    head = "<tr><th></th><th>类型</th><th>说明</th><th>面积</th><th>位置</th><th>行</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>" + (f"<p>{left:,} more 其余未列.</p>" if left > 0 else "")
