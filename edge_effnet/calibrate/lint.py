"""What is wrong with a set of calibration pictures, said before they are used."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.calibrate.copies import near_copies
from edge_effnet.errors import DataError
from edge_effnet.images import list_images

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from edge_effnet.calibrate.feed import CalibrationFeed
    from edge_effnet.calibrate.survey import Picture

    Severity = Literal["fatal", "warning", "info"]

__all__ = ["FEW_PICTURES", "MIN_PICTURES", "Finding", "LintReport", "lint_feed", "require_usable"]

MIN_PICTURES: Final = 8
"""Fewer is fatal: one unusual picture would be more than an eighth of every range that is set from them."""

FEW_PICTURES: Final = 100
"""Fewer is a warning: TensorFlow's guide asks for 100 to 500 pictures.

References:
    https://ai.google.dev/edge/litert/models/post_training_integer_quant, "representative dataset".
"""

_NARROW_RANGE: Final = 128
_LISTED: Final = 20


@dataclass(frozen=True)
class Finding:
    """One thing worth knowing about a set.

    Attributes:
        severity: ``fatal`` (the set must not be used), ``warning`` or ``info``.
        kind: What sort of thing, a word that scripts may rely on.
        detail: One sentence.
        files: The pictures it is about, the first 20.
    """

    severity: Severity
    kind: str
    detail: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class LintReport:
    """Everything found in one set."""

    id: str
    count: int
    findings: tuple[Finding, ...]

    @property
    def fatal(self) -> tuple[Finding, ...]:
        """Return the findings that forbid the set's use."""
        return tuple(finding for finding in self.findings if finding.severity == "fatal")

    def to_record(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        findings = [{**asdict(finding), "files": list(finding.files)} for finding in self.findings]
        return {"id": self.id, "count": self.count, "findings": findings}


def lint_feed(feed: CalibrationFeed, evaluation: Path | None = None) -> LintReport:
    """Examine a set; nothing is decoded again.

    Args:
        feed: The set.
        evaluation: Folder of the pictures that the model will be judged on, if known.
    """
    findings = [finding for check in _CHECKS for finding in check(feed)]
    if evaluation is not None:
        findings += _overlap(feed, evaluation)
    return LintReport(feed.id, feed.count, tuple(findings))


def require_usable(report: LintReport) -> None:
    """Refuse a set with a fatal finding.

    Raises:
        DataError: There is one; all of them are in the message.
    """
    if report.fatal:
        raise DataError(
            "the calibration set cannot be used: " + "; ".join(finding.detail for finding in report.fatal),
            got=f"{report.id}, {report.count} pictures",
            hint="give other pictures, or --calibration synthetic-v1",
        )


def _check_count(feed: CalibrationFeed) -> list[Finding]:
    least = min(MIN_PICTURES, feed.requested)
    if feed.count < least:
        return [
            Finding("fatal", "count", f"only {feed.count} pictures can be read, at least {least} are needed")
        ]
    if feed.count < min(FEW_PICTURES, feed.requested):
        return [
            Finding("warning", "count", f"{feed.count} pictures are few; {FEW_PICTURES} or more are better")
        ]
    return []


def _check_unreadable(feed: CalibrationFeed) -> list[Finding]:
    if not feed.unreadable:
        return []
    lines = [f"{file.name}: {file.reason}" for file in feed.unreadable]
    return [_about("warning", "unreadable", f"{len(lines)} files cannot be read and were left out", lines)]


def _check_copies(feed: CalibrationFeed) -> list[Finding]:
    """Tell exact copies, by hash, and near copies, by thumbnail."""
    groups: defaultdict[str, list[Picture]] = defaultdict(list)
    for picture in feed.pictures:
        groups[picture.sha256].append(picture)
    copies = [f"{picture.name} = {group[0].name}" for group in groups.values() for picture in group[1:]]
    near = near_copies([group[0] for group in groups.values()])
    return [
        _about("warning", kind, f"{len(names)} pictures are {words} another one", names)
        for kind, words, names in (
            ("duplicate", "exact copies of", copies),
            ("near_duplicate", "nearly the same as", near),
        )
        if names
    ]


def _check_classes(feed: CalibrationFeed) -> list[Finding]:
    counts = Counter(picture.label for picture in feed.pictures if picture.label is not None)
    if not counts:
        return []
    most, fewest = max(counts.values()), min(counts.values())
    detail = f"{len(counts)} classes, {fewest} to {most} pictures each"
    if len(counts) == 1 and feed.count > 1:
        return [Finding("warning", "classes", f"all pictures are of one class, {next(iter(counts))!r}")]
    return [Finding("warning" if most > 10 * fewest else "info", "classes", detail)]


def _check_range(feed: CalibrationFeed) -> list[Finding]:
    """Compare with the contract: raw pixels, 0 to 255."""
    if not feed.pictures:
        return []
    low, high = min(p.low for p in feed.pictures), max(p.high for p in feed.pictures)
    if high <= 1:
        return [
            Finding(
                "fatal", "value_range", f"values span {low}..{high}: normalised, where raw 0..255 is expected"
            )
        ]
    if high - low < _NARROW_RANGE:
        return [Finding("warning", "value_range", f"values span only {low}..{high} of 0..255")]
    return []


def _check_one_colour(feed: CalibrationFeed) -> list[Finding]:
    names = [picture.name for picture in feed.pictures if picture.spread == 0]
    return [_about("warning", "one_colour", f"{len(names)} pictures are one colour", names)] if names else []


_CHECKS: Final[tuple[Callable[[CalibrationFeed], list[Finding]], ...]] = (
    _check_count,
    _check_unreadable,
    _check_copies,
    _check_classes,
    _check_range,
    _check_one_colour,
)


def _overlap(feed: CalibrationFeed, evaluation: Path) -> list[Finding]:
    """Find evaluation files that are calibration files byte for byte; an accuracy on those would flatter."""
    known = {picture.sha256: picture.name for picture in feed.pictures}
    hashes = ((path, sha256_of_file(path)) for path in list_images(evaluation))
    shared = [
        f"{known[sha256]} = {path.relative_to(evaluation).as_posix()}"
        for path, sha256 in hashes
        if sha256 in known
    ]
    if not shared:
        return []
    return [
        _about(
            "fatal", "evaluation_overlap", f"{len(shared)} pictures are also in the evaluation set", shared
        )
    ]


def _about(severity: Severity, kind: str, detail: str, files: Sequence[str]) -> Finding:
    return Finding(severity, kind, detail, tuple(files[:_LISTED]))
