"""Stage: report. One page, one document, one table and one card from the records of every other stage; no TensorFlow."""

from __future__ import annotations

from edge_effnet.report.changes import compare_document
from edge_effnet.report.collect import Collection, Source, collect
from edge_effnet.report.document import SCHEMA_VERSION, report_document
from edge_effnet.report.gates import Gate, failing_lines, parse_gate
from edge_effnet.report.render_compare import render_compare
from edge_effnet.report.render_csv import render_csv
from edge_effnet.report.render_html import render_html
from edge_effnet.report.render_json import render_json
from edge_effnet.report.render_markdown import render_markdown
from edge_effnet.report.write import OUTPUTS, write_report

__all__ = [
    "OUTPUTS",
    "SCHEMA_VERSION",
    "Collection",
    "Gate",
    "Source",
    "collect",
    "compare_document",
    "failing_lines",
    "parse_gate",
    "render_compare",
    "render_csv",
    "render_html",
    "render_json",
    "render_markdown",
    "report_document",
    "write_report",
]
