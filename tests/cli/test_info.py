"""`edge-effnet info`."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from edge_effnet.cli.main import run


def test_a_single_variant_is_shown_stage_by_stage(capsys):
    """Nine stages of B0 with operator, resolution, channels, layers, and the exact totals below."""
    assert run(["info", "b0"]) == 0
    out = capsys.readouterr().out
    rows = [
        [cell.strip() for cell in line.strip("│").split("│")] for line in out.splitlines() if line[0] == "│"
    ]
    assert rows[3][:5] == ["4", "MBConv6 k5 + SE", "56", "40", "2"]
    assert rows[-1][:5] == ["", "total", "", "", "18"]
    assert "5,330,571 parameters (5,288,548 trainable), 385,814,752 multiply-adds" in out
    assert "next: edge-effnet convert --model b0 --int8" in out


def test_several_variants_stand_side_by_side(capsys):
    """One row for each stage, with the cells of both."""
    assert run(["info", "b0", "lite0"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    cells = [cell.strip() for cell in rows[2].strip("│").split("│")]
    assert cells[:2] == ["3", "MBConv6 k3 + SE"]
    assert cells[8] == "MBConv6 k3"
    assert len(rows) == 10


def test_a_narrow_terminal_gets_the_variants_below_each_other(capsys, monkeypatch):
    """The columns keep their width; stages of the variants alternate."""
    monkeypatch.setattr("edge_effnet.cli.info._terminal_columns", lambda: 100)
    assert run(["info", "b0", "v2-b0"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    names = [row.strip("│").split("│")[1].strip() for row in rows]
    assert names == ["b0", "v2-b0"] * 8 + ["b0", "b0", "v2-b0"]
    assert max(map(len, rows)) <= 100


def test_json_holds_every_stage_and_the_sources(capsys):
    """One document, also for several variants."""
    assert run(["info", "b0", "edgetpu-s", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in record["variants"]] == ["b0", "edgetpu-s"]
    b0 = record["variants"][0]
    assert b0["published"]["top1"] == 77.1
    assert [stage["channels"] for stage in b0["stages"]] == [32, 16, 24, 40, 80, 112, 192, 320, 1280]
    assert set(b0["stages"][0]) == {
        "number", "operator", "squeeze_excite", "resolution_px", "channels", "layers", "parameters",
        "trainable_parameters", "macs", "activation_bytes",
    }  # fmt: skip
    assert record["diagram"] is None


def test_phi_scales_from_the_baseline_of_the_family(capsys):
    """B3 with phi 1 is B0 scaled by the paper's constants, and no published figure is claimed for it."""
    assert run(["info", "b3", "--phi", "1", "--json"]) == 0
    one = json.loads(capsys.readouterr().out)["variants"][0]
    assert (one["width"], one["depth"], one["resolution_px"]) == pytest.approx((1.1, 1.2, 258))
    assert one["published"] is None


def test_width_depth_and_resolution_replace_the_variants_own(capsys):
    """B0 with B2's coefficients is B2."""
    assert run(["info", "b0", "--width", "1.1", "--depth", "1.2", "--resolution", "260", "--json"]) == 0
    one = json.loads(capsys.readouterr().out)["variants"][0]
    assert (one["parameters"], one["macs"]) == (9_177_569, 993_561_872)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bo"], "did you mean"),
        (["b0", "lite9"], "did you mean"),
        (["b0", "--phi", "1", "--width", "2"], "--phi already sets width and depth"),
        (["b0", "--resolution", "16"], "32 px or more"),
        (["b0", "--phi", "1e9"], "phi is out of range"),
        (["b0", "--width", "nan"], "the width is out of range"),
        ([], "MODEL"),
    ],
)
def test_a_wrong_argument_is_a_usage_error_that_says_what_to_do(capsys, arguments, words):
    """Exit code 2, nothing on stdout."""
    assert run(["info", *arguments]) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""


def test_the_diagram_is_written_once(tmp_path, capsys):
    """An SVG with each variant; a second run needs --force."""
    path = tmp_path / "out.svg"
    assert run(["info", "b0", "v2-b0", "--diagram", str(path)]) == 0
    assert f"diagram: {path}" in capsys.readouterr().out
    root = ET.parse(path).getroot()  # noqa: S314  (our own file)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    before = path.read_bytes()
    assert run(["info", "b3", "--diagram", str(path)]) == 2
    captured = capsys.readouterr()
    assert "--force" in captured.err
    assert captured.out == ""
    assert path.read_bytes() == before
    assert run(["info", "b3", "--diagram", str(path), "--force"]) == 0
    assert path.read_bytes() != before


def test_the_diagram_is_named_in_the_json(tmp_path, capsys):
    """The document on stdout stays one document."""
    path = tmp_path / "out.svg"
    assert run(["info", "b0", "--json", "--diagram", str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["diagram"] == str(path)
