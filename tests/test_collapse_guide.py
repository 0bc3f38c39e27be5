"""The guide on B0's collapse says what its record says, and what makes the record measures what it claims to."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import typer

from edge_effnet.cli.main import app

ROOT = Path(__file__).resolve().parent.parent
sys.path += [str(ROOT / "benchmarks"), str(ROOT / "tests/quantize")]

import collapse  # noqa: E402 - the path is set above
import collapse_page as page  # noqa: E402
import collapse_plots as plots  # noqa: E402
from tiny_graphs import Feed, behind_swish, pictures  # noqa: E402

if TYPE_CHECKING:
    from edge_effnet.models.graph import Graph
    from edge_effnet.quantize.scheme import QuantizedGraph

DOCS = ROOT / "docs"
_MOST_LINES = 200


@pytest.fixture(scope="module")
def guide() -> str:
    """The guide's text."""
    return (DOCS / collapse.PAGE).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    """What was measured."""
    found: dict[str, Any] = json.loads((DOCS / collapse.DATA).read_text(encoding="utf-8"))
    return found


def _shell_lines(text: str) -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


def test_every_table_of_the_guide_is_the_one_its_record_makes(guide: str, record: dict[str, Any]) -> None:
    """Promise: a figure in the guide was measured; nobody typed it."""
    assert page.tables_of(guide) == {name: make(record) for name, make in page.TABLES.items()}


def test_every_drawing_is_the_one_its_record_makes(record: dict[str, Any]) -> None:
    """Promise: the drawings show the same figures as the tables."""
    for name, draw in plots.PLOTS.items():
        assert (DOCS / collapse.IMAGES / name).read_text(encoding="utf-8") == draw(record)


def test_the_guide_was_measured_at_full_size(record: dict[str, Any]) -> None:
    """Promise: the figures that are published are not those of a trial run on a few pictures."""
    known = record["conditions"]
    assert known["calibration"]["count"] >= 300
    assert known["labelled"]["n"] >= 1000
    assert known["held_out"] >= 64


def test_the_record_names_no_place_of_the_machine_that_measured(record: dict[str, Any]) -> None:
    """Promise: no absolute path is published."""
    assert not re.search(r'"(/|[A-Za-z]:\\)', json.dumps(record))


def test_the_guide_has_every_marker_once_and_is_short(guide: str) -> None:
    """Promise: one run fills all of it, and it can be read in one go."""
    assert sorted(page.markers_of(guide)) == sorted(page.TABLES)
    assert (
        len(guide.splitlines()) - sum(text.count("\n") for text in page.tables_of(guide).values())
        <= _MOST_LINES
    )


def test_every_drawing_is_shown_with_words_for_those_who_do_not_see_it(guide: str) -> None:
    """Promise: each image has alt text, is there, and no drawing is left unused."""
    shown = re.findall(r"!\[(.*?)\]\((.*?)\)", guide)
    assert {target for _, target in shown} == {f"{collapse.IMAGES}/{name}" for name in plots.PLOTS}
    assert all(len(words.split()) > 10 for words, _ in shown)


def test_every_link_of_the_guide_leads_somewhere(guide: str) -> None:
    """Promise: linked files exist."""
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", guide)
    assert targets
    assert all((DOCS / target).exists() for target in targets)


def test_every_command_of_the_guide_can_be_typed(guide: str) -> None:
    """Promise: verbs and options exist, and nothing that a verb requires is left out."""
    group: Any = typer.main.get_command(app)
    lines = _shell_lines(guide)
    for program, *arguments in lines:
        if program == "edge-effnet":
            verb = group.get_command(typer.Context(group), arguments[0])
            verb.make_context(arguments[0], arguments[1:])
        else:
            assert [program, arguments[0]] == ["python", "benchmarks/collapse.py"]
            collapse.parser().parse_args(arguments[1:])
    assert {line[1] for line in lines if line[0] == "edge-effnet"} >= {
        "convert",
        "eval",
        "verify",
        "tune",
        "qat",
    }


def test_a_page_without_a_marker_is_refused(guide: str, record: dict[str, Any]) -> None:
    """Promise: a table is not lost in silence."""
    with pytest.raises(ValueError, match="markers"):
        page.fill_page(guide.replace("<!-- collapse:kinds -->", ""), record)


def test_filling_a_page_changes_nothing_but_the_tables(guide: str, record: dict[str, Any]) -> None:
    """Promise: words stay as they are, and filling twice is filling once."""
    emptied = re.sub(r"(<!-- collapse:\w+ -->\n).*?(<!-- end -->)", r"\1\2", guide, flags=re.DOTALL)
    assert page.fill_page(emptied, record) == page.fill_page(guide, record)


