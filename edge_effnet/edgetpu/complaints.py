"""What the Edge TPU compiler complains of, and what to do about it: one row per wording."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["COMPLAINTS", "Complaint"]


@dataclass(frozen=True)
class Complaint:
    """One line of a log that says what went wrong.

    Attributes:
        line: As it stands there.
        cause: What it means; empty for lines that only say that it failed.
        fix: What to do about it.
    """

    line: str
    cause: str
    fix: str


COMPLAINTS: Final[tuple[tuple[re.Pattern[str], str, str], ...]] = tuple(
    (re.compile(pattern), cause, fix)
    for pattern, cause, fix in (
        (
            r"large activation tensors",
            "activations do not fit the chip",
            "a lower --resolution or a smaller variant; --search-delegate maps less of it",
        ),
        (
            r"Internal compiler error",
            "the compiler crashed: MEAN over a large map is one known reason",
            "edge-effnet edgetpu check; convert --target edgetpu",
        ),
        (
            r"Didn't find op for builtin opcode '(?P<op>[^']*)' version '(?P<version>\d+)'",
            "an operator is younger than the compiler's reader (TFLite 2.5)",
            "convert again with edge-effnet convert --int8, which keeps to old versions",
        ),
        (
            r"Encountered unresolved custom op|Regular TensorFlow ops are not supported",
            "an operator that only another runtime has",
            "replace the layer by builtin operators",
        ),
        (r"Model not quantized", "its layers are float", "edge-effnet convert --int8"),
        (r"static-sized tensors", "a tensor has an open size", "convert with a fixed batch of 1"),
        (r"Model could not be parsed", "the compiler cannot read the file", "edge-effnet edgetpu check"),
        (r"^Invalid model", "", "edge-effnet edgetpu check"),
        (r"Registration failed", "", "edge-effnet edgetpu check"),
        (
            r"(?i)(timed out|did(n't| not) complete within|compilation timeout expired|killed .*timeout)",
            "it took longer than its time limit",
            "raise --timeout",
        ),
        (r"(?i)segmentation fault|core dumped", "the compiler crashed", "edge-effnet edgetpu check"),
        (r"^Restored original execution plan|delegate application failure", "", "edge-effnet edgetpu check"),
        (r"^Compilation failed", "", "edge-effnet edgetpu check"),
        (r"^ERROR:", "", "edge-effnet edgetpu check"),
    )
)
"""Pattern -> cause and fix, the most telling first. A cause is empty where the line only says that something failed."""
