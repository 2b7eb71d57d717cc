"""Charts are well-formed pictures, whatever the labels hold."""

import base64
import re
from xml.etree import ElementTree

from cdp_assets import charts

SVG = "{http://www.w3.org/2000/svg}"


def test_bars_are_as_long_as_their_values_say_and_labels_cannot_break_out() -> None:
    root = ElementTree.fromstring(charts.bars("<Sizes>", [("a & b", 4), ("none", 0), ("half", 2)], " %"))
    widths = [float(rect.get("width", "")) for rect in root.findall(f"{SVG}rect")[1:]]
    assert widths[1] == 0
    assert widths[0] == 2 * widths[2]
    assert {"<Sizes>", "a & b", "4 %"} <= {text.text for text in root.findall(f"{SVG}text")}


def test_pairs_have_two_bars_to_one_scale() -> None:
    root = ElementTree.fromstring(charts.pairs("Calibration", ("said", "was"), [("first", 2, 4), ("second", 0, 1)]))
    widths = [float(rect.get("width", "")) for rect in root.findall(f"{SVG}rect")[1:5]]
    assert [width / widths[1] for width in widths] == [0.5, 1, 0, 0.25]
    assert {"said", "was", "2 / 4"} <= {text.text for text in root.findall(f"{SVG}text")}


def test_a_long_label_has_its_room() -> None:
    root = ElementTree.fromstring(charts.bars("Drivers", [("days_since_the_last_visit_of_a_store", 1)]))
    label = next(text for text in root.findall(f"{SVG}text") if text.get("text-anchor") == "end")
    assert float(label.get("x", "")) >= 7 * len(label.text or "") - 7


def test_a_point_stands_between_the_ends_of_its_interval() -> None:
    root = ElementTree.fromstring(charts.intervals("F1", [("all", 0.9, 0.8, 0.95), ("sure", 1.0, 1.0, 1.0)]))
    lines, points = root.findall(f"{SVG}line"), root.findall(f"{SVG}circle")
    for line, point in zip(lines, points, strict=True):
        assert float(line.get("x1", "")) <= float(point.get("cx", "")) <= float(line.get("x2", ""))
    assert ElementTree.fromstring(charts.intervals("F1", [])) is not None


def test_pictures_and_tables_are_markdown() -> None:
    chart = charts.bars("Sizes", [("a", 1)])
    shown = charts.pictures([chart, chart]).value or ""
    images = re.findall(r"!\[chart\]\(data:image/svg\+xml;base64,([^)]+)\)", shown)
    assert [base64.b64decode(image).decode() for image in images] == [chart, chart]
    assert charts.table(("a", "b"), [(1, "x|y")]).value == "| a | b |\n|---|---|\n| 1 | x\\|y |"


def test_a_line_ends_at_its_last_value_and_breaks_where_nothing_is_known() -> None:
    root = ElementTree.fromstring(charts.lines("Sizes", [("a & b", [1, None, 4, 2]), ("empty", [None]), ("none", [])]))
    drawn = [line.get("points", "").split() for line in root.findall(f"{SVG}polyline")]
    assert [len(points) for points in drawn] == [1, 2]
    highest, last = (float(point.split(",")[1]) for point in drawn[1])
    assert highest < last
    assert {"a & b", "2  (1–4)"} <= {text.text for text in root.findall(f"{SVG}text")}


def test_what_flows_in_stands_above_the_line_and_what_flows_out_below() -> None:
    root = ElementTree.fromstring(charts.flows("Flows", ("in", "out"), [("s", [(4, 2)]), ("none", [])]))
    up, down = root.findall(f"{SVG}rect")[3:]
    middle = float(root.findall(f"{SVG}line")[0].get("y1", ""))
    assert float(up.get("y", "")) + float(up.get("height", "")) == middle == float(down.get("y", ""))
    assert float(up.get("height", "")) == 2 * float(down.get("height", ""))


def test_a_grid_is_darker_where_more_and_has_no_number_where_none_is_said() -> None:
    root = ElementTree.fromstring(charts.matrix("Shares", ["x", "<y>"], [("a", [1.0, None]), ("b", [0.0, 0.5])]))
    depths = [float(rect.get("fill-opacity", "")) for rect in root.findall(f"{SVG}rect")[1:]]
    assert depths[0] == 1
    assert depths[0] > depths[3] > depths[2] > depths[1]
    assert [text.text or "" for text in root.findall(f"{SVG}text")][1:] == ["x", "<y>", "a", "100", "", "b", "0", "50"]