@pytest.fixture(scope="module")
def studied() -> tuple[Graph, QuantizedGraph, np.ndarray]:
    """A network with one channel thirty times as wide as the others, on the ranges of what was seen."""
    pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")
    from edge_effnet.progress import Silent
    from edge_effnet.quantize.ptq import Settings, quantize_by_reconstruction

    graph, pixels = behind_swish("gate"), pictures(24)
    direct = Settings(refit=False, equalise=False, ranges="minmax")
    return graph, quantize_by_reconstruction(graph, Feed(pixels), direct, Silent()), pixels


def test_every_tensor_is_of_one_kind_and_rounding_more_of_them_costs_more(
    studied: tuple[Graph, QuantizedGraph, np.ndarray],
) -> None:
    """Promise: the rows of the table of kinds part the tensors, and its first row is the worst."""
    import collapse_studies as studies

    graph, quantized, pixels = studied
    kinds = studies.kinds_of(graph)
    assert set(kinds) == {node.name for node in graph.nodes}
    assert kinds["conv"] == "before swish: stem, expansions, head"
    assert kinds["first/swish"] == "after swish: stem, expansions, head"
    assert kinds["excite"] == "product of squeeze-and-excite"
    rows = {row["name"]: row for row in studies.kind_study(graph, quantized, pixels[:8])}
    assert rows["everything"]["tensors"] == len(graph.nodes)
    # Errors may cancel, so that a part costs a little more than the whole; it is far above the cheap parts all the same.
    assert rows["everything"]["sqnr_db"] < min(row["sqnr_db"] for row in rows.values()) + 1.0
    assert rows["everything"]["sqnr_db"] < rows["every other activation"]["sqnr_db"] - 3.0
    assert rows["all weights, float activations"]["tensors"] == 0


def test_the_whole_of_the_kinds_is_what_the_quantised_graph_computes(
    studied: tuple[Graph, QuantizedGraph, np.ndarray],
) -> None:
    """Promise: "everything" in the table is the fake-quant graph, so that its parts are parts of that."""
    import collapse_studies as studies

    from edge_effnet.quantize.execute import float_function, input_values, quantized_function
    from edge_effnet.verify.stats import sqnr_db

    graph, quantized, pixels = studied
    values = input_values(graph, pixels[:8])
    wanted = np.asarray(float_function(graph)(values)[graph.output_name])
    found = np.asarray(quantized_function(quantized)(values)[graph.output_name])
    row = studies.kind_study(graph, quantized, pixels[:8])[0]
    assert row["sqnr_db"] == pytest.approx(sqnr_db(wanted, found), abs=0.05)


def test_the_wide_channel_is_found_and_its_tensor_costs_most(
    studied: tuple[Graph, QuantizedGraph, np.ndarray],
) -> None:
    """Promise: the tensor that the guide looks at is the one before the swish, with its outlier seen."""
    import collapse_studies as studies

    graph, quantized, pixels = studied
    assert studies.tensor_study(graph, quantized, pixels[:8])[0]["name"] == "conv"
    spread = studies.spread_of(graph, "conv", Feed(pixels).batches(8))
    assert int((spread.highs - spread.lows).argmax()) == 3
    assert spread.lows.min() < spread.inner[0] < spread.inner[1] < spread.highs.max()


def test_bias_correction_moves_the_mean_of_each_layer_to_that_of_the_float_network(
    studied: tuple[Graph, QuantizedGraph, np.ndarray],
) -> None:
    """Promise: what the guide calls the textbook correction is one."""
    import collapse_studies as studies

    from edge_effnet.quantize.execute import float_function, input_values, quantized_function

    graph, quantized, pixels = studied
    moved = studies.with_corrected_biases(graph, quantized, pixels)
    assert moved.grids == quantized.grids
    values = input_values(graph, pixels)
    wanted = np.asarray(float_function(graph)(values)["logits"]).mean(axis=0)
    means = [
        np.asarray(quantized_function(some)(values)["logits"]).mean(axis=0) for some in (quantized, moved)
    ]
    before, after = (float(np.abs(mean - wanted).max()) for mean in means)
    assert after < quantized.grids["logits"].scale
    assert after < before


def test_a_tie_of_rounded_probabilities_is_counted() -> None:
    """Promise: two classes nearer than a step of 1/256 tie, others do not."""
    import collapse_studies as studies

    near, far = [4.0, 3.999, 0.0], [4.0, 1.0, 0.0]
    assert studies.softmax_ties(np.array([near, far], np.float32)) == 50.0
