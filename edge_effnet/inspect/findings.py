"""What an audit says about a model, and what the rules are given to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from edge_effnet.inspect.records import Model, Operator, Subgraph, Tensor

__all__ = ["INTERFACES", "Audit", "Finding", "Interface", "Severity", "View"]

Severity = Literal["error", "warning", "info"]
Interface = Literal["auto", "int8", "uint8", "float32"]

INTERFACES: tuple[Interface, ...] = ("auto", "int8", "uint8", "float32")
"""What a model's inputs and outputs may be declared to be; ``auto``: as the file declares, else 8-bit ones as they are."""


@dataclass(frozen=True)
class Finding:
    """One thing that a rule has to say.

    Attributes:
        severity: An error keeps the model from being full integer; a warning costs accuracy, speed or portability.
        reason: What is the matter, with the numbers.
        fix: What to do about it.
        op_index: Place of the operator; None when it is about the model.
        op: Name of the operator; empty when it is about the model.
        tensor: Name of the tensor; empty when it is about an operator or the model.
        rule: Name of the rule.
    """

    severity: Severity
    reason: str
    fix: str
    op_index: int | None = None
    op: str = ""
    tensor: str = ""
    rule: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the record of `inspect --json`."""
        keys = ("severity", "op_index", "op", "tensor", "reason", "fix")
        return {key: getattr(self, key) for key in keys}


@dataclass(frozen=True)
class Audit:
    """Every finding about one model.

    Attributes:
        findings: Errors first, then warnings, then information; in the order of the operators.
        interface: What inputs and outputs were declared to be.
    """

    findings: tuple[Finding, ...]
    interface: Interface

    def count(self, severity: Severity) -> int:
        """Return how many findings have a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    @property
    def full_integer(self) -> bool:
        """Whether the model computes in 8-bit integers from its input to its output."""
        return self.count("error") == 0


@dataclass(frozen=True, eq=False)
class View:
    """What a rule looks at.

    Attributes:
        model: The whole file.
        interface: What inputs and outputs are declared to be.
    """

    model: Model
    interface: Interface

    @property
    def graph(self) -> Subgraph:
        """The graph that runs."""
        return self.model.main

    def about(
        self,
        severity: Severity,
        reason: str,
        fix: str,
        *,
        operator: Operator | None = None,
        tensor: Tensor | None = None,
    ) -> Finding:
        """Make a finding; one about a tensor names the operator that writes it, or the first that reads it."""
        found = operator if operator is not None or tensor is None else self.owner(tensor)
        return Finding(
            severity=severity,
            reason=reason,
            fix=fix,
            op_index=None if found is None else found.index,
            op="" if found is None else found.name,
            tensor="" if tensor is None else tensor.name,
        )

    def owner(self, tensor: Tensor) -> Operator | None:
        """Return the operator that writes a tensor, else the first that reads it, else None."""
        readers = self.graph.consumers.get(tensor.index, ())
        return self.graph.producers.get(tensor.index) or (readers[0] if readers else None)

    def used_tensors(self) -> tuple[Tensor, ...]:
        """Return the tensors that an operator touches."""
        graph = self.graph
        return tuple(t for t in graph.tensors if t.index in graph.producers or t.index in graph.consumers)
