"""The drawing: well-formed, complete, and showing what differs."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from edge_effnet.variants.cost import cost
from edge_effnet.variants.diagram import draw
from edge_effnet.variants.scale import architecture
from edge_effnet.variants.table import VARIANTS

SVG = "{http://www.w3.org/2000/svg}"
SIZES_PX = {"name": 26, "sub": 13, "title": 14, "small": 10}


def drawing(*names):
    """Return the root of the drawing of variants."""
    archs = [architecture(VARIANTS[name]) for name in names]
    return ET.fromstring(draw([(arch, cost(arch)) for arch in archs]))  # noqa: S314  (our own text)


def words(element):
    """Return every line of text in an element."""
    return ["".join(one.itertext()) for one in element.iter(f"{SVG}text")]


def stages(root):
    """Return the groups that draw a stage, by id."""
    return {one.get("id"): one for one in root.iter(f"{SVG}g") if one.get("class") == "stage"}


def differing(element):
    """Return the texts that are marked as differing."""
    return {"".join(one.itertext()) for one in element.iter() if "differs" in one.get("class", "").split()}


@pytest.mark.parametrize("name", VARIANTS)
def test_every_stage_of_every_variant_is_drawn(name):
    """Stem, one group for each stage with its channels and repeats, head with the classes."""
    found = stages(drawing(name))
    table = cost(architecture(VARIANTS[name])).stages
    body = [one for one in found if "-block" in one]
    assert len(body) == len(table) - 2
    for row, stage in zip(body, table[1:-1], strict=True):
        assert f"\N{MULTIPLICATION SIGN} {stage.layers}" in words(found[row])
        assert any(line.endswith(f"\N{MULTIPLICATION SIGN} {stage.channels}") for line in words(found[row]))
    assert f"{name}-1-stem" in found
    assert "1000 logits" in words(found[f"{name}-1-head"])


def test_a_single_variant_has_nothing_marked():
    """There is nothing to differ from."""
    root = drawing("b0")
    assert not differing(root)
    assert not [one for one in root.iter(f"{SVG}rect") if one.get("fill") == "#fef3c7"]


def test_what_lite_lacks_is_marked():
    """Beside Lite0, B0's squeeze-and-excite and activation are marked; its kernels and channels are not."""
    marked = differing(drawing("b0", "lite0"))
    assert {"squeeze-excite", "swish", "relu6"} <= marked
    assert not {"depthwise", "expand \N{MULTIPLICATION SIGN}6"} & marked


def test_heads_stand_in_one_row_whatever_the_number_of_stages():
    """A variant with fewer stages has a free row, so that heads can be compared."""
    found = stages(drawing("b0", "v2-b0"))
    height = {name: float(found[name].find(f"{SVG}rect").get("y")) for name in ("b0-1-head", "v2-b0-2-head")}
    assert height["b0-1-head"] == height["v2-b0-2-head"]
    assert "b0-1-block7" in found
    assert "v2-b0-2-block7" not in found


def test_the_same_variant_twice_has_ids_of_its_own():
    """An id occurs once in a document."""
    ids = [one.get("id") for one in drawing("b0", "b0").iter() if one.get("id")]
    assert len(ids) == len(set(ids)) == 18


@pytest.mark.parametrize(
    "names", [("b0",), ("b0", "b3"), ("b7", "v2-l", "edgetpu-l"), ("b0", "lite0", "v2-b0", "b7")]
)
def test_everything_lies_inside_the_picture(names):
    """No box or line of text reaches over the edge, the legend included."""
    root = drawing(*names)
    _, _, width, height = (float(side) for side in root.get("viewBox").split())
    for element, left, top in placed(root, 0.0, 0.0):
        right = left + (
            float(element.get("width", "0")) if element.tag == f"{SVG}rect" else text_width(element)
        )
        assert 0 <= left <= right <= width
        assert 0 <= top <= top + float(element.get("height", "0")) <= height


def test_the_title_line_of_a_box_has_room_for_its_widest_words():
    """Title, shares and repeats of V2-L, whose figures are long, do not run into each other."""
    for stage in stages(drawing("v2-l", "b7")).values():
        lines = list(stage.iter(f"{SVG}text"))[:4]
        title, repeats, parameters, macs = ((one, float(one.get("x"))) for one in lines)
        assert title[1] + text_width(title[0]) < parameters[1] - 42
        assert parameters[1] + text_width(parameters[0]) < macs[1] - 42
        assert macs[1] + text_width(macs[0]) < repeats[1] - text_width(repeats[0])


@pytest.mark.parametrize("names", [("b0",), ("b0", "b3")])
def test_the_entries_of_the_legend_have_room(names):
    """Each line of text ends before the next entry's icon."""
    for row in [one for one in drawing(*names).iter(f"{SVG}g") if one.get("class") == "legend"]:
        starts = [left for one, left, _ in placed(row, 0.0, 0.0) if one.tag == f"{SVG}text"]
        widths = [text_width(one) for one in row.iter(f"{SVG}text")]
        assert all(
            left + width < after - 28 for left, width, after in zip(starts, widths, starts[1:], strict=False)
        )


def placed(element, left, top):
    """Yield each box and text with its absolute place; scaled icons are left out."""
    moved = re.match(r"translate\(([\d.]+) ([\d.]+)\)", element.get("transform", ""))
    if moved:
        left, top = left + float(moved[1]), top + float(moved[2])
    if element.get("x") is not None:
        yield element, left + float(element.get("x")), top + float(element.get("y"))
    for child in element:
        if not child.get("transform", "").startswith("scale"):
            yield from placed(child, left, top)


def text_width(element):
    """Return the width of a text, or of its longer half where it is centred, in a wide typeface."""
    kind = element.get("class", "").split()
    size = next((points for name, points in SIZES_PX.items() if name in kind), 11)
    share = 0.69 if {"title", "name", "differs"} & set(kind) else 0.6
    if element.tag != f"{SVG}text":
        return 0.0
    return share * size * len("".join(element.itertext())) * (0.5 if "middle" in kind else 1)


def test_the_drawing_needs_nothing_outside_itself():
    """No link, script or font is loaded."""
    text = draw([((arch := architecture(VARIANTS["b0"])), cost(arch))])
    assert "href" not in text
    assert "url(" not in text
    assert "<script" not in text
