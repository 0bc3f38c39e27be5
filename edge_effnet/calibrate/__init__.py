"""Calibration pictures: which ones, in what order, are they fit for use, and where none are at hand, drawn from a seed."""

from edge_effnet.calibrate.feed import DEFAULT_SAMPLES, CalibrationFeed, open_calibration, split
from edge_effnet.calibrate.lint import Finding, LintReport, lint_feed, require_usable
from edge_effnet.calibrate.sets import CalibrationSet, list_set_ids, load_set

__all__ = [
    "DEFAULT_SAMPLES",
    "CalibrationFeed",
    "CalibrationSet",
    "Finding",
    "LintReport",
    "lint_feed",
    "list_set_ids",
    "load_set",
    "open_calibration",
    "require_usable",
    "split",
]
