"""The four files of a report: nothing injected, nothing loaded, nothing mixed up, nothing slow."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from report import records

from edge_effnet.errors import OutputExistsError, UsageError
from edge_effnet.report import (
    OUTPUTS,
    collect,
    compare_document,
    parse_gate,
    render_compare,
    render_csv,
    render_html,
    render_markdown,
    report_document,
    write_report,
)

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "</style></script><script>alert(1)</script><img src=http://example.invalid/x onerror=alert(2)>\"'{{7*7}}|`=1"
_PICTURE = "data:image/jpeg;base64,AAAA"


class Page(HTMLParser):
    """Collects tags with their attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag."""
        self.tags.append((tag, {key: value or "" for key, value in attrs}))

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        """Return the attributes of every tag of a name."""
        return [attributes for name, attributes in self.tags if name == tag]


def hostile(value: Any) -> Any:
    """Return a record with every free text replaced by markup."""
    keep = {"sha256", "timing", "status", "severity", "kind", "right", "image", "engine", "time_utc", "part", "unit",
            "precision", "means", "dtype"}  # fmt: skip
    if isinstance(value, dict):
        return {key: item if key in keep else hostile(item) for key, item in value.items()}
    if isinstance(value, list):
        return [hostile(item) for item in value]
    is_text = isinstance(value, str) and not re.fullmatch("[0-9a-f]{64}", value)
    return f"{value}{HOSTILE}" if is_text else value


def everything(name: str = "int8", reference: str = "float") -> dict[str, dict[str, Any]]:
    """Return a record of every kind."""
    notice = {"code": "noisy", "severity": "warning", "message": "wide", "advice": "wait"}
    missing = records.result(name, None, status="missing", reason="no device", target="adb")
    modelled = records.result(name, 3.0, timing="modelled", target="edgetpu", samples_ms=None, rounds=None)
    counted = records.result(name, None, timing="none", target="arm64:cortex-a76", instructions=73_123_456)
    matrix = {"classes": ["cat", "dog"], "counts": [[3, 1], [0, 2]]}
    scores = records.score(reference, 78), records.score(name, 77) | {"confusion_matrix": matrix}
    sides = [records.disagreement("newt", image=_PICTURE), records.disagreement("crane")]
    return {
        "bench": records.bench(
            records.result(reference, 20.0), records.result(name, notices=[notice]), missing, modelled, counted,
            ratios=({"a": 0, "b": 1, "ratio": 2.0, "ci95": [1.9, 2.1]},),
        ),
        "profile": records.profile(name), "counts": records.profile(name, counted=True),
        "eval": records.evaluation(*scores, disagreements=sides), "verify": records.verification(name, reference),
        "inspect": records.inspection(name, errors=1), "convert": records.conversion(name),
        "contract": records.contract(name),
    }  # fmt: skip


def document(folder: Path, found: dict[str, dict[str, Any]], *gates: str) -> dict[str, Any]:
    """Return the report on records."""
    return report_document(collect([records.save(folder, **found)]), [parse_gate(gate) for gate in gates])


def test_a_hostile_name_or_label_or_path_stays_text(tmp_path: Path) -> None:
    """In every place of the page and of a comparison: no element, no attribute, no address of it."""
    plain, bad = everything(), {key: hostile(record) for key, record in everything().items()}
    report = document(tmp_path / "bad", bad, "top1_drop>0.5")
    pages = [Page(render_html(report))]
    assert {tag for tag, _ in pages[0].tags} == {
        tag for tag, _ in Page(render_html(document(tmp_path / "x", plain, "top1_drop>0.5"))).tags
    }
    sides = [collect([records.save(tmp_path / name, **found)]) for name, found in (("a", bad), ("b", plain))]
    pages.append(Page(render_compare(compare_document(sides[0], sides[1], (HOSTILE, HOSTILE)))))
    for page in pages:
        assert not page.all("script")
        assert "<script>alert(1)</script>" in page.text
        assert not any(key.startswith("on") for _, attributes in page.tags for key in attributes)
        addresses = [
            value for _, attributes in page.tags for key in ("src", "href") if (value := attributes.get(key))
        ]
        assert all(value.startswith(("#", "data:image/jpeg;base64,", "data:,")) for value in addresses)
        assert "49" not in re.findall(r"\{\{7\*7\}\}|\b49\b", page.text)


@pytest.mark.parametrize("image", ["http://example.invalid/x.png", "javascript:alert(1)", "data:text/html;base64,AAAA",
                                   'data:image/png;base64,AA" onerror="x', "data:image/svg+xml;base64,AAAA"])  # fmt: skip
def test_only_pictures_that_lie_in_the_record_are_shown(tmp_path: Path, image: str) -> None:
    """A record cannot make the page load anything."""
    found = records.evaluation(
        records.score("f", 78),
        records.score("m", 77),
        disagreements=[records.disagreement("newt", image=image)],
    )
    page = Page(render_html(document(tmp_path, {"e": found})))
    assert not page.all("img")
    assert "no picture" in page.text


def test_the_page_forbids_itself_the_network(tmp_path: Path) -> None:
    """By its own policy, whatever is in it; and there is no script at all."""
    page = Page(render_html(document(tmp_path, everything())))
    (policy,) = [
        meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert not page.all("script")
    assert not page.all("iframe")
    assert not page.all("object")
    assert [link["href"] for link in page.all("link")] == ["data:,"]


def test_every_drawing_has_a_text_and_a_table_behind_it(tmp_path: Path) -> None:
    """Title and description of plots, a label on bars, and as many tables to open."""
    text = render_html(document(tmp_path, everything()))
    page = Page(text)
    plots = [svg for svg in page.all("svg") if svg.get("role") == "img"]
    assert len(plots) == 2
    for plot in plots:
        for identifier in plot["aria-labelledby"].split():
            assert re.search(rf'<(title|desc) id="{identifier}">[^<]{{20,}}', text)
    bars = [div for div in page.all("div") if div.get("class") == "bars"]
    assert len(bars) == 5
    assert all(div["role"] == "img" and len(div["aria-label"]) > 20 for div in bars)
    assert text.count("<details") >= 6
    assert all(svg.get("aria-hidden") == "true" for svg in page.all("svg") if svg not in plots)


def test_measured_counted_and_modelled_figures_share_no_column(tmp_path: Path) -> None:
    """On the page they have tables of their own, in the CSV columns of their own."""
    report = document(tmp_path, everything())
    text = render_html(report)
    measured = text[text.index("Measured: a clock") : text.index("Counted in an emulator")]
    counted = text[text.index("<h3>Counted in an emulator") : text.index("<h3>Modelled")]
    modelled = text[text.index("<h3>Modelled") : text.index("<h3>Not run")]
    assert "73,123,456" in counted
    assert "73,123,456" not in measured + modelled
    assert "edgetpu" in modelled
    assert "edgetpu" not in measured + counted
    rows = {
        row["timing"]: row for row in csv.DictReader(io.StringIO(render_csv(report))) if row["status"] == "ok"
    }
    assert (
        rows["measured"]["p50_ms"] != "",
        rows["measured"]["modelled_ms"],
        rows["measured"]["instructions"],
    ) == (True, "", "")
    assert (rows["modelled"]["p50_ms"], rows["modelled"]["modelled_ms"]) == ("", "3.0")
    assert (rows["none"]["p50_ms"], rows["none"]["instructions"]) == ("", "73123456")


def test_no_result_disappears_from_the_page(tmp_path: Path) -> None:
    """A mean without a median is shown as one; a result with neither is listed as not run."""
    mean = records.result("only-a-mean", None, mean_ms=12.5, target="adb")
    nothing = records.result("nothing-at-all", None, timing="none", target="arm64:cortex-a55")
    text = render_html(document(tmp_path, {"b": records.bench(mean, nothing)}))
    measured, rest = text[text.index("Measured: a clock") :].split("<h3>Not run")
    assert "mean 12.5" in measured
    assert "nothing-at-all" in rest
    assert "no time and no count" in rest


def test_how_models_were_made_is_shown(tmp_path: Path) -> None:
    """The ladder with the rung that was taken, and what was not tried."""
    rung = {"name": "ptq", "drop_top1": 1.25, "ci95": [0.5, 2.0], "agreement": 95.0, "sqnr_db": 20.0, "seconds": 3.0,
            "size_bytes": 6_000_000, "median_ms": 10.0, "sha256": "a" * 64, "full_integer": True}  # fmt: skip
    tuned = {
        "schema_version": 1, "path": "m.tflite", "sha256": "a" * 64, "full_integer": True, "max_drop": 1.0, "rungs": [rung],
        "skipped": [{"name": "qat", "reason": "no pictures to train on"}], "chosen": "ptq", "met": False, "why": "None meets it.",
        "n": 500, "float_top1": 77.0, "model": {"id": "b0", "resolution_px": 224, "weights": {"source": "b0.h5", "sha256": "b" * 64, "kind": "file"}}, "calibration": {"id": "train", "sha256": "c" * 64, "count": 300}, "latency": {"kind": "measured", "what": "w", "statistic": "median", "engine": "xnnpack", "threads": 1, "n": 5, "host": {}},
        "folder": "run", "notes": [], "seconds": {},
    }  # fmt: skip
    text = render_html(document(tmp_path, {"t": tuned}))
    assert "\u22121.25 [\u22122.00, \u22120.50]" in text
    assert "not within 1.00 points" in text
    assert "no pictures to train on" in text


def test_the_table_has_no_formula_in_it(tmp_path: Path) -> None:
    """A spreadsheet runs what begins with an equals sign."""
    found = records.inspection("m") | {"path": "=HYPERLINK(1).tflite"}
    (row,) = csv.DictReader(io.StringIO(render_csv(document(tmp_path, {"i": found}))))
    assert row["model"] == "'=HYPERLINK(1)"


def test_the_card_has_front_matter_that_the_hub_reads(tmp_path: Path) -> None:
    """YAML between two rules: library, task, tags, and the measured accuracy with its interval and n."""
    text = render_markdown(document(tmp_path, everything()))
    matter = yaml.safe_load(text.split("---\n")[1])
    assert (matter["library_name"], matter["pipeline_tag"]) == ("tflite", "image-classification")
    (entry,) = matter["model-index"]
    metrics = entry["results"][0]["metrics"]
    assert entry["name"] == "int8"
    assert metrics[0] == {
        "type": "accuracy",
        "name": "Top-1 accuracy (%)",
        "value": 77.0,
        "args": {"ci95": [69.0, 85.0], "n": 100},
    }
    assert entry["results"][0]["dataset"]["args"]["images_sha256"] == records.sha("set")


def test_a_hostile_card_stays_text(tmp_path: Path) -> None:
    """Neither the front matter nor the page that a hub makes of the card is broken out of."""
    text = render_markdown(document(tmp_path, {key: hostile(record) for key, record in everything().items()}))
    body = text.split("---\n", 2)[2]
    assert "<script" not in body
    assert "<img" not in body
    assert "://" not in body
    assert yaml.safe_load(text.split("---\n")[1])["library_name"] == "tflite"


def test_random_weights_have_an_accuracy_in_none_of_the_files(tmp_path: Path) -> None:
    """The record says 12.34 %; the report does not."""
    score = records.score("m", 1) | {"top1": 12.34}
    found = {"c": records.conversion("m", weights="random"), "e": records.evaluation(score)}
    report = document(tmp_path, found)
    for name, render in OUTPUTS.items():
        text = render({**report, "sources": []}) if name == "report.json" else render(report)
        assert "12.34" not in text, name
        assert "random" in text or name == "report.csv"
    assert "model-index" not in render_markdown(report)


def test_files_are_refused_before_the_work_and_written_together(tmp_path: Path) -> None:
    """Without --force nothing is overwritten; a file in the way of the folder is said."""
    report = document(tmp_path / "run", {"i": records.inspection("m")})
    written = write_report(report, tmp_path / "out")
    assert {path.name for path in written} == set(OUTPUTS)
    with pytest.raises(OutputExistsError):
        write_report(report, tmp_path / "out")
    write_report(report, tmp_path / "out", force=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="not a folder"):
        write_report(report, tmp_path / "file")


def test_two_hundred_records_take_less_than_five_seconds(tmp_path: Path) -> None:
    """Forty models with five records each, as large as real ones, from files to files."""
    for index in range(40):
        name = f"m{index}"
        found = everything(name, "float")
        layers = [
            {"op_index": i, "op": "CONV_2D", "name": f"layer{i}", "shape": [1, 7, 7, 320]} for i in range(300)
        ]
        found["inspect"]["layers"] = layers
        found["profile"]["operators"] *= 17
        found["verify"]["layers"] *= 200
        for result in found["bench"]["results"]:
            if result["samples_ms"]:
                result["samples_ms"] *= 5
        kept = {key: found[key] for key in ("bench", "profile", "eval", "verify", "inspect")}
        records.save(tmp_path / "run" / name, **kept)
    start = time.perf_counter()
    found = collect([tmp_path / "run"])
    write_report(report_document(found, [parse_gate("p90_ms>12")]), tmp_path / "out")
    seconds = time.perf_counter() - start
    assert len(found.sources) == 200
    assert seconds < 5.0
    assert len(json.loads((tmp_path / "out" / "report.json").read_text())["models"]) == 41
