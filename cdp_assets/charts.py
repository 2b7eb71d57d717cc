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
    left = _left([label for label, _ in values])
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
    return _svg(title, [*rows, *_legend(names)], len(values))


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


def lines(title: str, values: Sequence[tuple[str, Sequence[float | None]]]) -> str:
    """A small line from 0 for each (label, values over time), each to its own scale, with its last value and its range.

    None: nothing is known of that time, and the line has a gap.
    """
    left = _left([label for label, _ in values])
    rows = []
    for number, (label, over_time) in enumerate(values):
        y, known = ROW * (number + 1), [value for value in over_time if value is not None]
        top, step = max(known, default=0) or 1, (WIDTH - left - 170) / max(len(over_time) - 1, 1)
        rows.append(_label(label, y, left))
        for run in _runs(over_time):
            points = [(left + step * place, y + ROW - 3 - (ROW - 6) * value / top) for place, value in run]
            drawn = " ".join(f"{x:.1f},{height:.1f}" for x, height in points)
            rows.append(f"<polyline points='{drawn}' fill='none' stroke='{COLOUR}' stroke-width='1.5'/>")
            rows.append(f"<circle cx='{points[-1][0]:.1f}' cy='{points[-1][1]:.1f}' r='2' fill='{COLOUR}'/>")
        if known:
            text = f"{known[-1]:,.6g}  ({min(known):,.6g}–{max(known):,.6g})"
            rows.append(f"<text x='{WIDTH - 160}' y='{y + 15}' {STYLE}>{text}</text>")
    return _svg(title, rows, len(values))


def flows(title: str, names: tuple[str, str], values: Sequence[tuple[str, Sequence[tuple[float, float]]]]) -> str:
    """Bars up and down over time for each (label, (up, down) of each time), each to its own scale, with the last."""
    left, height = _left([label for label, _ in values]), 2 * ROW
    rows = _legend(names)
    for number, (label, over_time) in enumerate(values):
        middle = ROW + height * number + height / 2
        top = max((max(both) for both in over_time), default=0) or 1
        step = (WIDTH - left - 130) / max(len(over_time), 1)
        rows.append(_label(label, int(middle) - 11, left))
        for place, both in enumerate(over_time):
            for value, colour, below in zip(both, (COLOUR, SECOND), (False, True), strict=True):
                tall = (height / 2 - 3) * value / top
                x, y = left + step * place, middle if below else middle - tall
                size = f"width='{max(step - 1, 0.5):.1f}' height='{tall:.1f}'"
                rows.append(f"<rect x='{x:.1f}' y='{y:.1f}' {size} fill='{colour}'/>")
        rows.append(f"<line x1='{left}' x2='{WIDTH - 130}' y1='{middle}' y2='{middle}' stroke='#cbd5e1'/>")
        if over_time:
            text = f"+{over_time[-1][0]:,.6g}  −{over_time[-1][1]:,.6g}"
            rows.append(f"<text x='{WIDTH - 120}' y='{middle + 4}' {STYLE}>{text}</text>")
    return _svg(title, rows, 2 * len(values))


def matrix(title: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[float | None]]]) -> str:
    """Shares from 0 to 1 in a grid, darker where more; None: left out. Headings are written from bottom to top."""
    left, height = _left([label for label, _ in rows]), 8 + 7 * max(map(len, columns), default=0)
    wide = min((WIDTH - left - 10) / max(len(columns), 1), 90)
    drawn = []
    for place, column in enumerate(columns):
        x = left + wide * (place + 0.5) + 4
        turned = f"transform='rotate(-90 {x:.1f} {ROW + height - 6})'"
        drawn.append(f"<text x='{x:.1f}' y='{ROW + height - 6}' {turned} {STYLE}>{escape(column)}</text>")
    for number, (label, shares) in enumerate(rows):
        y = height + ROW * (number + 1)
        drawn.append(_label(label, y, left))
        for place, share in enumerate(shares):
            x = left + wide * place
            depth = 0.04 if share is None else 0.06 + 0.94 * share
            cell = f"width='{wide - 1:.1f}' height='{ROW - 1}' fill='{COLOUR}' fill-opacity='{depth:.2f}'"
            drawn.append(f"<rect x='{x:.1f}' y='{y}' {cell}/>")
            text = "" if share is None else f"{100 * share:.0f}"
            colour = "white" if depth > 0.6 else "#334155" if share else "#cbd5e1"
            at = f"x='{x + wide / 2:.1f}' y='{y + 15}' text-anchor='middle'"
            drawn.append(f"<text {at} font-family='sans-serif' font-size='10' fill='{colour}'>{text}</text>")
    return _svg(title, drawn, len(rows), height)


def pictures(charts: Iterable[str]) -> dg.MarkdownMetadataValue:
    """Charts below one another, as metadata that the UI shows."""
    encoded = [base64.b64encode(chart.encode()).decode() for chart in charts]
    return dg.MetadataValue.md("\n\n".join(f"![chart](data:image/svg+xml;base64,{image})" for image in encoded))


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MarkdownMetadataValue:
    """A Markdown table as metadata."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(str(value).replace("|", "\\|") for value in row) + " |" for row in rows]
    return dg.MetadataValue.md("\n".join(lines))


def _legend(names: tuple[str, str]) -> list[str]:
    found = []
    for name, at, colour in zip(names, (WIDTH - 230, WIDTH - 110), (COLOUR, SECOND), strict=True):
        found.append(f"<rect x='{at}' y='5' width='10' height='10' fill='{colour}'/>")
        found.append(f"<text x='{at + 14}' y='15' {STYLE}>{escape(name)}</text>")
    return found


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """Places and values without the gaps between."""
    runs: list[list[tuple[int, float]]] = [[]]
    for place, value in enumerate(values):
        if value is not None:
            runs[-1].append((place, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _left(labels: Sequence[str]) -> int:
    """Room for the longest label."""
    return max([LABEL, *(7 * len(label) for label in labels)])


def _label(text: str, y: int, left: int = LABEL) -> str:
    return f"<text x='{left - 6}' y='{y + 15}' text-anchor='end' {STYLE}>{escape(text)}</text>"


def _svg(title: str, rows: list[str], count: int, more: int = 0) -> str:
    heading = f"<text x='4' y='15' {STYLE} font-weight='bold'>{escape(title)}</text>"
    size = f"width='{WIDTH}' height='{ROW * (count + 1) + 8 + more}'"
    white = "<rect width='100%' height='100%' fill='white'/>"
    return f"<svg xmlns='http://www.w3.org/2000/svg' {size}>{white}{heading}{''.join(rows)}</svg>"
