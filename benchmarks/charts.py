"""Two pictures of a run as SVG: a line for each engine, named where it ends.

Both axes are logarithmic. A picture is a light card of its own, so it can be read on light and
dark pages alike. No library draws it: an axis, some lines and a column of names that keep their
distance are all there is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, Literal
from xml.sax.saxutils import escape

import attrs

WIDTH: Final = 1000
HEIGHT: Final = 520
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 344, 84, 68
_LINE_HEIGHT: Final = 18
_LONGEST_NAME: Final = 34
_INK, _SOFT, _GRID, _FAINT = "#1f2328", "#59636e", "#d1d9e0", "#e6eaee"
_FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
# Told apart by people who see few colours, too; ours is the first, floors are grey.
_COLOURS: Final = (
    "#0f766e",
    "#c2410c",
    "#7c3aed",
    "#be185d",
    "#4d7c0f",
    "#a16207",
    "#0e7490",
    "#9f1239",
    "#a21caf",
    "#57534e",
    "#854d0e",
    "#166534",
)
_TONES: Final = {"ours": "#1d4ed8", "variant": "#5b8def", "floor": "#6b7280"}

Point = tuple[float, float]


@attrs.frozen(kw_only=True)
class Series:
    """One line of a chart: its points in the order of x, and its role.

    The store of this project is "ours", with other settings a "variant"; floors are dashed, grey.
    """

    label: str
    points: tuple[Point, ...]
    role: Literal["ours", "variant", "floor", "other"] = "other"


@attrs.frozen(kw_only=True)
class Chart:
    """What a picture says beside its lines. Ticks of x are the values that were measured."""

    title: str
    subtitle: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]


def render(chart: Chart) -> str:
    """The picture, without lines of a single point. Raises ValueError when there is no other."""
    series = [line for line in chart.series if len(line.points) > 1]
    if not series:
        raise ValueError("no engine has a figure for this picture")
    xs = sorted({x for line in series for x, _ in line.points})
    ys = [y for line in series for _, y in line.points]
    across = _Scale(xs[0], xs[-1], _LEFT, WIDTH - _RIGHT)
    ticks = _ticks(min(ys), max(ys))
    up = _Scale(ticks[0], ticks[-1], HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" font-family="{_FONT}">',
        f"<title>{escape(chart.title)}</title>",
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="10" '
        f'fill="#ffffff" stroke="{_GRID}"/>',
        _text(28, 36, chart.title, size=18, weight=600),
        _text(28, 58, chart.subtitle, size=13, fill=_SOFT),
        *_axes(chart, across, up, xs, ticks),
        *_lines(series, across, up),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


@attrs.frozen
class _Scale:
    """From a value to a place, logarithmically."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        if self.low == self.high:
            return (self.start + self.end) / 2
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)


def _ticks(low: float, high: float) -> list[float]:
    """Round values from at most `low` to at least `high`: 1, 2, 5, 10 ... or only 1, 10, 100 ..."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    fine = [
        step * 10.0**power for power in range(first, max(last, first + 1)) for step in (1, 2, 5)
    ]
    fine.append(10.0 ** max(last, first + 1))
    start = max(index for index, tick in enumerate(fine) if tick <= low * (1 + 1e-9))
    end = min(index for index, tick in enumerate(fine) if tick >= high * (1 - 1e-9))
    chosen = fine[start : max(end, start + 1) + 1]
    if len(chosen) <= 7:
        return chosen
    # The ends stay where they are; between them only the powers of ten get a line.
    inner = [tick for tick in chosen[1:-1] if math.isclose(math.log10(tick) % 1, 0, abs_tol=1e-9)]
    return [chosen[0], *inner, chosen[-1]]


def _axes(
    chart: Chart, across: _Scale, up: _Scale, xs: Sequence[float], ticks: Sequence[float]
) -> list[str]:
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    parts = []
    for tick in ticks:
        y = up(tick)
        parts.append(_rule(_LEFT, y, right, y, _GRID if tick == ticks[0] else _FAINT))
        parts.append(_text(_LEFT - 10, y + 4, _number(tick), anchor="end", fill=_SOFT))
    for x in xs:
        parts.append(_rule(across(x), bottom, across(x), bottom + 5, _GRID))
        parts.append(_text(across(x), bottom + 21, _number(x), anchor="middle", fill=_SOFT))
    middle = (_LEFT + right) / 2
    parts.append(_text(middle, HEIGHT - 18, chart.x_label, size=13, anchor="middle"))
    height = (_TOP + bottom) / 2
    turned = f' transform="rotate(-90 24 {height:.1f})"'
    parts.append(_text(24, height, chart.y_label, size=13, anchor="middle", more=turned))
    return parts


def _lines(series: Sequence[Series], across: _Scale, up: _Scale) -> list[str]:
    """The lines, ours on top, and their names to the right, apart from each other."""
    colours = iter(_COLOURS * (len(series) // len(_COLOURS) + 1))
    ends: list[tuple[float, float, str, Series]] = []
    below: list[str] = []
    above: list[str] = []
    for line in series:
        colour = _TONES.get(line.role) or next(colours)
        places = [(across(x), up(y)) for x, y in line.points]
        width = 3.5 if line.role == "ours" else 2
        dashes = ' stroke-dasharray="6 4"' if line.role == "floor" else ""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        into = above if line.role == "ours" else below
        into.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}" '
            f'stroke-linejoin="round"{dashes}/>'
        )
        into += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{width + 0.5}" fill="{colour}"/>'
            for x, y in places
        ]
        ends.append((*places[-1], colour, line))
    ends.sort(key=lambda end: end[1])
    names = spread([y for _, y, _, _ in ends], _LINE_HEIGHT, _TOP, HEIGHT - _BOTTOM)
    label_x = WIDTH - _RIGHT + 30
    for (x, y, colour, line), place in zip(ends, names, strict=True):
        below.append(_rule(x + 6, y, label_x - 6, place, colour, opacity=0.35))
        look: dict[str, Any] = {"fill": colour, "weight": 700 if line.role == "ours" else 500}
        name = line.label
        if len(name) > _LONGEST_NAME:
            name = name[: _LONGEST_NAME - 1] + "…"
        above.append(_text(label_x, place + 4, name, kind="label", **look))
        last = _number(line.points[-1][1])
        above.append(_text(WIDTH - 24, place + 4, last, anchor="end", kind="value", **look))
    return below + above


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places in ascending order, moved as little as it takes to be `gap` apart within bounds.

    When they cannot all fit they go on beyond `high`.
    """
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap if moved else low))
    # Labels beyond the end are moved back, and push back those before them.
    limit = max(high, low + gap * (len(moved) - 1))
    for index in range(len(moved) - 1, -1, -1):
        moved[index] = min(moved[index], limit)
        limit = moved[index] - gap
    return moved


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _rule(x1: float, y1: float, x2: float, y2: float, stroke: str, opacity: float = 1) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" '
        f'stroke-opacity="{opacity}"/>'
    )


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 12,
    weight: int = 400,
    fill: str = _INK,
    anchor: str = "start",
    kind: str = "note",
    more: str = "",
) -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" '
        f'fill="{fill}" text-anchor="{anchor}"{more}>{escape(text)}</text>'
    )
