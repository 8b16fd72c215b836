"""The chart of docs/performance.md: what must be reached as a line at 1, and how far each figure came."""

from collections.abc import Sequence
from html import escape

from tests.bench.measure import Figure, Result

_WIDTH, _LEFT, _RIGHT, _BAR, _GAP = 860, 330, 110, 18, 10
_MOST = 2.5  # times the goal; a bar that goes further ends with an arrow


def chart(rows: Sequence[Result]) -> str:
    """SVG; one bar for each figure that has a goal, as a share of it, with the spread as a thin line."""
    found = [(row.row, figure) for row in rows for figure in row.figures if figure.reached is not None]
    height = 60 + len(found) * (_BAR + _GAP)
    scale = (_WIDTH - _LEFT - _RIGHT) / _MOST
    goal = _LEFT + scale
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
        ' font-family="system-ui, sans-serif" font-size="12" role="img">',
        "<title>Figures as multiples of what they must reach</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{goal:.0f}" y="20" text-anchor="middle" fill="#333">must be reached</text>',
        f'<line x1="{goal:.0f}" x2="{goal:.0f}" y1="26" y2="{height - 20}" stroke="#333" stroke-dasharray="4 3"/>',
    ]
    for n, (letter, figure) in enumerate(found):
        parts += _bar(letter, figure, 36 + n * (_BAR + _GAP), scale)
    parts.append(
        f'<text x="{_LEFT}" y="{height - 4}" fill="#666">right of the line is better: rates over their goal, '
        "goals over times and sizes</text>"
    )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bar(letter: str, figure: Figure, top: float, scale: float) -> list[str]:
    low, high = sorted(_share(figure, each) for each in figure.spread)
    median = _share(figure, figure.median)
    colour = "#2f7d4f" if figure.reached else "#b4532a"
    middle = top + _BAR / 2

    def at(share: float) -> float:
        return _LEFT + min(share, _MOST) * scale

    size = f"{figure.median:,.4g} {escape(figure.unit)}"
    arrow = " →" if median > _MOST else ""
    return [
        f'<text x="{_LEFT - 8}" y="{middle + 4:.0f}" text-anchor="end">{letter}: {escape(figure.name)}</text>',
        f'<rect x="{_LEFT}" y="{top}" width="{at(median) - _LEFT:.1f}" height="{_BAR}" fill="{colour}"/>',
        f'<line x1="{at(low):.1f}" x2="{at(high):.1f}" y1="{middle}" y2="{middle}" stroke="#111"/>',
        f'<text x="{_WIDTH - _RIGHT + 8}" y="{middle + 4:.0f}">{size}{arrow}</text>',
    ]


def _share(figure: Figure, value: float) -> float:
    relation, _, goal = figure.target.partition(" ")
    if relation == "≥":
        return value / float(goal)
    return float(goal) / value if value else _MOST
