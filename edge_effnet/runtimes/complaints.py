"""What a TFLite runtime says when it refuses a model, in this package's words."""

from __future__ import annotations

import re

from edge_effnet.errors import DataError, EdgeEffnetError, EnvironmentFault
from edge_effnet.runtimes.edgetpu import COMPILED_MARK

__all__ = ["explained"]

# How LiteRT 2.x names an operator that it cannot run. Flex comes first: its text has the name in another place.
_UNSUPPORTED = (
    re.compile(r"(?:Select TensorFlow|Regular TensorFlow) op.*?Node number \d+ \((?P<op>[^)]+)\)", re.DOTALL),
    re.compile(r"unresolved custom op: (?P<op>[^\s.]+)"),
    re.compile(
        r"Didn't find (?:custom )?op for (?:builtin opcode|name) '(?P<op>[^']+)' (?:with )?version '(?P<version>\d+)'"
    ),
    re.compile(r"Op builtin_code out of range: (?P<op>\d+)"),
)


def explained(text: str, what: str, engine: str) -> EdgeEffnetError:
    """Turn LiteRT's complaint about a model into an error of this package.

    Args:
        text: What LiteRT said.
        what: The model.
        engine: What was to run it.

    Returns:
        EnvironmentFault for an operator that the engine lacks, by its name; DataError for anything else.
    """
    for pattern in _UNSUPPORTED:
        if match := pattern.search(text):
            fields = match.groupdict()
            version = f" version {fields['version']}" if fields.get("version") else ""
            if fields["op"] == COMPILED_MARK.decode():
                return DataError(
                    f"the model is compiled for the Edge TPU, which the engine {engine} is not",
                    got=what,
                    hint="--engine edgetpu, or the file that it was compiled from",
                )
            return EnvironmentFault(
                f"the engine {engine} has no operator {fields['op']}{version}",
                got=what,
                hint="convert the model without it (see `edge-effnet inspect`) or run it where it is supported",
            )
    return DataError(
        f"LiteRT refuses the model: {' '.join(text.split())}",
        got=what,
        hint="see `edge-effnet inspect`, then convert the model again",
    )
