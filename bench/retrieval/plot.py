"""A scatter plot as SVG, readable on a light and on a dark page, drawn without a library."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor

WIDTH, HEIGHT = 900, 560
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 190, 30, 60
_LINE = 15
"""Height of a label, in pixels: two closer than that would lie over each other."""


@dataclass(frozen=True, slots=True)
class Point:
    """One variant."""

    name: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class _Axis:
    low: float
    step: float
    count: int
    start: float
    length: float

    def place(self, value: float) -> float:
        return self.start + self.length * (value - self.low) / (self.step * self.count)

    def ticks(self) -> Iterator[float]:
        for number in range(self.count + 1):
            yield self.low + number * self.step


def scatter(points: Sequence[Point], *, across: str, up: str) -> str:
    """The plot of ``points``, the first of which is emphasised; ``across`` and ``up`` name the axes."""
    horizontal = _axis([0.0, *(p.x for p in points)], _LEFT, WIDTH - _LEFT - _RIGHT)
    vertical = _axis([p.y for p in points], HEIGHT - _BOTTOM, _TOP + _BOTTOM - HEIGHT)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">',
        f"<title>{escape(up)} against {escape(across)}</title>",
        '<g font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        *_grid(horizontal, vertical),
        *_labelled(points, horizontal, vertical),
        f'<text x="{(_LEFT + WIDTH - _RIGHT) / 2}" y="{HEIGHT - 14}" text-anchor="middle">{escape(across)}</text>',
        f'<text transform="translate(18 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(up)}</text>',
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _axis(values: Sequence[float], start: float, length: float) -> _Axis:
    low, high = min(values), max(values)
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if (high - low) / s <= 10)
    bottom = floor(low / step) * step
    return _Axis(bottom, step, max(1, ceil((high - bottom) / step)), start, length)


def _grid(horizontal: _Axis, vertical: _Axis) -> Iterator[str]:
    for value in horizontal.ticks():
        x = horizontal.place(value)
        yield f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{HEIGHT - _BOTTOM}" stroke="#e3e3e3"/>'
        yield f'<text x="{x:.1f}" y="{HEIGHT - _BOTTOM + 18}" text-anchor="middle" fill="#444">{value:g}</text>'
    for value in vertical.ticks():
        y = vertical.place(value)
        yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#e3e3e3"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#444">{value:g}</text>'


def _labelled(points: Sequence[Point], horizontal: _Axis, vertical: _Axis) -> Iterator[str]:
    """Labels stand right of their points, pushed down where they would lie over one another."""
    taken: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda p: -p.y):
        x, y = horizontal.place(point.x), vertical.place(point.y)
        label = y
        while any(abs(label - other) < _LINE and abs(x - left) < 240 for left, other in taken):
            label += 1
        taken.append((x, label))
        first = point is points[0]
        colour, weight = ("#b3261e", "bold") if first else ("#1f5f99", "normal")
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{6 if first else 4}" fill="{colour}"/>'
        if label - y > 2:
            yield f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{x + 9:.1f}" y2="{label:.1f}" stroke="#999"/>'
        yield (
            f'<text x="{x + 11:.1f}" y="{label + 4:.1f}" font-weight="{weight}" fill="{colour}">'
            f"{escape(point.name)}</text>"
        )
