"""Small charts for asset metadata: SVG as text, shown in Markdown as a picture without any file or script."""

import base64
from collections.abc import Iterable, Sequence
from html import escape

import dagster as dg

WIDTH, LABEL, ROW, BAR = 680, 150, 22, 14
COLOUR, SECOND = "#4f46e5", "#f59e0b"
STYLE = "font-family='sans-serif' font-size='12' fill='#334155'"


def bars(title: str, values: Sequence[tuple[str, float]], unit: str = "") -> str:
    """Horizontal bars from 0, one for each (label, value), with the value behind."""
    longest = max((value for _, value in values), default=0) or 1
    left = max(LABEL, *(7 * len(label) for label, _ in values)) if values else LABEL
    rows = []
    for number, (label, value) in enumerate(values):
        y, width = ROW * (number + 1), (WIDTH - left - 90) * value / longest
        rows.append(_label(label, y, left))
        rows.append(f"<rect x='{left}' y='{y + 4}' width='{max(width, 0):.1f}' height='{BAR}' fill='{COLOUR}'/>")
        rows.append(f"<text x='{left + width + 6:.1f}' y='{y + 15}' {STYLE}>{value:,.6g}{escape(unit)}</text>")
    return _svg(title, rows, len(values))


def pairs(title: str, names: tuple[str, str], values: Sequence[tuple[str, float, float]]) -> str:
    """Two bars from 0 for each (label, first, second), below one another; ``names`` says what each colour is."""
    longest = max((max(first, second) for _, first, second in values), default=0) or 1
    rows = []
    for number, (label, *both) in enumerate(values):
        y = ROW * (number + 1)
        rows.append(_label(label, y))
        for value, top, colour in zip(both, (y + 2, y + 11), (COLOUR, SECOND), strict=True):
            width = (WIDTH - LABEL - 110) * max(value, 0) / longest
            rows.append(f"<rect x='{LABEL}' y='{top}' width='{width:.1f}' height='8' fill='{colour}'/>")
        x = LABEL + (WIDTH - LABEL - 110) * max(*both, 0) / longest + 6
        text = " / ".join(f"{value:,.3g}" for value in both)
        rows.append(f"<text x='{x:.1f}' y='{y + 15}' {STYLE}>{text}</text>")
    for name, at, colour in zip(names, (WIDTH - 230, WIDTH - 110), (COLOUR, SECOND), strict=True):
        rows.append(f"<rect x='{at}' y='5' width='10' height='10' fill='{colour}'/>")
        rows.append(f"<text x='{at + 14}' y='15' {STYLE}>{escape(name)}</text>")
    return _svg(title, rows, len(values))


def intervals(title: str, values: Sequence[tuple[str, float, float, float]]) -> str:
    """A point with its interval for each (label, value, low, high), on a scale from the lowest low to 1."""
    left = min((low for _, _, low, _ in values), default=0.0)
    scale = (WIDTH - LABEL - 170) / max(1 - left, 1e-9)
    rows = []
    for number, (label, value, low, high) in enumerate(values):
        y = ROW * (number + 1)
        a, x, b = (LABEL + 4 + scale * (at - left) for at in (low, value, high))
        rows.append(_label(label, y))
        rows.append(f"<line x1='{a:.1f}' x2='{b:.1f}' y1='{y + 11}' y2='{y + 11}' stroke='{COLOUR}'/>")
        rows.append(f"<circle cx='{x:.1f}' cy='{y + 11}' r='4' fill='{COLOUR}'/>")
        text = f"{value:.4f} ({low:.4f}–{high:.4f})"
        rows.append(f"<text x='{WIDTH - 148}' y='{y + 15}' {STYLE}>{text}</text>")
    return _svg(title, rows, len(values))


def pictures(charts: Iterable[str]) -> dg.MarkdownMetadataValue:
    """Charts below one another, as metadata that the UI shows."""
    encoded = [base64.b64encode(chart.encode()).decode() for chart in charts]
    return dg.MetadataValue.md("\n\n".join(f"![chart](data:image/svg+xml;base64,{image})" for image in encoded))


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MarkdownMetadataValue:
    """A Markdown table as metadata."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(str(value).replace("|", "\\|") for value in row) + " |" for row in rows]
    return dg.MetadataValue.md("\n".join(lines))


def _label(text: str, y: int, left: int = LABEL) -> str:
    return f"<text x='{left - 6}' y='{y + 15}' text-anchor='end' {STYLE}>{escape(text)}</text>"


def _svg(title: str, rows: list[str], count: int) -> str:
    heading = f"<text x='4' y='15' {STYLE} font-weight='bold'>{escape(title)}</text>"
    size = f"width='{WIDTH}' height='{ROW * (count + 1) + 8}'"
    white = "<rect width='100%' height='100%' fill='white'/>"
    return f"<svg xmlns='http://www.w3.org/2000/svg' {size}>{white}{heading}{''.join(rows)}</svg>"
