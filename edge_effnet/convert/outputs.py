"""The files that a conversion leaves: the model, its contract, and ``contract.json`` in the same folder; all or none."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.artifacts import atomic_output, check_output
from edge_effnet.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.progress import Reporter

__all__ = ["Outputs"]

_COMMON: Final = "contract.json"


@dataclass(frozen=True)
class Outputs:
    """Where a conversion writes.

    Attributes:
        model: The .tflite file.
        force: Overwrite.
    """

    model: Path
    force: bool

    @property
    def contract(self) -> Path:
        """The model's own contract."""
        return self.model.with_suffix(f".{_COMMON}")

    @property
    def common(self) -> Path:
        """The contract under the name that every reader looks for first."""
        return self.model.with_name(_COMMON)

    def check(self) -> None:
        """Refuse outputs before the work begins, not after it.

        Raises:
            OutputExistsError: The model is there, or its contract's name is taken by something else.
            UsageError: The folder does not exist, or the model would have its contract's name.
            EnvironmentFault: The folder cannot be written.
        """
        check_output(self.model, force=self.force)
        if self.model in {self.contract, self.common}:
            raise UsageError(
                "the model would be overwritten by its contract", got=self.model, hint="choose another -o"
            )
        check_output(self.contract, force=self._may_replace(self.contract))

    def _may_replace(self, contract: Path) -> bool:
        """A contract of this very model goes with it; anything else is kept unless forced."""
        return self.force or _owner(contract) == self.model.name

    def write(self, content: bytes, contract: dict[str, Any], reporter: Reporter) -> None:
        """Write all files, or leave none: the model gets its name last.

        ``contract.json`` of another model stays as it is, whatever ``force`` says, with a note.
        """
        text = (json.dumps(contract, indent=2) + "\n").encode()
        contents = {self.model: content, self.contract: text, self.common: text}
        if self.common.exists() and _owner(self.common) != self.model.name:
            del contents[self.common]
            note = f"{self.common} belongs to another model and stays; this one's contract is {self.contract.name}"
            reporter.note("skipped", note)
        with contextlib.ExitStack() as files:  # they get their names in reverse order
            for path, data in contents.items():
                force = self.force if path == self.model else self._may_replace(path)
                files.enter_context(atomic_output(path, force=force)).write_bytes(data)


def _owner(contract: Path) -> str | None:
    """Return the name of the model that a contract is of, if it is one."""
    try:
        owner = json.loads(contract.read_text(encoding="utf-8")).get("file")
    except (ValueError, AttributeError, OSError):
        return None
    return owner if isinstance(owner, str) else None
